import { valueType } from '../ir/dtypes.ts';
import type { Plan, PlanOutput, PlanProgram } from '../ir/plan.ts';
import { persistentTensors } from './checkpoint.ts';
import { RuntimeError } from './errors.ts';
import type { BufferUse, DeviceRange, Executor, TensorData, Value, Wanted } from './executor.ts';
import type { GpuBufferRange } from './gpu-types.ts';
import { checkIndexRanges } from './index-ranges.ts';
import { arrayFor, bufferRange, kindOf, toTensorData } from './values.ts';

/** The error for a name that does not exist, with those that do. */
export function unknownName(
  what: string,
  name: unknown,
  where: string,
  known: Iterable<string>,
): RuntimeError {
  const names = [...known];
  const list = names.length === 0 ? 'none' : names.map((known) => `'${known}'`).join(', ');
  const given = typeof name === 'string' ? `'${name}'` : `that is ${kindOf(name)}`;
  return new RuntimeError('unknown-name', `${where} has no ${what} ${given}; it has ${list}`);
}

export function noDeviceMemory(what: string): RuntimeError {
  return new RuntimeError(
    'no-device-memory',
    `${what}, but the session has no memory of a GPU here: it runs on WebAssembly or in a worker; give and take arrays, or use load with target 'webgpu'`,
  );
}

/** What a caller gave as an object of values by name. Error: `invalid-input`. */
function namedObject(given: unknown, what: string): Readonly<Record<string, unknown>> {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  if (isObject && !ArrayBuffer.isView(given)) return given as Readonly<Record<string, unknown>>;
  throw new RuntimeError(
    'invalid-input',
    `${what} are an object of values by name, but ${kindOf(given)} was given`,
  );
}

/** Values for persistent tensors by name, copied. Errors: `unknown-name`, `invalid-input`. */
export function namedValues(plan: Plan, given: unknown): Map<string, TensorData> {
  const tensors = new Map(persistentTensors(plan).map((tensor) => [tensor.name, tensor]));
  const values = new Map<string, TensorData>();
  for (const [name, value] of Object.entries(namedObject(given, 'parameters'))) {
    const tensor = tensors.get(name);
    if (!tensor) throw unknownName('parameter', name, `plan '${plan.name}'`, tensors.keys());
    const type = { dtype: valueType(tensor.dtype), shape: tensor.shape };
    values.set(name, toTensorData(value, type, `parameter '${name}'`));
  }
  return values;
}

/** What takes the buffers that a caller gives, and how it is asked. */
export interface Takes {
  readonly plan: Plan;
  readonly rangeOf: Executor['rangeOf'];
  /** Whether arrays of the caller's are read before anything else happens, and need not be copied. */
  readonly atOnce: boolean;
}

/** Checks a buffer for a tensor. Errors: `invalid-buffer`, `no-device-memory`. */
function rangeFor(
  { plan, rangeOf }: Takes,
  given: GpuBufferRange,
  tensor: number,
  use: BufferUse,
  what: string,
): DeviceRange {
  if (!rangeOf) throw noDeviceMemory(`${what} is a GPUBuffer`);
  return rangeOf(given, plan.tensors[tensor], use, what);
}

/** The inputs that the caller gives; those left out have a default. Errors as for {@link namedValues} and {@link rangeFor}. */
export function inputValues(
  name: string,
  program: PlanProgram,
  inputs: unknown,
  takes: Takes,
): Map<string, Value> {
  const given = namedObject(inputs, `the inputs of program '${name}'`);
  const values = new Map<string, Value>();
  for (const input of program.inputs) {
    const value = Object.hasOwn(given, input.name) ? given[input.name] : undefined;
    const what = `input '${input.name}' of program '${name}'`;
    const range = bufferRange(value);
    if (range) {
      if (input.counter)
        throw new RuntimeError(
          'invalid-input',
          `${what} counts the runs, and is given as a number`,
        );
      values.set(input.name, rangeFor(takes, range, input.tensor, 'input', what));
    } else if (value !== undefined) {
      const data = toTensorData(value, input, what, takes.atOnce);
      checkIndexRanges(input, data, what);
      values.set(input.name, data);
    } else if (input.default === null && !input.counter)
      throw new RuntimeError('invalid-input', `${what} is missing`);
  }
  for (const key of Object.keys(given)) {
    if (!program.inputs.some((input) => input.name === key))
      throw unknownName(
        'input',
        key,
        `program '${name}'`,
        program.inputs.map((i) => i.name),
      );
  }
  return values;
}

