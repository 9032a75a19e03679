import type { Expression, Kernel } from '../../ir/kernel.ts';
import { uniformElement } from '../../ir/random.ts';
import {
  evaluateScalar,
  SCALAR_OP_NAMES,
  SCALAR_OPS,
  type ScalarOp,
  scalarResult,
} from '../../ir/scalar.ts';
import type { DType } from '../../ir/tensor.ts';

// Scalar operations at hard operands, random numbers and constants, for any code generator.

export type Data = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** Runs a kernel on copies of its buffers and gives them as they are afterwards. */
export type Run = (
  kernel: Kernel,
  buffers: readonly Data[],
) => Promise<readonly ArrayLike<number>[]>;

const { POSITIVE_INFINITY: INFINITY, NaN: NAN } = Number;
const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2,
  -2,
  3,
  0.1,
  -0.1,
  0.25,
  1e-3,
  7.3,
  -7.3,
  12.7,
  -33.25,
  88,
  -88,
  104,
  -104,
  1000,
  -1000,
  3e9,
  -3e9,
  1e20,
  -1e20,
  INFINITY,
  -INFINITY,
  NAN,
];
const INTEGERS = [0, 1, -1, 2, -2, 3, 7, -7, 1000, 46341, 2147483647, -2147483647, -2147483648];

/** The same operation at every point, over `count` elements of each operand. */
export function scalarKernel(
  op: ScalarOp,
  dtypes: readonly DType[],
  result: DType,
  count: number,
): Kernel {
  const index = { offset: 0, coefficients: [1] };
  const loads: Expression[] = dtypes.map((dtype, buffer) => ({
    kind: 'load',
    dtype,
    buffer,
    index,
    bounds: [],
  }));
  const operands = dtypes.map((_, i) => i);
  return {
    name: op,
    axes: [{ extent: count, kind: 'parallel' }],
    buffers: [
      ...dtypes.map((dtype) => ({ dtype, access: 'read' as const, elements: count })),
      { dtype: result, access: 'write', elements: count },
    ],
    nodes: [...loads, { kind: 'apply', dtype: result, op, operands }],
    reductions: [],
    stores: [{ buffer: dtypes.length, index, value: dtypes.length, accumulate: false }],
  };
}

export function array(dtype: DType, values: readonly number[]): Data {
  return dtype === 'f32' ? new Float32Array(values) : new Int32Array(values);
}

// Every pair of values, and a condition of 0, 1 and -5 in front for select.
export function operandValues(op: ScalarOp, dtype: DType): number[][] {
  const values = dtype === 'f32' ? FLOATS.map(Math.fround) : INTEGERS;
  if (SCALAR_OPS[op].arity === 1) return [[...values]];
  const a = values.flatMap((value) => values.map(() => value));
  const b = values.flatMap(() => values);
  return SCALAR_OPS[op].arity === 2 ? [a, b] : [a.map((_, i) => [0, 1, -5][i % 3]), a, b];
}

export const SCALAR_CASES = SCALAR_OP_NAMES.flatMap((op) =>
  SCALAR_OPS[op].dtypes.map((dtype): [ScalarOp, DType] => [op, dtype]),
);

/** Whether `given` is an acceptable float32 (or the exact i32) for `wanted`, the float64 result of the op on a and b. */
export type Agrees = (
  op: ScalarOp,
  dtype: DType,
  given: number,
  wanted: number,
  a: number,
  b: number,
) => boolean;

