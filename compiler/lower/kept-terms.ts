import type { Affine, Axis, Expression, Store } from '../../ir/kernel.ts';
import { SCALAR_OPS } from '../../ir/scalar.ts';
import type { ScheduleTensor } from '../../ir/schedule.ts';
import { LiveProfile } from '../liveness/profile.ts';
import { canonicalise } from './canonicalise.ts';
import type { StageModel } from './cluster-staging.ts';
import { align, copyNodes } from './fuse.ts';
import { type KernelTimes, kernelTimes } from './kernel-times.ts';
import { type LoopNest, NodeList, withAxes } from './loop-nest.ts';
import type { LoopNestMemory } from './loop-nest-access.ts';
import { type LoweredModule, type LoweredProgramNests, memoryOf } from './lowered.ts';
import { shapeOf } from './nest-shape.ts';
import { neededNodes, variesAlong } from './node-facts.ts';
import { bindingRanges } from './ranges.ts';
import { hasSequentialAxis, loadsOf, storesOf } from './sequence.ts';
import { isReduction, sharedLoad } from './sibling-reductions.ts';

// Softmax sums exponentials and then divides them by the sum. Computed in both places, each is computed twice; in memory, it is read
// twice. Where functions are slow beside memory, as on one core, terms of a sum that a later kernel computes again are stored: by a
// kernel of their own, in front of the sum.

/** Of the time of the kernels as they are: models are not trusted with less of a gain. */
const MOST_OF_TIME = 0.9;
/** Of a scalar operation, from here on: functions that are series. Nothing else is worth the memory. */
const LEAST_COST = 8;

interface Terms {
  /** The sum, with one more store, behind the others: that of the terms at all points of its axes. */
  readonly sum: LoopNest;
  readonly node: number;
  readonly place: Affine;
}

/** A kernel that computes the terms again. */
interface Reader {
  readonly position: number;
  /** The kernel when it loads them. */
  readonly nest: LoopNest;
}

/** Stores terms of sums that later kernels compute again, where the target's model expects a gain and the peak of live bytes stays. */
export function keepTermsOf(
  lowered: LoweredModule,
  {
    maxStorageBuffers,
    stages,
  }: { readonly maxStorageBuffers: number; readonly stages: StageModel },
): LoweredModule {
  const tensors: ScheduleTensor[] = [...lowered.tensors];
  const remarks = [...lowered.remarks];
  const timeOf = kernelTimes({ time: stages.seconds ?? stages.time }, tensors);
  const programs = lowered.programs.map((program, index) => {
    const memory = memoryOf({ ...lowered, tensors }, program);
    const options = { tensors, timeOf, memory, program: index, maxBindings: maxStorageBuffers };
    const keeping = new TermKeeping(program, options);
    const nests = keeping.run();
    remarks.push(...keeping.remarks.map((remark) => `${program.name}: ${remark}`));
    return { ...program, nests };
  });
  return { ...lowered, tensors, programs, remarks };
}

interface KeepingOptions {
  /** Those of the module; what is kept is added to them. */
  readonly tensors: ScheduleTensor[];
  readonly timeOf: KernelTimes;
  readonly memory: LoopNestMemory;
  readonly program: number;
  readonly maxBindings: number;
}

class TermKeeping {
  readonly remarks: string[] = [];
  private nests: readonly LoopNest[];
  private readonly options: KeepingOptions;

  constructor({ nests }: LoweredProgramNests, options: KeepingOptions) {
    this.nests = nests;
    this.options = options;
  }

  run(): readonly LoopNest[] {
    for (let position = 0; position < this.nests.length; position++)
      if (this.keepAt(position)) position++;
    return this.nests;
  }

  /** Puts a kernel for its terms in front of the sum at a position, if there is a gain. */
  private keepAt(position: number): boolean {
    const sum = this.nests[position];
    if (!isReduction(sum) || hasSequentialAxis(sum)) return false;
    for (const node of slowTerms(sum)) {
      const terms = storedTerms(sum, node, this.options.tensors);
      const readers = terms ? this.readersOf(terms, position) : [];
      if (terms && readers.length > 0) return this.keep(position, terms, readers);
    }
    return false;
  }

  private readersOf(terms: Terms, position: number): Reader[] {
    const { nests } = this;
    const cone = loadsOf({ ...terms.sum, stores: terms.sum.stores.slice(-1) });
    /** Behind it, what terms are made of is something else. */
    const changes = (nest: LoopNest) => [...storesOf(nest)].some((tensor) => cone.has(tensor));
    const found: Reader[] = [];
    if (changes(nests[position])) return found;
    for (let later = position + 1; later < nests.length; later++) {
      const nest = withTermsOf(terms, nests[later], this.options.maxBindings);
      if (nest) found.push({ position: later, nest });
      if (changes(nests[later])) break;
    }
    return found;
  }

