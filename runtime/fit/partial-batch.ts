import { DTYPES } from '../../ir/dtypes.ts';
import type { PlanInput, PlanProgram } from '../../ir/plan.ts';
import { elementCount } from '../../ir/tensor.ts';
import { RuntimeError } from '../errors.ts';
import type { TensorData } from '../executor.ts';
import type { RunInput } from '../session.ts';
import { MOST_AXES, toTensorData } from '../values.ts';

/** The inputs of one run by name. */
export type Batch = Readonly<Record<string, RunInput>>;

/** How many of the rows of a program's inputs a batch has. */
export interface BatchRows {
  readonly rows: number;
  /** Of a whole batch. */
  readonly size: number;
}

/**
 * The rows of a batch, where some of its inputs have fewer than the program takes; null for one that is whole. Rows are along the first
 * axis. Error: `invalid-input` for inputs of different numbers of rows, or of more than fit.
 */
export function partialRows(name: string, program: PlanProgram, batch: Batch): BatchRows | null {
  let found: (BatchRows & { readonly input: string }) | null = null;
  for (const input of program.inputs) {
    const counted = rowsOf(input, batch);
    // What is no number of rows is refused where it is run.
    if (!counted || counted.rows === counted.size || !Number.isSafeInteger(counted.rows)) continue;
    if (found && (found.rows !== counted.rows || found.size !== counted.size))
      throw new RuntimeError(
        'invalid-input',
        `a batch for program '${name}' has ${found.rows} rows of '${found.input}' and ${counted.rows} of '${input.name}'`,
      );
    found = { ...counted, input: input.name };
  }
  return found && found.rows > 0 && found.rows < found.size ? found : null;
}

/** The batch with the last row of each input again until it is whole, and with ones and then zeros as the input `mask`. */
export function paddedBatch(
  program: PlanProgram,
  batch: Batch,
  { rows, size }: BatchRows,
  mask: string | undefined,
): Batch {
  const padded = program.inputs.flatMap((input): [string, RunInput][] => {
    const counted = rowsOf(input, batch);
    if (input.name === mask && !counted) return [[mask, ones(input, rows, size)]];
    if (counted?.rows !== rows) return [];
    return [[input.name, filled(input, batch[input.name], rows, input.name === mask ? 0 : null)]];
  });
  return { ...batch, ...Object.fromEntries(padded) };
}

/**
 * The input that marks which rows count. Error: `unknown-name`, `invalid-input` for one that cannot: a single number, indices, or what has
 * other rows than all else.
 */
export function maskInput(name: string, program: PlanProgram, mask: string): PlanInput {
  const input = program.inputs.find((candidate) => candidate.name === mask);
  const reason = input ? unfitMask(input, program) : 'is none of its inputs';
  if (input && reason === null) return input;
  throw new RuntimeError(
    input ? 'invalid-input' : 'unknown-name',
    `'mask' names the input of program '${name}' that is 1 where a row counts and 0 where it does not, but '${mask}' ${reason}`,
  );
}

/** Why an input marks no rows; null where it may. */
function unfitMask({ name, dtype, shape, counter, ranges = [] }: PlanInput, program: PlanProgram) {
  if (shape.length === 0 || counter) return 'is a single number';
  if (ranges.some(({ low, high }) => low !== 0 || high !== 2))
    return `is ${dtype} indices, not f32 or bool`;
  const others = program.inputs.filter((other) => other.name !== name && other.shape.length > 0);
  const isAlone = others.every((other) => other.shape[0] !== shape[0]);
  return isAlone && others.length > 0
    ? `has ${shape[0]} rows where '${others[0].name}' has ${others[0].shape[0]}`
    : null;
}

/** A mask for so many rows, of `size`. */
export function ones(input: PlanInput, rows: number, size: number): TensorData {
  const data = new DTYPES[input.dtype].array(elementCount(input.shape));
  return data.fill(1, 0, (data.length / size) * rows);
}

/** Rows of an input as they are given; null where it has none, is left out or lies on the device. */
function rowsOf({ name, shape, counter }: PlanInput, batch: Batch): BatchRows | null {
  const value = Object.hasOwn(batch, name) ? batch[name] : undefined;
  if (counter || shape.length === 0 || value === undefined) return null;
  const [size] = shape;
  if (ArrayBuffer.isView(value)) return { rows: value.length / (elementCount(shape) / size), size };
  if (!Array.isArray(value)) return null;
  const isNested = shape.length === 1 || Array.isArray(value[0]);
  return { rows: isNested ? value.length : value.length / (elementCount(shape) / size), size };
}

/** How many rows a mask lets count. Error: `invalid-input` for what holds other numbers than 0 and 1, as data that are named by mistake do, or lies on the device. */
export function countedRows({ name, shape }: PlanInput, mask: RunInput, size: number): number {
  const data = maskData(mask);
  const other = data?.findIndex((value) => value !== 0 && value !== 1) ?? -1;
  if (!data || other >= 0) {
    const found = data ? `has ${data[other]} as element ${other}` : 'lies on the device';
    throw new RuntimeError(
      'invalid-input',
      `'mask' names an input that is 1 where a row counts and 0 where it does not, but '${name}' ${found}`,
    );
  }
  const sum = data.reduce((total, value) => total + value, 0);
  return (sum / elementCount(shape)) * size;
}

/** The elements of a mask as numbers; null where it lies on the device. */
function maskData(mask: RunInput): readonly number[] | null {
  if (ArrayBuffer.isView(mask)) return Array.from(mask as TensorData, Number);
  if (typeof mask === 'number' || typeof mask === 'boolean') return [Number(mask)];
  return Array.isArray(mask) ? (mask as unknown[]).flat(MOST_AXES).map(Number) : null;
}

/** All rows of an input: those given, which are checked as a whole input is, then the last one again or a number. */
function filled(
  { name, dtype, shape }: PlanInput,
  value: RunInput,
  rows: number,
  number: number | null,
): TensorData {
  const data = new DTYPES[dtype].array(elementCount(shape));
  const given = { dtype, shape: [rows, ...shape.slice(1)] };
  data.set(toTensorData(value, given, `input '${name}' of a batch of ${rows} rows`, true));
  const width = data.length / shape[0];
  for (let row = rows; row < shape[0]; row++)
    if (number === null) data.copyWithin(row * width, (rows - 1) * width, rows * width);
    else data.fill(number, row * width, (row + 1) * width);
  return data;
}