/** Applies an op to every combination of its operands; a line for each result that is not accepted. */
export async function scalarDisagreements(
  op: ScalarOp,
  dtype: DType,
  run: Run,
  agrees: Agrees,
): Promise<string[]> {
  const values = operandValues(op, dtype);
  const dtypes: DType[] = values.map((_, i) => (op === 'select' && i === 0 ? 'i32' : dtype));
  const result = scalarResult(op, dtypes) as { dtype: DType };
  const count = values[0].length;
  const buffers = [
    ...values.map((column, i) => array(dtypes[i], column)),
    array(result.dtype, new Array(count).fill(-7)),
  ];
  const outputs = await run(scalarKernel(op, dtypes, result.dtype, count), buffers);
  const output = outputs[outputs.length - 1];
  const wrong: string[] = [];
  for (let i = 0; i < count; i++) {
    const [a, b = 0, c = 0] = values.map((column) => column[i]);
    const wanted = evaluateScalar(op, dtype, a, b, c);
    if (!agrees(op, result.dtype, output[i], wanted, a, b))
      wrong.push(`${op}(${values.map((column) => column[i])}) is ${output[i]}, not ${wanted}`);
  }
  return wrong;
}

/** Which elements of a tensor of random numbers a kernel draws, and whether each of them in a step of its own. */
export const DRAWS = [
  { offset: 5, stride: 3, ownSteps: true },
  { offset: 5, stride: 3, ownSteps: false },
  // Four neighbours, of which the first is even or odd.
  { offset: 8, stride: 1, ownSteps: false },
  { offset: 7, stride: 1, ownSteps: false },
  { offset: 8, stride: 1, ownSteps: true },
] as const;

/** 200 random numbers, as a kernel draws them and as ir/random.ts says. */
export async function randomNumbers(
  run: Run,
  { offset, stride, ownSteps }: (typeof DRAWS)[number],
): Promise<{ given: number[]; wanted: number[] }> {
  const count = 200;
  const index = { offset: 0, coefficients: [1] };
  const step = ownSteps ? index : { offset: 1, coefficients: [0] };
  const kernel: Kernel = {
    name: 'random',
    axes: [{ extent: count, kind: 'parallel' }],
    buffers: [
      { dtype: 'i32', access: 'read', elements: count },
      { dtype: 'f32', access: 'write', elements: count },
    ],
    nodes: [
      { kind: 'load', dtype: 'i32', buffer: 0, index: step, bounds: [] },
      {
        kind: 'random',
        dtype: 'f32',
        seed: 0xdeadbeef,
        stream: 0x9e3779b9,
        counter: { offset, coefficients: [stride] },
        step: 0,
      },
    ],
    reductions: [],
    stores: [{ buffer: 1, index, value: 1, accumulate: false }],
  };
  const steps = Int32Array.from({ length: count }, (_, i) => (i % 2 ? i * 99991 : -i));
  const [, output] = await run(kernel, [steps, new Float32Array(count)]);
  return {
    given: Array.from(output),
    wanted: Array.from(steps, (own, i) =>
      uniformElement(0xdeadbeef, 0x9e3779b9, offset + stride * i, ownSteps ? own : steps[1]),
    ),
  };
}

/** Constants that have no plain literal, through a kernel. */
export async function hardConstants(run: Run): Promise<{ given: number[]; wanted: number[] }> {
  const values = [INFINITY, -INFINITY, NAN, -0, 1e-40, 3.4028234663852886e38, -1.5, 16777217];
  const kernel: Kernel = {
    name: 'constants',
    axes: [{ extent: 1, kind: 'parallel' }],
    buffers: [
      { dtype: 'f32', access: 'write', elements: values.length },
      { dtype: 'i32', access: 'write', elements: 2 },
    ],
    nodes: [
      ...values.map((value): Expression => ({ kind: 'constant', dtype: 'f32', value })),
      { kind: 'constant', dtype: 'i32', value: -2147483648 },
      { kind: 'constant', dtype: 'i32', value: 2147483647 },
    ],
    reductions: [],
    stores: [...values, 0, 0].map((_, i) => ({
      buffer: i < values.length ? 0 : 1,
      index: { offset: i < values.length ? i : i - values.length, coefficients: [0] },
      value: i,
      accumulate: false,
    })),
  };
  const [floats, integers] = await run(kernel, [
    new Float32Array(values.length),
    new Int32Array(2),
  ]);
  return {
    given: [...Array.from(floats), ...Array.from(integers)],
    wanted: [...values.map(Math.fround), -2147483648, 2147483647],
  };
}
