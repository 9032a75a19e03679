import type { Tensor } from '../../../frontend/tensor.ts';
import { INT32 } from '../element-types.ts';
import type { OnnxNode } from '../node.ts';
import type { Constant } from '../values.ts';
import { layerFor, ownWeight, withBias } from './layers.ts';
import { type OperatorTable, row } from './row.ts';

const f32 = (n: OnnxNode, input: number): Tensor => n.f.cast(n.tensor(input), 'f32');

/** A product with a matrix that is a weight of its own, and the bias that follows it, as a layer. */
export function asLinear(
  n: OnnxNode,
  weight: Constant,
  isTransposed: boolean,
  bias: Constant | null,
): Tensor {
  const order = isTransposed ? [1, 0] : [0, 1];
  const [inside, outside] = order.map((axis) => weight.shape[axis]);
  const name = layerFor(n, withBias({ constant: weight, order }, bias));
  return n.f.linear(inside, outside, { name, ...(bias ? {} : { bias: false }) })(n.tensor(0));
}

function gemm(n: OnnxNode) {
  const { f, attributes } = n;
  const [alpha, beta] = [attributes.float('alpha', 1), attributes.float('beta', 1)];
  const [transA, transB] = [attributes.int('transA', 0), attributes.int('transB', 0)];
  const weight = ownWeight(n, 1);
  const bias = n.has(2) ? ownWeight(n, 2) : null;
  const isPlain = alpha === 1 && (beta === 1 || !n.has(2)) && !transA;
  const fits = bias && weight && `${bias.shape}` === `${weight.shape[transB ? 0 : 1]}`;
  if (weight?.shape.length === 2 && isPlain && n.shape(0).length === 2 && (fits || !n.has(2)))
    return n.result(asLinear(n, weight, transB !== 0, bias));
  const turned = (x: Tensor, turns: number) => (turns ? f.transpose(x) : x);
  const product = f.matmul(turned(f32(n, 0), transA), turned(f32(n, 1), transB));
  const scaled = alpha === 1 ? product : f.mul(product, alpha);
  if (!n.has(2)) return n.result(f.cast(scaled, n.type(0).dtype));
  const addend = beta === 1 ? f32(n, 2) : f.mul(f32(n, 2), beta);
  return n.result(f.cast(f.add(scaled, addend), n.type(0).dtype));
}

function matmul(n: OnnxNode) {
  const weight = ownWeight(n, 1);
  if (weight?.shape.length === 2 && n.type(0).kind === 'float') {
    const bias = n.followingBias(weight.shape[1], n.shape(0).length - 1, n.shape(0).length);
    return n.result(asLinear(n, weight, false, bias));
  }
  // Sums of products of integers are exact in f32 up to 2^24.
  return n.result(n.f.cast(n.f.matmul(f32(n, 0), f32(n, 1)), n.type(0).dtype));
}

/** Quantised operands as numbers around zero: rows of `a`, columns of `b` may have points of their own. */
function centred(n: OnnxNode, input: number, point: number, isRow: boolean): Tensor {
  const x = f32(n, input);
  if (!n.has(point)) return x;
  const zero = f32(n, point);
  return n.f.sub(
    x,
    zero.rank === 1 && zero.shape[0] > 1 && isRow ? n.f.expandDims(zero, -1) : zero,
  );
}

export const LINEAR_ALGEBRA: OperatorTable = {
  Det: row((n) => {
    const { f } = n;
    const x = n.tensor(0);
    const size = x.shape[x.rank - 1];
    if (size > 4) return n.refuse(`its matrices are ${size} by ${size}`, 'up to 4 by 4 are taken');
    return n.result(
      determinant(
        f,
        x,
        Array.from({ length: size }, (_, k) => k),
        0,
      ),
    );
  }, 'matrices up to 4 by 4'),
  Einsum: row((n) => {
    const equation = n.attributes.text('equation', '').replace(/\s/g, '');
    return n.result(n.f.einsum(equation, ...n.inputs.map((_, k) => f32(n, k))));
  }),
  Gemm: row(gemm),
  MatMul: row(matmul),
  MatMulInteger: row((n) => {
    const product = n.f.matmul(centred(n, 0, 2, true), centred(n, 1, 3, false));
    return n.result(n.f.cast(product, 'i32'), INT32);
  }),
};

/** By the first row: what is left of it are the columns of the others. */
function determinant(f: OnnxNode['f'], x: Tensor, columns: readonly number[], row: number): Tensor {
  const at = (column: number) => {
    const line = f.squeeze(f.slice(x, x.rank - 2, row, row + 1), x.rank - 2);
    return f.squeeze(f.slice(line, line.rank - 1, column, column + 1), line.rank - 1);
  };
  if (columns.length === 1) return at(columns[0]);
  return columns
    .map((column, k) => {
      const rest = columns.filter((other) => other !== column);
      const term = f.mul(at(column), determinant(f, x, rest, row + 1));
      return k % 2 === 0 ? term : f.neg(term);
    })
    .reduce((sum, term) => f.add(sum, term));
}