/** What the caller says for the step of this run, if anything: the number of runs before it. Error: `invalid-input`. */
export function givenCount(
  name: string,
  program: PlanProgram,
  values: ReadonlyMap<string, Value>,
): number | null {
  const counter = program.inputs.find((input) => input.counter && values.has(input.name));
  if (!counter) return null;
  const [count] = values.get(counter.name) as TensorData;
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new RuntimeError(
    'invalid-input',
    `input '${counter.name}' of program '${name}' counts the runs before this one, but ${count} was given`,
  );
}

/** An output that the caller wants, and where. */
export interface ChosenOutput extends PlanOutput {
  readonly into: Wanted['into'];
}

/**
 * The outputs that the caller wants: those that `read` names, all, or none, and those that `into` says a place for. Errors:
 * `unknown-name`, `invalid-input`, `invalid-buffer`, `no-device-memory`.
 */
export function chosenOutputs(
  name: string,
  program: PlanProgram,
  options: unknown,
  takes: Takes,
): ChosenOutput[] {
  if (typeof options !== 'object' || options === null)
    throw new RuntimeError(
      'invalid-input',
      `the options of a run are an object, but ${kindOf(options)} was given`,
    );
  const { read, into } = options as { read?: unknown; into?: unknown };
  const places = into === undefined ? {} : namedObject(into, "the places of 'into'");
  const named = (wanted: unknown) => {
    const output = program.outputs.find((candidate) => candidate.name === wanted);
    if (output) return output;
    throw unknownName(
      'output',
      wanted,
      `program '${name}'`,
      program.outputs.map((o) => o.name),
    );
  };
  const placed = Object.keys(places).map(named);
  const chosen = new Set([...readOutputs(program, read, named), ...placed]);
  const outputs = [...chosen].map((output) => ({
    ...output,
    into: Object.hasOwn(places, output.name)
      ? placeOf(places[output.name], output, `output '${output.name}' of program '${name}'`, takes)
      : null,
  }));
  checkApart(name, outputs);
  return outputs;
}

/** What one output is written to, no other may be. Errors: `invalid-input`, `invalid-buffer`. */
function checkApart(program: string, outputs: readonly ChosenOutput[]): void {
  const spans = new Map<object, { name: string; from: number; to: number }[]>();
  for (const { name, into } of outputs) {
    if (into === null || into === 'device') continue;
    const [from, size] = ArrayBuffer.isView(into)
      ? [into.byteOffset, into.byteLength]
      : [into.offset, into.size];
    const others = spans.get(into.buffer) ?? [];
    others.push({ name, from, to: from + size });
    spans.set(into.buffer, others);
  }
  for (const [buffer, given] of spans) {
    given.sort((a, b) => a.from - b.from);
    for (let k = 1; k < given.length; k++)
      if (given[k].from < given[k - 1].to)
        throw new RuntimeError(
          bufferRange(buffer) ? 'invalid-buffer' : 'invalid-input',
          `outputs '${given[k - 1].name}' and '${given[k].name}' of program '${program}' are to go into the same bytes; give each a place of its own by 'into'`,
        );
  }
}

/** One by one: the list may be longer than anything that fits into memory. */
function readOutputs(
  { outputs }: PlanProgram,
  read: unknown,
  named: (wanted: unknown) => PlanOutput,
): readonly PlanOutput[] {
  if (read === false) return [];
  if (read === undefined) return outputs;
  if (Array.isArray(read)) return Array.from(read, named);
  throw new RuntimeError(
    'invalid-input',
    `'read' takes a list of output names, or false, but ${kindOf(read)} was given`,
  );
}

/** Where one output goes. */
function placeOf(
  place: unknown,
  output: PlanOutput,
  what: string,
  takes: Takes,
): ChosenOutput['into'] {
  if (ArrayBuffer.isView(place)) return arrayFor(place, output, what);
  const range = bufferRange(place);
  const isHost = takes.plan.tensors[output.tensor].slab === null;
  if ((range || place === 'device') && isHost)
    throw new RuntimeError(
      'invalid-buffer',
      `${what} is held on the host by this plan, and cannot stay on the device; read it`,
    );
  if (range) return rangeFor(takes, range, output.tensor, 'output', what);
  if (place === 'device') {
    if (!takes.rangeOf) throw noDeviceMemory(`${what} is to stay on the device`);
    return 'device';
  }
  throw new RuntimeError(
    'invalid-input',
    `${what} goes into a typed array, a GPUBuffer or 'device', but ${kindOf(place)} was given`,
  );
}
