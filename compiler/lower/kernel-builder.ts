import type { Node, ValueId } from '../../ir/graph.ts';
import type { Affine, Axis } from '../../ir/kernel.ts';
import type { Shape } from '../../ir/tensor.ts';
import type { SplitRequest } from './affine.ts';
import { type Destination, identity } from './destination.ts';
import { AxisSplit, Emitter, type Storage } from './emit.ts';
import { type LoopNest, valueOrigins } from './loop-nest.ts';

/** What a kernel's body gives: the node to store, the reductions that it needs, and where in the value it belongs. */
export interface Body {
  readonly result: number;
  readonly reductions: LoopNest['reductions'];
  readonly coordinates: readonly Affine[];
}

/** Appends loop nests that compute values of one graph. */
export class KernelBuilder {
  readonly storage: Storage;
  readonly nests: LoopNest[];

  constructor(storage: Storage, nests: LoopNest[]) {
    this.storage = storage;
    this.nests = nests;
  }

  node(value: ValueId): Node {
    return this.storage.graph.nodes[value];
  }

  shape(value: ValueId): Shape {
    return this.node(value).type.shape;
  }

  /** Builds one kernel, cutting axes as its expressions ask for it. */
  build(
    value: ValueId,
    initial: readonly Axis[],
    destination: Destination,
    body: (emitter: Emitter, coordinates: readonly Affine[]) => Body,
    macs = 0,
  ): void {
    const splits: SplitRequest[] = [];
    for (;;) {
      const { axes, coordinates } = applySplits(initial, splits);
      const emitter = new Emitter(this.storage, axes);
      try {
        const made = body(emitter, coordinates);
        const index = destination.index(made.coordinates, axes.length);
        emitter.ops.add(this.node(value).op);
        this.nests.push({
          axes,
          nodes: emitter.list.nodes,
          reductions: made.reductions,
          stores: [{ buffer: destination.tensor, index, value: made.result, accumulate: false }],
          ops: [...emitter.ops],
          origins: valueOrigins(this.storage.graph, value, emitter.sources),
          ...(macs > 0 ? { macs } : {}),
        });
        return;
      } catch (error) {
        if (!(error instanceof AxisSplit)) throw error;
        splits.push(error.request);
      }
    }
  }
}

/** Axes after a series of cuts, and the original axes' indices in terms of them. */
function applySplits(
  initial: readonly Axis[],
  splits: readonly SplitRequest[],
): { axes: readonly Axis[]; coordinates: readonly Affine[] } {
  let axes = initial;
  let coordinates = identity(initial);
  for (const { axis, inner } of splits) {
    const { extent, kind } = axes[axis];
    axes = axes.toSpliced(axis, 1, { extent: extent / inner, kind }, { extent: inner, kind });
    coordinates = coordinates.map(({ offset, coefficients }) => ({
      offset,
      coefficients: coefficients.toSpliced(axis, 1, coefficients[axis] * inner, coefficients[axis]),
    }));
  }
  return { axes, coordinates };
}
