import type { Kernel, NodeIndex } from '../../../ir/kernel.ts';
import { append } from '../../../ir/lists.ts';
import type { DType } from '../../../ir/tensor.ts';
import type { Contraction } from './contraction-match.ts';
import type { Dialect, FunctionDefinition } from './dialect.ts';
import { evaluate, newScope, storeLines } from './expression.ts';
import { decompose } from './module.ts';
import { literalText, type Writer } from './writer.ts';

/** A contraction with the functions `left`, `right` and `finish`. */
export interface ContractionCode {
  readonly kernel: Kernel;
  readonly contraction: Contraction;
  /** Of the factors and of their sums. */
  readonly dtype: DType;
  readonly extents: Extents;
  readonly writer: Writer;
  readonly functions: readonly FunctionDefinition[];
}

/** Numbers of points of the index groups. */
export interface Extents {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Indices of all axes from the numbers `batch`, `m`, `n` and `k` within their groups. */
function axisLines(
  dialect: Dialect,
  kernel: Kernel,
  groups: Partial<Record<'batch' | 'm' | 'n' | 'k', readonly number[]>>,
) {
  const lines: string[] = [];
  const names = new Array<string | null>(kernel.axes.length).fill(null);
  for (const [name, axes] of Object.entries(groups)) {
    const part = decompose(dialect, kernel.axes, axes, name);
    append(lines, part.lines);
    for (const axis of axes) names[axis] = part.names[axis];
  }
  return { lines, names };
}

/** `left(batch, m, k)` or `right(batch, n, k)`: one element of a factor, 0 behind its edges. */
export function factorFunction(
  kernel: Kernel,
  contraction: Contraction,
  writer: Writer,
  factor: 'left' | 'right',
  extents: Extents,
): FunctionDefinition {
  const { batch, k, tiling } = contraction;
  const side = factor === 'left' ? 'm' : 'n';
  const tile = factor === 'left' ? tiling.tileM : tiling.tileN;
  const edges = [
    ...(extents[side] % tile === 0 ? [] : [`${side} >= ${extents[side]}`]),
    ...(extents.k % tiling.tileK === 0 ? [] : [`k >= ${extents.k}`]),
  ];
  const axes = axisLines(writer.dialect, kernel, { batch, [side]: contraction[side], k });
  const scope = newScope(kernel, writer, axes.names);
  const root: NodeIndex = contraction[factor];
  const values = evaluate(scope, [root]);
  const { dtype } = kernel.nodes[root];
  const zero = literalText(writer, dtype, 0);
  return {
    name: factor,
    parameters: [
      ['batch', 'index'],
      [side, 'index'],
      ['k', 'index'],
    ],
    result: dtype,
    body: [
      ...(edges.length === 0 ? [] : [`if (${edges.join(' || ')}) { return ${zero}; }`]),
      ...axes.lines,
      ...values,
      `return ${scope.names.get(root)};`,
    ],
  };
}

/** `finish(batch, m, n, total)`: the epilogue and the stores of one output, nothing behind the edges. */
export function finishFunction(
  kernel: Kernel,
  contraction: Contraction,
  writer: Writer,
  extents: Extents,
): FunctionDefinition {
  const { batch, m, n, tiling } = contraction;
  const edges = [
    ...(extents.m % tiling.tileM === 0 ? [] : [`m >= ${extents.m}`]),
    ...(extents.n % tiling.tileN === 0 ? [] : [`n >= ${extents.n}`]),
  ];
  const axes = axisLines(writer.dialect, kernel, { batch, m, n });
  const scope = newScope(kernel, writer, axes.names);
  kernel.nodes.forEach((node, index) => {
    if (node.kind === 'accumulator') scope.names.set(index, 'total');
  });
  return {
    name: 'finish',
    parameters: [
      ['batch', 'index'],
      ['m', 'index'],
      ['n', 'index'],
      ['total', kernel.nodes[kernel.reduction!.value].dtype],
    ],
    result: null,
    body: [
      ...(edges.length === 0 ? [] : [`if (${edges.join(' || ')}) { return; }`]),
      ...axes.lines,
      ...storeLines(scope),
    ],
  };
}

export const range = (count: number) => Array.from({ length: count }, (_, i) => i);
