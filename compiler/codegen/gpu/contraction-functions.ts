import type { Kernel, NodeIndex } from '../../../ir/kernel.ts';
import { append } from '../../../ir/lists.ts';
import type { DType } from '../../../ir/tensor.ts';
import { axisDependence } from '../contraction-groups.ts';
import type { Contraction } from './contraction-match.ts';
import { type FunctionDefinition, VECTOR_WIDTH } from './dialect.ts';
import { type AxisSum, type Hoisted, newScope, type Scope, storeLines } from './expression.ts';
import { decompose } from './module.ts';
import { evaluatePoints, neededNodes, type Point, type Quads, storePoints } from './points.ts';
import type { Writer } from './writer.ts';

/** What the loops around a contraction are printed from. */
export interface ContractionCode {
  readonly kernel: Kernel;
  readonly contraction: Contraction;
  /** Of the factors and of their sums. */
  readonly dtype: DType;
  readonly extents: Extents;
  readonly writer: Writer;
  readonly reads: Readonly<Record<Factor, FactorReads>>;
  /** Vectors that the epilogue reads and writes. */
  readonly finishing: Quads;
  /** Of a workgroup. */
  readonly invocations: number;
  /** The name of the function that finishes outputs. */
  readonly finish: string;
}

export type Factor = 'left' | 'right';

