import { DTYPES, valueType } from '../../ir/dtypes.ts';
import { type Kernel, localArray } from '../../ir/kernel.ts';
import type { ScheduleTensor } from '../../ir/schedule.ts';
import { elementCount } from '../../ir/tensor.ts';
import { type Cluster, linkCluster, type Producer } from './cluster.ts';
import { bindTensors } from './finalise.ts';
import { isMatrixProduct, type LoopNest } from './loop-nest.ts';
import { nestOf, type ShapedNest, shapeOf } from './nest-shape.ts';
import { bindingRanges } from './ranges.ts';
import { stageCluster, workTogether } from './stage-cluster.ts';
import { blockSizes, rectangles, tileSizes } from './tile-sizes.ts';

/** What a target says of kernels with stages. */
export interface StageModel {
  /** Limit on the arrays of one tile, in bytes; 0 for no stages. */
  readonly arrayBytes: number;
  /** Elements of the arrays of a tile that one invocation can compute alone; absent where it cannot. */
  readonly privateElements?: number;
  /** What so many multiply-adds take at least in such a kernel, where the model knows. */
  leastAlone?(multiplyAdds: number): number;
  /** Whether nothing waits at barriers in a kernel with stages, as each tile is computed by one invocation alone. */
  isAlone?(kernel: Kernel): boolean;
  /** Whether an array takes its memory from a tensor. */
  readonly needsHolder: boolean;
  /** Whether kernels may have several stages; else contractions in pairs. */
  readonly clusters: boolean;
  /** Whether workgroups compute stages, contractions among them: they share sums, and keep them from tile to tile. */
  readonly hasWorkgroups: boolean;
  /** Whether reductions may be cut in two, to keep more of the device busy. */
  readonly splitsReductions: boolean;
  /** Time of one run of a kernel, in any unit: for choices between kernels. */
  time(kernel: Kernel): number;
  /** The same in seconds on the device of a profile, where `time` is another model, for choices between arithmetic and memory. */
  seconds?(kernel: Kernel): number;
  /** What so many kernels that move so many bytes together take in any case, where the model knows. */
  leastSeconds?(bytes: number, kernels: number): number;
}

/** What the kernels of a program may be. */
export interface StagingOptions {
  readonly model: StageModel;
  readonly tensors: readonly ScheduleTensor[];
  /** Storage bindings of one kernel. */
  readonly maxBindings: number;
}

/** A cluster as one kernel: its time by the target's model, and what makes it; or why it cannot be one. */
export type Staged =
  | { readonly time: number; readonly nest: () => LoopNest }
  | { readonly reason: string };

/** What was found of clusters that differ in their tensors alone. */
type Found =
  | { readonly time: number; readonly sizes: readonly number[] }
  | { readonly reason: string };

/** A kernel over tensors that are numbered as those of its cluster are. */
type Made = Omit<ShapedNest, 'derived'>;

/** A cluster that two tile forms make so many times slower than its kernels are apart is not tried in other tiles. */
const HOPELESS = 4;
/** Nor in those that an invocation computes alone, where its multiply-adds take longer than its kernels apart by so much. */
const HOPELESS_ALONE = 1.2;
/** So many rectangles fill every device: other tiles, which have more of other axes, are not tried. */
const MANY_TILES = 2048;

const isProductOf = ({ nest }: Producer) => isMatrixProduct(nest);

/** Finds the best tiles of clusters. */
export class ClusterStaging {
  private readonly options: StagingOptions;
  private readonly times = new Map<unknown, number>();
  private readonly found = new Map<string, Found>();
  /** By cluster, what it is as one kernel. */
  private readonly made = new Map<string, Made>();

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

  /** Whether each tile of a nest with stages is computed by one invocation alone. */
  isAlone(nest: LoopNest): boolean {
    const { kernel } = bindTensors(nest, this.options.tensors);
    return this.options.model.isAlone?.({ name: '', ...kernel }) ?? false;
  }

  /** @param carries whether sums may go from tile to tile, whatever that takes */
  stage(cluster: Cluster, carries: boolean): Staged {
    const { text, tensors } = this.keyOf(cluster);
    const key = `${carries} ${text}`;
    let found = this.found.get(key);
    if (!found) {
      found = this.search(cluster, carries);
      this.found.set(key, found);
    }
    if ('reason' in found) return found;
    const { time, sizes } = found;
    const make = () => {
      const link = linkCluster(cluster, carries);
      if ('reason' in link) throw new Error(link.reason);
      return stageCluster(link, sizes);
    };
    return { time, nest: () => this.nestOf(cluster, key, tensors, make) };
  }

  /** What `make` gives, found once for clusters that differ in their tensors alone. */
  private nestOf(
    { producers, consumer }: Cluster,
    key: string,
    tensors: readonly number[],
    make: () => LoopNest,
  ): LoopNest {
    const made = this.made.get(key);
    if (!made) {
      const nest = make();
      const { shape, tensors: own } = shapeOf(nest);
      this.made.set(key, { shape, tensors: own.map((tensor) => tensors.indexOf(tensor)) });
      return nest;
    }
    const own = made.tensors.map((number) => tensors[number]);
    const parts = producers.map(({ nest }) => nest);
    return nestOf({ shape: made.shape, tensors: own }, workTogether(parts, consumer));
  }

