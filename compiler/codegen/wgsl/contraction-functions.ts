import type { Kernel, NodeIndex } from '../../../ir/kernel.ts';
import { append } from '../../../ir/lists.ts';
import type { Contraction } from './contraction-match.ts';
import { evaluate, newScope, storeLines } from './expression.ts';
import type { Helper } from './helpers.ts';
import { decompose, indent } from './module.ts';

/** A contraction with the functions `left`, `right` and `finish` printed. */
export interface ContractionCode {
  readonly kernel: Kernel;
  readonly contraction: Contraction;
  readonly extents: Extents;
  readonly helpers: ReadonlySet<Helper>;
  readonly functions: readonly string[];
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
  kernel: Kernel,
  groups: Partial<Record<'batch' | 'm' | 'n' | 'k', readonly number[]>>,
) {
  const lines: string[] = [];
  const names = new Array<string | null>(kernel.axes.length).fill(null);
  for (const [name, axes] of Object.entries(groups)) {
    const part = decompose(kernel.axes, axes, name);
    append(lines, part.lines);
    for (const axis of axes) names[axis] = part.names[axis];
  }
  return { lines, names };
}

/** `left(batch, m, k)` or `right(batch, n, k)`: one element of a factor, 0 behind its edges. */
export function factorFunction(
  kernel: Kernel,
  contraction: Contraction,
  helpers: Set<Helper>,
  factor: 'left' | 'right',
  extents: Extents,
): string {
  const { batch, k, tiling } = contraction;
  const side = factor === 'left' ? 'm' : 'n';
  const tile = factor === 'left' ? tiling.tileM : tiling.tileN;
  const edges = [
    ...(extents[side] % tile === 0 ? [] : [`${side} >= ${extents[side]}`]),
    ...(extents.k % tiling.tileK === 0 ? [] : [`k >= ${extents.k}`]),
  ];
  const axes = axisLines(kernel, { batch, [side]: contraction[side], k });
  const scope = newScope(kernel, helpers, axes.names);
  const root: NodeIndex = contraction[factor];
  const values = evaluate(scope, [root]);
  return [
    `fn ${factor}(batch: i32, ${side}: i32, k: i32) -> f32 {`,
    indent([
      ...(edges.length === 0 ? [] : [`if (${edges.join(' || ')}) { return 0f; }`]),
      ...axes.lines,
      ...values,
      `return ${scope.names.get(root)};`,
    ]),
    '}',
  ].join('\n');
}

/** `finish(batch, m, n, total)`: the epilogue and the stores of one output, nothing behind the edges. */
export function finishFunction(
  kernel: Kernel,
  contraction: Contraction,
  helpers: Set<Helper>,
  extents: Extents,
): string {
  const { batch, m, n, tiling } = contraction;
  const edges = [
    ...(extents.m % tiling.tileM === 0 ? [] : [`m >= ${extents.m}`]),
    ...(extents.n % tiling.tileN === 0 ? [] : [`n >= ${extents.n}`]),
  ];
  const axes = axisLines(kernel, { batch, m, n });
  const scope = newScope(kernel, helpers, axes.names);
  kernel.nodes.forEach((node, index) => {
    if (node.kind === 'accumulator') scope.names.set(index, 'total');
  });
  return [
    'fn finish(batch: i32, m: i32, n: i32, total: f32) {',
    indent([
      ...(edges.length === 0 ? [] : [`if (${edges.join(' || ')}) { return; }`]),
      ...axes.lines,
      ...storeLines(scope),
    ]),
    '}',
  ].join('\n');
}

export const range = (count: number) => Array.from({ length: count }, (_, i) => i);
