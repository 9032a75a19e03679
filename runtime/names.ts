import type { Plan, PlanOutput, PlanProgram } from '../ir/plan.ts';
import { persistentTensors } from './checkpoint.ts';
import { RuntimeError } from './errors.ts';
import type { TensorData } from './executor.ts';
import { checkIndexRanges } from './index-ranges.ts';
import { type TensorInput, toTensorData } from './values.ts';

/** The error for a name that does not exist, with those that do. */
export function unknownName(
  what: string,
  name: string,
  where: string,
  known: Iterable<string>,
): RuntimeError {
  const names = [...known];
  const list = names.length === 0 ? 'none' : names.map((known) => `'${known}'`).join(', ');
  return new RuntimeError('unknown-name', `${where} has no ${what} '${name}'; it has ${list}`);
}

/** Values for persistent tensors by name, checked. Errors: `unknown-name`, `invalid-input`. */
export function namedValues(
  plan: Plan,
  given: Readonly<Record<string, TensorInput>>,
): Map<string, TensorData> {
  const tensors = new Map(persistentTensors(plan).map((tensor) => [tensor.name, tensor]));
  const values = new Map<string, TensorData>();
  for (const [name, value] of Object.entries(given)) {
    const tensor = tensors.get(name);
    if (!tensor) throw unknownName('parameter', name, `plan '${plan.name}'`, tensors.keys());
    values.set(name, toTensorData(value, tensor, `parameter '${name}'`));
  }
  return values;
}

/** Refuses initial values without every parameter; the optimiser's state may be missing. Error: `invalid-input`. */
export function requireParameters(plan: Plan, values: ReadonlyMap<string, TensorData>): void {
  const missing = persistentTensors(plan)
    .filter(({ name, role }) => role === 'parameter' && !values.has(name))
    .map(({ name }) => `'${name}'`);
  if (missing.length === 0) return;
  throw new RuntimeError(
    'invalid-input',
    `the parameters are refused: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing; give every parameter, or load without and use writeParameters`,
  );
}

/** The inputs that the caller gives, checked; those left out have a default. Errors as for {@link namedValues}. */
export function inputValues(
  name: string,
  program: PlanProgram,
  given: Readonly<Record<string, TensorInput>>,
): Map<string, TensorData> {
  const values = new Map<string, TensorData>();
  for (const input of program.inputs) {
    const value = Object.hasOwn(given, input.name) ? given[input.name] : undefined;
    const what = `input '${input.name}' of program '${name}'`;
    if (value !== undefined) {
      const data = toTensorData(value, input, what);
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

/** The outputs to read back: those named, all, or none. Error: `unknown-name`. */
export function chosenOutputs(
  name: string,
  program: PlanProgram,
  read: readonly string[] | false | undefined,
): readonly PlanOutput[] {
  if (read === false) return [];
  if (read === undefined) return program.outputs;
  return read.map((wanted) => {
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