  private keep(position: number, terms: Terms, readers: readonly Reader[]): boolean {
    const { nests } = this;
    const { tensors, timeOf, memory, program } = this.options;
    const whole = nests[position];
    const { buffer } = whole.stores[0];
    const kept = tensors.length;
    tensors.push({
      ...tensors[buffer],
      ...{ name: `${tensors[buffer].name}.terms`, dtype: 'f32', role: 'activation', program },
      shape: whole.axes.map(({ extent }) => extent),
    });
    const makers = [termsNest(terms), readTerms(whole, terms.node, kept, terms.place)];
    const after = [...makers, ...readers.map(({ nest }) => nest)];
    const before = [whole, ...readers.map((reader) => nests[reader.position])];
    const time = (list: readonly LoopNest[]) => list.reduce((all, one) => all + timeOf(one), 0);
    const share = time(after) / time(before);
    const changed = [...nests];
    for (const reader of readers) changed[reader.position] = reader.nest;
    changed.splice(position, 1, ...makers);
    const peak = (list: readonly LoopNest[]) => new LiveProfile(memory.programUse(list)).peakBytes;
    const isGain = share <= MOST_OF_TIME && peak(changed) <= peak(nests);
    if (!isGain) {
      tensors.pop();
      return false;
    }
    this.nests = changed;
    this.remarks.push(
      `t${kept} ${tensors[kept].name} is kept for ${readers.length + 1} kernels, in ${share.toFixed(2)} of the time`,
    );
    return true;
  }
}

/** Nodes of a sum that functions make for each term of each point, from the last one on. */
function slowTerms(sum: LoopNest): number[] {
  const isSlow: boolean[] = [];
  const varies = sum.axes.flatMap(({ extent }, axis) =>
    extent > 1
      ? [
          variesAlong(
            sum,
            sum.axes.map((_, other) => other === axis),
          ),
        ]
      : [],
  );
  const under = neededNodes(
    sum,
    sum.reductions.map(({ value }) => value),
  );
  sum.nodes.forEach((node, k) => {
    isSlow[k] =
      node.kind === 'apply' &&
      (SCALAR_OPS[node.op].cost >= LEAST_COST || node.operands.some((operand) => isSlow[operand]));
  });
  return [...sum.nodes.keys()]
    .filter(
      (k) =>
        under[k] === 1 && isSlow[k] && sum.nodes[k].dtype === 'f32' && varies.every((v) => v[k]),
    )
    .reverse();
}

/**
 * The sum with a store of a node in a new tensor that lies as what the terms are made of; null where nothing of that is at every point,
 * or where it is narrower than they: who asks for halves does not get whole values instead.
 */
function storedTerms(
  sum: LoopNest,
  node: number,
  tensors: readonly ScheduleTensor[],
): Terms | null {
  const needed = neededNodes(sum, [node]);
  const source = sum.nodes.find(
    (load, k): load is Extract<Expression, { kind: 'load' }> =>
      needed[k] === 1 &&
      load.kind === 'load' &&
      tensors[load.buffer].dtype === 'f32' &&
      load.bounds.length === 0 &&
      !load.indirect &&
      sum.axes.every(({ extent }, axis) => extent === 1 || load.index.coefficients[axis] !== 0),
  );
  if (!source) return null;
  const steps = source.index.coefficients.map(Math.abs);
  const coefficients = steps.map((step, axis) =>
    sum.axes.reduce(
      (product, { extent }, other) =>
        steps[other] < step || (steps[other] === step && other > axis) ? product * extent : product,
      1,
    ),
  );
  const place = { offset: 0, coefficients };
  const store: Store = { buffer: tensors.length, index: place, value: node, accumulate: false };
  return { sum: { ...sum, stores: [...sum.stores, store] }, node, place };
}

/** The kernel that stores the terms, along the memory that they lie in. */
function termsNest({ sum, place }: Terms): LoopNest {
  const order = [...sum.axes.keys()].sort(
    (a, b) => place.coefficients[b] - place.coefficients[a] || a - b,
  );
  const axes = order.map((axis): Axis => ({ extent: sum.axes[axis].extent, kind: 'parallel' }));
  const { macs: _, ...alone } = { ...sum, reductions: [], stores: sum.stores.slice(-1) };
  const nest = withAxes(canonicalise(alone, sum.axes.length), axes, ({ offset, coefficients }) => ({
    ...{ offset, coefficients: order.map((axis) => coefficients[axis]) },
  }));
  return named(canonicalise(nest), isScalar);
}

/** The kernel with a node of it loaded. */
function readTerms(nest: LoopNest, node: number, tensor: number, index: Affine): LoopNest {
  const load: Expression = { kind: 'load', dtype: 'f32', buffer: tensor, index, bounds: [] };
  const read = { ...nest, nodes: nest.nodes.with(node, load) };
  return named(canonicalise(read), () => true);
}

const isScalar = (op: string): boolean => Object.hasOwn(SCALAR_OPS, op);

/** With the names of the ops that are left. */
function named(nest: LoopNest, wanted: (op: string) => boolean): LoopNest {
  const used = new Set<string>(
    nest.nodes.flatMap((node) => (node.kind === 'apply' ? [node.op] : [])),
  );
  const isLeft = (op: string) => wanted(op) && (!isScalar(op) || used.has(op));
  return { ...nest, ops: nest.ops.filter(isLeft) };
}

/** A later kernel that loads the terms which it computes; null where it computes others. */
function withTermsOf({ sum, node }: Terms, later: LoopNest, maxBindings: number): LoopNest | null {
  if (later.staging || hasSequentialAxis(later)) return null;
  if (shapeOf(later).shape.points !== shapeOf(sum).shape.points) return null;
  const aligned = align(later, sum, sharedLoad, ['parallel', 'reduced']);
  if (!aligned) return null;
  const [own, same] = aligned;
  const list = new NodeList();
  const wanted = copyNodes(same, list, () => undefined)[node];
  const at = copyNodes(own, list, () => undefined).indexOf(wanted);
  if (at < 0) return null;
  const { buffer, index } = same.stores.at(-1)!;
  const nest = readTerms(own, at, buffer, index);
  return bindingRanges(nest).length <= maxBindings ? nest : null;
}
