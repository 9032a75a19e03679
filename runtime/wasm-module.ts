import type { Plan } from '../ir/plan.ts';
import { RuntimeError } from './errors.ts';

// What a module may be, so that an engine can be given one from a stranger. A module that passes can compute and write its
// memory, and nothing else: it reaches no object of the host, and allocates nothing, since it has no memory, table, global,
// tag or data of its own and no types of structures or arrays. Types of values within function bodies are the engine's to check.
//
//   section   form of the WebAssembly specification 3.0, 5.5
//   type      functions over numbers and vectors
//   import    exactly one: `env.memory`, of the plan's pages, which cannot grow, is not shared and has 32-bit addresses
//   function  of these types
//   export    exactly the kernels of the plan, each a function of one i32 per binding, and two for its parts, without a result
//   code      as many bodies
//
// Each stands at most once, in this order. All other sections are refused, custom ones too: the compiler writes none.

const SECTIONS = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** i32, i64, f32, f64, v128. */
const NUMBERS = [0x7f, 0x7e, 0x7d, 0x7c, 0x7b];
const FUNCTION_TYPE = 0x60;
const MEMORY = 2;
/** A minimum and a maximum, and no other flag. */
const BOTH_LIMITS = 1;

function refuse(reason: string): never {
  throw new RuntimeError(
    'invalid-module',
    `the module is refused: ${reason}; build the model again`,
  );
}

/** Refuses a module that could do more than run the kernels of `plan`, before an engine sees it. Error: `invalid-module`. */
export function checkWasmModule(bytes: Uint8Array, { kernels, module }: Plan): void {
  if (HEADER.some((byte, k) => bytes[k] !== byte)) refuse('it is not WebAssembly, version 1');
  /** By name, what is not exported yet: how many numbers it takes. */
  const wanted = new Map<string | undefined, number>();
  for (const kernel of kernels) {
    const length = kernel.bindings.length + (kernel.parts === undefined ? 0 : 2);
    if ((wanted.get(kernel.export) ?? length) !== length)
      refuse(`kernels of different bindings are '${kernel.export}'`);
    wanted.set(kernel.export, length);
  }
  /** Per type: how many i32 a function of it takes that takes nothing else and gives nothing; -1 for other types. */
  let addresses: number[] = [];
  let functions: number[] = [];
  let bodies = 0;
  let imported = false;
  let last = 0;
  const file = new Reader(bytes, HEADER.length, bytes.length);
  while (!file.atEnd()) {
    const id = file.byte();
    const section = file.part(file.u32());
    if (id <= last || !(Object.values(SECTIONS) as number[]).includes(id))
      refuse(`it has a section ${id} in a place where btc writes none`);
    last = id;
    if (id === SECTIONS.type) addresses = readTypes(section);
    else if (id === SECTIONS.import) {
      readMemory(section, module?.pages ?? 0);
      imported = true;
    } else if (id === SECTIONS.function)
      functions = section.list(() => typeAt(addresses, section.u32()));
    else if (id === SECTIONS.export) readExports(section, functions, wanted);
    else bodies = section.list(() => section.part(section.u32())).length;
    if (!section.atEnd()) refuse(`section ${id} is longer than what it holds`);
  }
  if (!imported) refuse("it does not import its memory, 'env' 'memory'");
  for (const name of wanted.keys()) refuse(`it does not export the kernel '${name}'`);
  if (bodies !== functions.length)
    refuse(`it has ${bodies} bodies for ${functions.length} functions`);
}

function readTypes(section: Reader): number[] {
  return section.list(() => {
    if (section.byte() !== FUNCTION_TYPE) refuse('it has a type that is not of functions');
    const numbers = () =>
      section.list(() => {
        const type = section.byte();
        if (!NUMBERS.includes(type)) refuse('it has a function that takes or gives references');
        return type;
      });
    const parameters = numbers();
    const results = numbers();
    const isKernel = results.length === 0 && parameters.every((type) => type === NUMBERS[0]);
    return isKernel ? parameters.length : -1;
  });
}

function typeAt(addresses: readonly number[], index: number): number {
  return addresses[index] ?? refuse(`there is no type ${index}`);
}

function readMemory(section: Reader, pages: number): void {
  const count = section.u32();
  if (count !== 1) refuse(`it has ${count} imports, and may import its memory alone`);
  const [from, name, kind] = [section.name(), section.name(), section.byte()];
  if (from !== 'env' || name !== 'memory' || kind !== MEMORY)
    refuse(`it imports '${from}' '${name}', and may import its memory, 'env' 'memory', alone`);
  const limits = section.byte();
  if (limits !== BOTH_LIMITS || section.u32() !== pages || section.u32() !== pages)
    refuse(`its memory is not one of exactly ${pages} pages, as the plan says`);
}

/** Takes what is exported, all of it kernels of the plan, off what is wanted. */
function readExports(
  section: Reader,
  functions: readonly number[],
  wanted: Map<string | undefined, number>,
): void {
  section.list(() => {
    const name = section.name();
    const addresses = wanted.get(name);
    if (addresses === undefined) refuse(`it exports '${name}', which is no kernel of the plan`);
    wanted.delete(name);
    if (section.byte() !== 0 || functions[section.u32()] !== addresses)
      refuse(`'${name}' is not a function of ${addresses} addresses, as the plan says`);
  });
}

/** Reads numbers and names of the binary format from `at` up to `end`, and never beyond. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  atEnd(): boolean {
    return this.#at === this.#end;
  }

  byte(): number {
    if (this.#at >= this.#end) refuse('it ends in the middle of a section');
    return this.#bytes[this.#at++];
  }

  /** LEB128 of 32 bits, without a sign. */
  u32(): number {
    let value = 0;
    for (let digit = 1; digit <= 2 ** 28; digit *= 128) {
      const byte = this.byte();
      value += (byte & 127) * digit;
      if (value >= 2 ** 32) break;
      if (byte < 128) return value;
    }
    return refuse('a number in it has more than 32 bits');
  }

  /** The next `length` bytes, on their own. */
  part(length: number): Reader {
    const start = this.#at;
    if (length > this.#end - start) refuse('it ends in the middle of a section');
    this.#at += length;
    return new Reader(this.#bytes, start, this.#at);
  }

  /** Items behind their number. Each takes a byte at least, so that no number makes this long. */
  list<T>(item: () => T): T[] {
    const items: T[] = [];
    for (let left = this.u32(); left > 0; left--) items.push(item());
    return items;
  }

  name(): string {
    const end = this.u32() + this.#at;
    const bytes = this.#bytes.subarray(this.#at, end);
    this.part(end - this.#at);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  }
}
