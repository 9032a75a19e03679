import { Bytes } from './bytes.ts';
import { assembleBody, typeOf } from './function.ts';
import { Tokens } from './tokens.ts';

// WebAssembly text as the code generator writes it, as a binary module: a memory that is imported, and functions of folded
// instructions in which everything has a name. It is the part of the language that kernels use, and no more.

/** The parts of a binary module, by their number. */
const SECTIONS = { types: 1, imports: 2, functions: 3, exports: 7, code: 10 } as const;
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const FUNCTION_TYPE = 0x60;
const MEMORY = 0x02;
const WITH_MAXIMUM = 0x01;

/** A module on its way: the contents of its sections, without how many there are. */
interface Assembly {
  readonly functions: ReadonlyMap<string, number>;
  /** By signature, in the order of first use. */
  readonly types: Map<string, number>;
  readonly typeBytes: Bytes;
  readonly imports: Bytes[];
  readonly signatures: number[];
  readonly exports: Bytes[];
  readonly code: Uint8Array[];
}

/** @throws Error for text that is not of this part of the language: a defect of the code generator */
export function assembleWat(text: string): Uint8Array<ArrayBuffer> {
  const names = [...text.matchAll(/\(func (\$[^\s()]+)/g)].map(([, name]) => name);
  const module: Assembly = {
    functions: new Map(names.map((name, index) => [name, index])),
    types: new Map(),
    typeBytes: new Bytes(),
    imports: [],
    signatures: [],
    exports: [],
    code: [],
  };
  const tokens = new Tokens(text);
  tokens.expect('(');
  tokens.expect('module');
  while (tokens.take('(')) {
    const kind = tokens.next();
    if (kind === 'import') module.imports.push(importedMemory(tokens));
    else if (kind === 'func') assembleFunction(tokens, module);
    else throw tokens.problem(`'${kind}' is no part of a module of kernels`);
  }
  tokens.expect(')');
  return written(module);
}

/** `"env" "memory" (memory 3 3)` */
function importedMemory(tokens: Tokens): Bytes {
  const bytes = new Bytes();
  for (let k = 0; k < 2; k++) bytes.sized(textOf(tokens.next()));
  tokens.expect('(');
  tokens.expect('memory');
  bytes.all([MEMORY, WITH_MAXIMUM]);
  for (let k = 0; k < 2; k++) bytes.unsigned(Number(tokens.next()));
  tokens.expect(')');
  tokens.expect(')');
  return bytes;
}

const textOf = (quoted: string) => new TextEncoder().encode(quoted.slice(1, -1));

function assembleFunction(tokens: Tokens, module: Assembly): void {
  const locals = new Map<string, number>();
  const index = module.code.length;
  tokens.next();
  if (tokens.follows('(', 'export')) {
    tokens.next();
    tokens.next();
    const bytes = new Bytes();
    bytes.sized(textOf(tokens.next()));
    bytes.byte(0);
    bytes.unsigned(index);
    module.exports.push(bytes);
    tokens.expect(')');
  }
  const parameters = declared(tokens, 'param', locals);
  const results = tokens.follows('(', 'result') ? [declaredType(tokens)] : [];
  module.signatures.push(typeIndex(module, parameters, results));
  const types = declared(tokens, 'local', locals);
  const body = new Bytes();
  const runs = runsOf(types);
  body.unsigned(runs.length);
  for (const { type, count } of runs) {
    body.unsigned(count);
    body.byte(type);
  }
  body.all(assembleBody(tokens, { functions: module.functions, locals }));
  module.code.push(body.view());
}

/** `(param $a i32) (param $b v128)`: the types; the names are numbered on. */
function declared(tokens: Tokens, kind: string, locals: Map<string, number>): number[] {
  const types: number[] = [];
  while (tokens.follows('(', kind)) {
    tokens.next();
    tokens.next();
    locals.set(tokens.next(), locals.size);
    types.push(typeOf(tokens));
    tokens.expect(')');
  }
  return types;
}

function declaredType(tokens: Tokens): number {
  tokens.next();
  tokens.next();
  const type = typeOf(tokens);
  tokens.expect(')');
  return type;
}

function typeIndex(module: Assembly, parameters: readonly number[], results: readonly number[]) {
  const key = `${parameters}:${results}`;
  const known = module.types.get(key);
  if (known !== undefined) return known;
  module.typeBytes.byte(FUNCTION_TYPE);
  module.typeBytes.sized(parameters);
  module.typeBytes.sized(results);
  module.types.set(key, module.types.size);
  return module.types.size - 1;
}

/** Neighbours of one type are declared together. */
function runsOf(types: readonly number[]): { readonly type: number; readonly count: number }[] {
  const runs: { type: number; count: number }[] = [];
  for (const type of types) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  return runs;
}

function written(module: Assembly): Uint8Array<ArrayBuffer> {
  const bytes = new Bytes();
  bytes.all(HEADER);
  const section = (id: number, count: number, parts: readonly ArrayLike<number>[]) => {
    if (count === 0) return;
    const content = new Bytes();
    content.unsigned(count);
    for (const part of parts) content.all(part);
    bytes.byte(id);
    bytes.sized(content.view());
  };
  const views = (parts: readonly Bytes[]) => parts.map((part) => part.view());
  section(SECTIONS.types, module.types.size, [module.typeBytes.view()]);
  section(SECTIONS.imports, module.imports.length, views(module.imports));
  const signatures = new Bytes();
  for (const type of module.signatures) signatures.unsigned(type);
  section(SECTIONS.functions, module.signatures.length, [signatures.view()]);
  section(SECTIONS.exports, module.exports.length, views(module.exports));
  const code = new Bytes();
  for (const body of module.code) code.sized(body);
  section(SECTIONS.code, module.code.length, [code.view()]);
  return bytes.view().slice();
}
