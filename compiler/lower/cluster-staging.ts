import { DTYPES, valueType } from '../../ir/dtypes.ts';
import type { Kernel } from '../../ir/kernel.ts';
import type { ScheduleTensor } from '../../ir/schedule.ts';
import { type Cluster, linkCluster } from './cluster.ts';
import { bindTensors } from './finalise.ts';
import type { LoopNest } from './loop-nest.ts';
import { bindingRanges } from './ranges.ts';
import { stageCluster } from './stage-cluster.ts';
import { tileSizes } from './tile-sizes.ts';

/** What a target says of kernels with stages. */
export interface StageModel {
  /** Limit on the arrays of one tile, in bytes; 0 for no stages. */
  readonly arrayBytes: number;
  /** Whether an array takes its memory from a tensor. */
  readonly needsHolder: boolean;
  /** Whether kernels may have several stages, whose sums its workgroups share, and sums over tiles; else contractions in pairs. */
  readonly clusters: boolean;
  /** Whether reductions may be cut in two, to keep more of the device busy. */
  readonly splitsReductions: boolean;
  /** Time of one run of a kernel, in any unit: for choices between kernels. */
  time(kernel: Kernel): number;
}

/** What the kernels of a program may be. */
export interface StagingOptions {
  readonly model: StageModel;
  readonly tensors: readonly ScheduleTensor[];
  /** Storage bindings of one kernel. */
  readonly maxBindings: number;
}

/** A cluster as one kernel and its time by the target's model; or why it cannot be one. */
export type Staged =
  | { readonly nest: LoopNest; readonly time: number }
  | { readonly reason: string };

/** Finds the best tiles of clusters. */
export class ClusterStaging {
  private readonly options: StagingOptions;
  private readonly times = new Map<unknown, number>();

  constructor(options: StagingOptions) {
    this.options = options;
  }

  timeOf(nest: LoopNest): number {
    const { kernel } = bindTensors(nest, this.options.tensors);
    let time = this.times.get(kernel);
    if (time === undefined) {
      time = this.options.model.time({ name: '', ...kernel });
      this.times.set(kernel, time);
    }
    return time;
  }

  /** @param carries whether sums may go from tile to tile */
  stage(cluster: Cluster, carries: boolean): Staged {
    const { model, tensors, maxBindings } = this.options;
    const link = linkCluster(cluster, carries);
    if ('reason' in link) return link;
    const bytes = Math.max(
      ...link.producers.map(({ tensor }) => DTYPES[valueType(tensors[tensor].dtype)].bytes),
    );
    const fitting = tileSizes(link, model.arrayBytes / bytes, model.clusters);
    if (fitting.length === 0)
      return { reason: `no tile of it has at most ${model.arrayBytes} bytes` };
    // Held by a tensor, the array of a single tile would take all that the intermediate takes.
    const candidates = model.needsHolder
      ? fitting.filter((sizes) => sizes.some((size, k) => size < link.shared[k].extent))
      : fitting;
    if (candidates.length === 0) return { reason: 'one tile has all of it' };
    const priced = candidates.map((sizes) => {
      const nest = stageCluster(link, sizes);
      return { nest, time: this.timeOf(nest) };
    });
    const best = priced.reduce((a, b) => (b.time < a.time ? b : a));
    const bindings =
      bindingRanges(best.nest).length + (model.needsHolder ? cluster.producers.length : 0);
    return bindings > maxBindings ? { reason: `one kernel would have ${bindings} bindings` } : best;
  }
}