  /** Equal texts, equal clusters but for what tensors there are; these in the order of their numbers. */
  private keyOf({ producers, consumer }: Cluster): {
    readonly text: string;
    readonly tensors: readonly number[];
  } {
    const numbers = new Map<number, number>();
    const numberOf = (tensor: number) => {
      const known = numbers.get(tensor) ?? numbers.size;
      numbers.set(tensor, known);
      const { dtype, shape } = this.options.tensors[tensor];
      return `${known}${dtype}${elementCount(shape)}`;
    };
    const nestKey = (nest: LoopNest) => {
      const { shape, tensors } = shapeOf(nest);
      return `${shape.id}(${tensors.map(numberOf).join()})`;
    };
    const made = producers.map(
      ({ nest, tensor, isKept }) => `${nestKey(nest)}${numberOf(tensor)}${isKept}`,
    );
    const text = [...made, nestKey(consumer)].join(' ');
    return { text, tensors: [...numbers.keys()] };
  }

  private search(cluster: Cluster, carries: boolean): Found {
    const { model, tensors, maxBindings } = this.options;
    const least = this.leastBindings(cluster);
    if (least > maxBindings) return { reason: `one kernel would have ${least} bindings` };
    const link = linkCluster(cluster, carries);
    if ('reason' in link) return link;
    const bytes = Math.max(
      ...link.producers.map(({ tensor }) => DTYPES[valueType(tensors[tensor].dtype)].bytes),
    );
    // Tiles of products are for panels and registers; those of a few sums are as small as what they are sums of is large.
    const isSmall = model.clusters && (model.hasWorkgroups || !cluster.producers.some(isProductOf));
    const most = model.arrayBytes / bytes;
    const blocks = carries ? rectangles(link, most) : [];
    const fitting = tileSizes(link, most, isSmall && blocks.length === 0);
    if (fitting.length === 0)
      return { reason: `no tile of it has at most ${model.arrayBytes} bytes` };
    // Held by a tensor, the array of a single tile would take all that the intermediate takes.
    const candidates = model.needsHolder
      ? fitting.filter((sizes) => sizes.some((size, k) => size < link.shared[k].extent))
      : fitting;
    if (candidates.length === 0) return { reason: 'one tile has all of it' };
    const holders = model.needsHolder ? cluster.producers.length : 0;
    const first = stageCluster(link, candidates[0]);
    if (!readsItsArrays(first)) return { reason: 'nothing would read what a part of it fills' };
    const bindings = bindingRanges(first).length + holders;
    if (bindings > maxBindings) return { reason: `one kernel would have ${bindings} bindings` };
    const apart = () =>
      [...cluster.producers.map(({ nest }) => nest), cluster.consumer].reduce(
        (sum, nest) => sum + this.timeOf(nest),
        0,
      );
    let best = { time: Number.POSITIVE_INFINITY, sizes: candidates[0] };
    const attempt = (sizes: readonly number[]) => {
      const time = this.timeOf(stageCluster(link, sizes));
      if (time < best.time) best = { time, sizes };
    };
    const tilesOf = (sizes: readonly number[]) =>
      sizes.reduce((count, size, k) => count * (link.shared[k].extent / size), 1);
    const fillsAll = blocks.length > 0 && blocks.every((sizes) => tilesOf(sizes) >= MANY_TILES);
    let isHopeless = false;
    for (const [tried, sizes] of (fillsAll ? [] : candidates).entries()) {
      attempt(sizes);
      isHopeless = !carries && tried === 1 && best.time > HOPELESS * apart();
      if (isHopeless) break;
    }
    blocks.forEach(attempt);
    const isSlowAlone = () => this.leastAlone(cluster) > HOPELESS_ALONE * apart();
    if (!carries && !(isHopeless && isSlowAlone()))
      blockSizes(link, model.privateElements ?? 0).forEach(attempt);
    return best;
  }

  /** What a cluster takes at least where each tile is computed by one invocation alone. */
  private leastAlone({ producers, consumer }: Cluster): number {
    const all = [...producers.map(({ nest }) => nest), consumer];
    const multiplyAdds = all.reduce((sum, { macs = 0 }) => sum + macs, 0);
    return this.options.model.leastAlone?.(multiplyAdds) ?? 0;
  }

  /** Bindings that a cluster has as one kernel at least: of what its kernels bind all but the intermediates that nobody else reads. */
  private leastBindings({ producers, consumer }: Cluster): number {
    const bound = new Set<number>();
    for (const nest of [...producers.map((producer) => producer.nest), consumer])
      for (const { tensor } of bindTensors(nest, this.options.tensors).bound) bound.add(tensor);
    for (const { tensor, isKept } of producers) if (!isKept) bound.delete(tensor);
    return bound.size + (this.options.model.needsHolder ? producers.length : 0);
  }
}

/** Whether a later stage or the body loads what each stage fills: what is simplified away where it is read is no part of a cluster. */
function readsItsArrays({ staging, nodes }: LoopNest): boolean {
  const stages = staging?.stages ?? [];
  return stages.every((_, k) =>
    [...stages.slice(k + 1), { nodes }].some((reader) =>
      reader.nodes.some((node) => node.kind === 'load' && node.buffer === localArray(k)),
    ),
  );
}