/** Numbers of points of the index groups. */
export interface Extents {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** How a factor lies in memory: what neighbouring invocations should read along, and what is read as vectors. */
export interface FactorReads {
  readonly along: 'side' | 'k';
  readonly quads: Quads;
}

export const range = (count: number) => Array.from({ length: count }, (_, i) => i);
export const sideOf = (factor: Factor) => (factor === 'left' ? 'm' : 'n');

/** Which points of a factor an invocation computes, and how the code calls where they begin. */
export interface FactorBlock {
  readonly factor: Factor;
  /** Neighbours along the side and along K. */
  readonly sides: number;
  readonly steps: number;
  /** The first index along the side, an expression that the loop over K does not change. */
  readonly first: string;
  /** Of the first step: what the loop changes, a multiple of `stride`, and a name that it does not change, or null. */
  readonly inner: string;
  readonly outer: string | null;
  readonly stride: number;
  /** Behind all names. */
  readonly tag: string;
}

/** The code of a block of a factor. */
export interface BlockCode {
  /** In front of the loop over K. */
  readonly hoisted: readonly string[];
  /** Statements in the loop: of indices, which blocks may have in common, and of values. */
  readonly indices: readonly string[];
  readonly lines: readonly string[];
  /** The name of a value, which the statements give it. */
  at(side: number, step: number): string;
}

/** Statements for the values of a factor at `sides` x `steps` points. Indices behind the end of a side are those of its end. */
export function factorBlock(code: ContractionCode, block: FactorBlock): BlockCode {
  const { kernel, contraction, extents, writer, reads } = code;
  const { dialect } = writer;
  const { factor, sides, steps, tag } = block;
  const side = sideOf(factor);
  const hoisted: Hoisted = { lines: [], names: new Map(), prefix: `p${tag}_` };
  const batches = decompose(dialect, kernel.axes, contraction.batch, 'batch', 'batch_');
  append(hoisted.lines, batches.lines);

  const sideAxes = contraction[side];
  const width = widthOf(kernel, sideAxes, sides);
  const tile = side === 'm' ? contraction.tiling.tileM : contraction.tiling.tileN;
  const sideIndices = range(sides / width).map((group) => {
    const name = `${side}${tag}_${group}`;
    const shifted = group === 0 ? block.first : `${block.first} + ${group * width}`;
    const inside =
      extents[side] % tile === 0
        ? shifted
        : dialect.smaller(shifted, String(Math.max(0, extents[side] - width)));
    const digits = decompose(dialect, kernel.axes, sideAxes, name, `${name}_`);
    hoisted.lines.push(dialect.constant('index', name, inside), ...digits.lines);
    return digits.names;
  });
  const k = stepIndices(code, block);

  const depends = axisDependence(kernel);
  const inner = sideAxes.at(-1);
  const points = range(sides).flatMap((s) =>
    range(steps).map((u): Point => {
      const axes: (AxisSum | null)[] = kernel.axes.map(() => null);
      const at = kernel.axes.map(() => 0);
      for (const axis of contraction.batch) axes[axis] = fixed(batches.names[axis]);
      for (const axis of sideAxes) {
        const shift = axis === inner ? s % width : 0;
        axes[axis] = { ...fixed(sideIndices[Math.floor(s / width)][axis]), shift };
        at[axis] = s;
      }
      for (const axis of contraction.k) {
        axes[axis] = k.index(axis, u);
        at[axis] = u;
      }
      const scope: Scope = {
        ...newScope(kernel, writer, axes, `${tag}_${s}_${u}`),
        hoisted,
      };
      return { scope, at };
    }),
  );
  const root = contraction[factor];
  const steady = (node: NodeIndex) => contraction.k.every((axis) => !depends[node][axis]);
  const invariant = neededNodes(kernel, [root]).filter(steady);
  append(hoisted.lines, evaluatePoints(points, invariant, reads[factor].quads));
  const lines = evaluatePoints(points, [root], reads[factor].quads);
  return {
    hoisted: hoisted.lines,
    indices: k.lines,
    lines,
    at: (s, u) => points[s * steps + u].scope.names.get(root)!,
  };
}

const fixed = (name: string | null): AxisSum => ({ outer: name, inner: null, shift: 0 });

/** How many neighbours along a group of axes share all indices but the innermost. */
function widthOf(kernel: Kernel, axes: readonly number[], count: number): number {
  const inner = axes.at(-1);
  if (inner === undefined) return 1;
  const { extent } = kernel.axes[inner];
  return [VECTOR_WIDTH, 2].find((width) => count % width === 0 && extent % width === 0) ?? 1;
}

/** The indices of the axes of K at the steps of a block. */
function stepIndices({ kernel, contraction, writer }: ContractionCode, block: FactorBlock) {
  const { dialect } = writer;
  const { inner, outer, stride, steps, tag } = block;
  const innermost = contraction.k.at(-1);
  // A loop that enters the innermost axis at multiples of its stride leaves the other indices alone within it.
  const aligned =
    innermost === undefined ||
    contraction.k.length === 1 ||
    kernel.axes[innermost].extent % stride === 0;
  if (aligned) {
    const digits = decompose(dialect, kernel.axes, contraction.k, inner, `${inner}_`);
    return {
      lines: digits.lines,
      index: (axis: number, u: number): AxisSum =>
        axis === innermost
          ? { outer, inner: digits.names[axis], shift: u }
          : { outer: null, inner: digits.names[axis], shift: 0 },
    };
  }
  const each = range(steps).map((u) => {
    const name = `k${tag}_${u}`;
    const sum = [inner, ...(outer === null ? [] : [outer]), ...(u === 0 ? [] : [u])].join(' + ');
    const digits = decompose(dialect, kernel.axes, contraction.k, name, `${name}_`);
    return {
      lines: [dialect.constant('index', name, sum), ...digits.lines],
      names: digits.names,
    };
  });
  return {
    lines: each.flatMap(({ lines }) => lines),
    index: (axis: number, u: number): AxisSum => ({
      outer: null,
      inner: each[u].names[axis],
      shift: 0,
    }),
  };
}

/** Whether the epilogue of four neighbours along n is one call of `finish`. */
export const finishesFour = ({ kernel, contraction }: ContractionCode): boolean =>
  contraction.n.length > 0 && widthOf(kernel, contraction.n, VECTOR_WIDTH) === VECTOR_WIDTH;

/** How many neighbours along m are finished by one call: four where random numbers are vectors that way. */
export const finishedRows = ({ contraction, finishing }: ContractionCode): number =>
  [...finishing.draws.values()].some((axis) => contraction.m.includes(axis)) ? VECTOR_WIDTH : 1;

/** What the sums of an output are called, by the number of the reduction and of the row. */
const totalName = (reduction: number, row: number) =>
  `total${reduction === 0 ? '' : reduction + 1}${row === 0 ? '' : `_${row}`}`;

/**
 * `finish(batch, m, n, total)`: the epilogue and the stores of one output, or of four from n on, of which `total` is the
 * vector; nothing behind the edges. A kernel with several sums has a `total` of each, and of each of its rows.
 */
export function finishFunction(code: ContractionCode): FunctionDefinition {
  const { kernel, contraction, extents, writer, dtype } = code;
  const { dialect } = writer;
  const { batch, m, n, tiling } = contraction;
  const edges = [
    ...(extents.m % tiling.tileM === 0 ? [] : [`m >= ${extents.m}`]),
    ...(extents.n % tiling.tileN === 0 ? [] : [`n >= ${extents.n}`]),
  ];
  const lines: string[] = [];
  const names = new Array<string | null>(kernel.axes.length).fill(null);
  for (const [name, axes] of [['batch', batch] as const, ['m', m] as const, ['n', n] as const]) {
    const part = decompose(dialect, kernel.axes, axes, name);
    append(lines, part.lines);
    for (const axis of axes) names[axis] = part.names[axis];
  }
  const four = finishesFour(code);
  const rows = range(finishedRows(code));
  const points = rows.flatMap((row) =>
    range(four ? VECTOR_WIDTH : 1).map((c): Point => {
      const shifts = new Map([
        ...(rows.length > 1 ? [[m.at(-1), row] as const] : []),
        [n.at(-1), c] as const,
      ]);
      const axes = names.map((name, axis) => {
        const shift = shifts.get(axis);
        return shift === undefined ? name : { outer: name, inner: null, shift };
      });
      const suffix = [...(rows.length > 1 ? [row] : []), ...(four ? [c] : [])];
      const scope = newScope(kernel, writer, axes, suffix.map((part) => `_${part}`).join(''));
      kernel.nodes.forEach((node, index) => {
        if (node.kind !== 'accumulator') return;
        const total = totalName(node.reduction, row);
        scope.names.set(index, four ? dialect.component(total, c) : total);
      });
      return { scope, at: kernel.axes.map((_, axis) => shifts.get(axis) ?? 0) };
    }),
  );
  const stores =
    points.length > 1 ? storePoints(points, code.finishing) : storeLines(points[0].scope);
  return {
    name: code.finish,
    parameters: [
      ['batch', 'index'],
      ['m', 'index'],
      ['n', 'index'],
      ...kernel.reductions.flatMap((_, r) =>
        rows.map((row) => [totalName(r, row), four ? (`${dtype}x4` as const) : dtype] as const),
      ),
    ],
    result: null,
    body: [
      ...(edges.length === 0 ? [] : [`if (${edges.join(' || ')}) { return; }`]),
      ...lines,
      ...stores,
    ],
  };
}

/**
 * Calls of `finish` for the four outputs from `n` on, whose sums are the vectors of these names: of each sum those of all rows that are
 * finished together.
 */
export function finishCalls(
  code: ContractionCode,
  m: string,
  n: string,
  ...vectors: readonly string[]
): string[] {
  const { finish } = code;
  if (finishesFour(code)) return [`${finish}(batch, ${m}, ${n}, ${vectors.join(', ')});`];
  const { component } = code.writer.dialect;
  return range(VECTOR_WIDTH).map((c) => {
    const totals = vectors.map((vector) => component(vector, c)).join(', ');
    return `${finish}(batch, ${m}, ${n}${c === 0 ? '' : ` + ${c}`}, ${totals});`;
  });
}
