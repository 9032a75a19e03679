import { valueType } from '../ir/dtypes.ts';
import type { Plan, PlanInput, PlanOutput, PlanProgram } from '../ir/plan.ts';
import { persistentTensors } from './checkpoint.ts';
import { RuntimeError } from './errors.ts';
import type { TensorData } from './executor.ts';
import { checkIndexRanges } from './index-ranges.ts';
import { borrowedData, kindOf, listedData, toTensorData } from './values.ts';

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

/**
 * The inputs that the caller gives; those left out have a default. Typed arrays are not copied: they are the caller's, who has no say
 * between their check and the return. Errors as for {@link namedValues}.
 */
export function inputValues(
  name: string,
  program: PlanProgram,
  inputs: unknown,
): Map<string, TensorData> {
  const given = namedObject(inputs, `the inputs of program '${name}'`);
  const whatOf = (input: PlanInput) => `input '${input.name}' of program '${name}'`;
  const read = program.inputs.flatMap((input) => {
    const value = Object.hasOwn(given, input.name) ? given[input.name] : undefined;
    if (value !== undefined) return { input, value: listedData(value, input, whatOf(input)) };
    if (input.default !== null || input.counter) return [];
    throw new RuntimeError('invalid-input', `${whatOf(input)} is missing`);
  });
  for (const key of Object.keys(given)) {
    if (!program.inputs.some((input) => input.name === key))
      throw unknownName(
        'input',
        key,
        `program '${name}'`,
        program.inputs.map((i) => i.name),
      );
  }
  return new Map(
    read.map(({ input, value }) => {
      const data = borrowedData(value, input, whatOf(input));
      checkIndexRanges(input, data, whatOf(input));
      return [input.name, data];
    }),
  );
}

/** What the caller says for the step of this run, if anything: the number of runs before it. Error: `invalid-input`. */
export function givenCount(
  name: string,
  program: PlanProgram,
  values: ReadonlyMap<string, TensorData>,
): number | null {
  const counter = program.inputs.find((input) => input.counter && values.has(input.name));
  if (!counter) return null;
  const [count] = values.get(counter.name)!;
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new RuntimeError(
    'invalid-input',
    `input '${counter.name}' of program '${name}' counts the runs before this one, but ${count} was given`,
  );
}

/** The outputs to read back: those named, all, or none. Errors: `unknown-name`, `invalid-input`. */
export function chosenOutputs(
  name: string,
  program: PlanProgram,
  options: unknown,
): readonly PlanOutput[] {
  const isObject = typeof options === 'object' && options !== null;
  const read: unknown = isObject ? (options as { read?: unknown }).read : null;
  if (read === false) return [];
  if (read === undefined) return program.outputs;
  if (!Array.isArray(read))
    throw new RuntimeError(
      'invalid-input',
      isObject
        ? `'read' takes a list of output names, or false, but ${kindOf(read)} was given`
        : `the options of a run are an object, but ${kindOf(options)} was given`,
    );
  return Array.from(read, (wanted: unknown) => {
    const output = program.outputs.find((candidate) => candidate.name === wanted);
    if (output) return output;
    throw unknownName(
      'output',
      wanted,
      `program '${name}'`,
      program.outputs.map((o) => o.name),
    );
  });
}
