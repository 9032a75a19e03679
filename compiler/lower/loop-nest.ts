import { isFloat } from '../../ir/dtypes.ts';
import type { Graph, ValueId } from '../../ir/graph.ts';
import {
  type Affine,
  type Axis,
  type Bound,
  type Expression,
  type Reduction,
  type Staging,
  type Store,
  soleReduction,
} from '../../ir/kernel.ts';
import { mapAffines } from '../../ir/kernel-affines.ts';
import type { Origin } from '../../ir/source.ts';
import { variesAlong } from './node-facts.ts';

/**
 * A kernel under construction and the step that runs it. As in `Kernel`, but the `buffer` of loads and stores is an
 * index into the schedule's tensors; `finalise.ts` turns it into a kernel and a step.
 */
export interface LoopNest {
  readonly axes: readonly Axis[];
  readonly nodes: readonly Expression[];
  readonly reductions: readonly Reduction[];
  readonly stores: readonly Store[];
  /** Only behind the last pass over nests; the tensors that hold the arrays, if any, are `local.buffer`. */
  readonly staging?: Staging;
  /** Names of the graph's ops that it computes, in order. */
  readonly ops: readonly string[];
  /** Where the values come from that it computes, the one that names its place first. */
  readonly origins: readonly Origin[];
  /** Multiply-adds of the pairwise contractions that it computes; absent where there is none. */
  readonly macs?: number;
}

/** What a kernel reduces and stores, without its axes. */
export type NestBody = Pick<LoopNest, 'nodes' | 'reductions' | 'stores'>;

/** Whether a kernel sums up products. */
export function isContraction({ axes, nodes, reductions, staging }: LoopNest): boolean {
  const reduction = soleReduction({ reductions });
  if (reduction?.combiner !== 'sum' || staging) return false;
  if (axes.some(({ kind }) => kind === 'sequential')) return false;
  const value = nodes[reduction.value];
  return value.kind === 'apply' && value.op === 'mul' && isFloat(value.dtype);
}

/** Whether a kernel sums up products of factors that each serve many points, as a matrix product does. */
export function isMatrixProduct(nest: LoopNest): boolean {
  if (!isContraction(nest)) return false;
  const { axes, nodes, reductions } = nest;
  const value = nodes[reductions[0].value];
  const along = axes.flatMap(({ extent, kind }, axis) =>
    kind === 'parallel' && extent > 1
      ? [
          variesAlong(
            nest,
            axes.map((_, other) => other === axis),
          ),
        ]
      : [],
  );
  return (
    value.kind === 'apply' &&
    value.operands.every((factor) => along.some((varies) => !varies[factor]))
  );
}

/** A kernel that does the work of two does the multiply-adds of both. */
export function macsOf(first: LoopNest, second: LoopNest): Pick<LoopNest, 'macs'> {
  const macs = (first.macs ?? 0) + (second.macs ?? 0);
  return macs > 0 ? { macs } : {};
}

/** The origins of a value, and of `others` (indices of sources) that are computed on the way to it. */
export function valueOrigins(
  { nodes, sources }: Graph,
  value: ValueId,
  others: Iterable<number> = [],
): readonly Origin[] {
  const all = new Set([nodes[value].source, ...others]);
  return [...all].flatMap((source) => sources[source] ?? []);
}

/** The origins of a kernel that does the work of two. */
export function originsOf(first: LoopNest, second: LoopNest): readonly Origin[] {
  return [...new Set([...first.origins, ...second.origins])];
}

/** Every affine of the nest rewritten, over a new list of axes. */
export function withAxes(
  nest: LoopNest,
  axes: readonly Axis[],
  rewrite: (affine: Affine) => Affine,
): LoopNest {
  return {
    ...nest,
    axes,
    nodes: nest.nodes.map((node) => mapAffines(node, rewrite)),
    stores: nest.stores.map((store) => ({ ...store, index: rewrite(store.index) })),
  };
}

/** Cuts one axis into an outer and an inner one of extent `inner`. */
export function splitAxis(nest: LoopNest, axis: number, inner: number): LoopNest {
  const { extent, kind } = nest.axes[axis];
  const axes = nest.axes.toSpliced(
    axis,
    1,
    { extent: extent / inner, kind },
    { extent: inner, kind },
  );
  return withAxes(nest, axes, ({ offset, coefficients }) => ({
    offset,
    coefficients: coefficients.toSpliced(axis, 1, coefficients[axis] * inner, coefficients[axis]),
  }));
}

const affineKey = ({ offset, coefficients }: Affine) => `${offset}:${coefficients.join()}`;
const boundsKey = (bounds: readonly Bound[]) =>
  bounds.map(({ index, extent }) => `${affineKey(index)}<${extent}`).join('&');

/** Equal keys, equal expressions, with tensors by their numbers. Written by hand because lowering does little else as often. */
export function expressionKey(node: Expression, numberOf: (tensor: number) => number): string {
  switch (node.kind) {
    case 'load': {
      const row = node.indirect;
      const indirect = row ? `${row.node}*${row.stride}<${row.extent}` : '';
      return `load ${node.stored ?? node.dtype} ${numberOf(node.buffer)} ${affineKey(node.index)} ${indirect} ${boundsKey(node.bounds)}`;
    }
    case 'constant':
      // 0 and -0 differ.
      return `${node.dtype} ${node.value} ${1 / node.value}`;
    case 'index':
      return `index ${affineKey(node.index)}`;
    case 'inBounds':
      return `in ${boundsKey(node.bounds)}`;
    case 'apply':
      return `${node.op} ${node.dtype} ${node.operands.join()}`;
    case 'random':
      return `random ${node.seed} ${node.stream} ${affineKey(node.counter)} ${node.step}`;
    case 'accumulator':
      return `accumulator ${node.dtype} ${node.reduction}`;
  }
}

const asItIs = (tensor: number) => tensor;

/**
 * An expression without bounds that hold or fail at all points, as those of an element at a fixed place do: where one fails, the place may be
 * outside of memory.
 */
function settled(node: Expression): Expression {
  if (node.kind !== 'load' && node.kind !== 'inBounds') return node;
  const open = node.bounds.filter(({ index }) => index.coefficients.some((c) => c !== 0));
  if (open.length === node.bounds.length) return node;
  const fails = node.bounds.some(
    (bound) =>
      !open.includes(bound) && !(bound.index.offset >= 0 && bound.index.offset < bound.extent),
  );
  if (fails) return { kind: 'constant', dtype: node.dtype, value: 0 };
  if (node.kind === 'inBounds' && open.length === 0)
    return { kind: 'constant', dtype: node.dtype, value: 1 };
  return { ...node, bounds: open };
}

/** Interns expressions while a loop nest's node list grows, so that equal ones are computed once; settles bounds without axes. */
export class NodeList {
  readonly nodes: Expression[] = [];
  private readonly interned = new Map<string, number>();

  add(given: Expression): number {
    const node = settled(given);
    const key = expressionKey(node, asItIs);
    let index = this.interned.get(key);
    if (index === undefined) {
      index = this.nodes.push(node) - 1;
      this.interned.set(key, index);
    }
    return index;
  }
}
