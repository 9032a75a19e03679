import type { ValueId } from '../../ir/graph.ts';
import {
  type Affine,
  type Axis,
  constantAffine,
  type Kernel,
  type Reduction,
  type Store,
} from '../../ir/kernel.ts';
import { append } from '../../ir/lists.ts';
import type { ScalarOp } from '../../ir/scalar.ts';
import { type DType, elementCount, type Shape } from '../../ir/tensor.ts';
import { flatten } from './affine.ts';
import type { StageModel } from './cluster-staging.ts';
import { type Destination, identity, parallelAxes, rowMajor } from './destination.ts';
import { AxisSplit, Emitter, type Storage } from './emit.ts';
import { type LoopNest, valueOrigins } from './loop-nest.ts';
import { scatterShape, writeSortedScatter } from './scatter-sorted.ts';

// Rows are zeroed, then added to one by one: a fixed order, so the sums are the same in every run. A row that thousands of
// updates go to must not take them one by one, for the error grows with their number. So the first BLOCK updates of a row
// go to the row itself, and each further BLOCK of them to a row of their own in a table of partial sums, which is then
// scattered in the same way. There are never more such blocks than one per BLOCK updates, whatever the indices are; a
// kernel that walks over the indices once hands them out.

/** Updates of one row that are added one by one. */
const BLOCK = 64;
/** Updates so few that all of them may go to one row one by one; and partial sums behind the first block of updates. */
const FEW = 256;
const FEW_PARTIAL = 128;
/** Tensors that one kernel may load, beside two that it only stores to: a kernel binds eight at most. */
const MOST_LOADS = 6;

/** What is added where: a list of updates, numbered by sequential axes. */
interface Updates {
  readonly extents: Shape;
  /** Node of the row that an update goes to; a row outside of the table takes none. */
  row(emitter: Emitter, update: readonly Affine[]): number;
  /** Node of the element of an update. */
  element(emitter: Emitter, update: readonly Affine[], inner: readonly Affine[]): number;
  /** Makes both loads of tensors. */
  store(): void;
}

/**
 * The forms of a scatter. `sequential`: columns walk over the updates. `masked`: every element of the table takes from all updates
 * those of its row. `sorted`: see scatter-sorted.ts.
 */
export const SCATTER_FORMS = ['sequential', 'masked', 'sorted'] as const;
export type ScatterForm = (typeof SCATTER_FORMS)[number];

/** What kernels of a form take, in any unit: the form that takes least is made. */
export type ScatterModel = (form: ScatterForm, kernels: readonly Kernel[]) => number;

/** By the times of a target; null where it is no GPU, as one processor does best to walk over the updates. */
export function scatterModel({ splitsReductions, time }: StageModel): ScatterModel | undefined {
  if (!splitsReductions) return undefined;
  return (_, kernels) => kernels.reduce((sum, kernel) => sum + time(kernel), 0);
}

/** More terms than these are never summed element by element. */
const MOST_MASKED = 2 ** 34;

/** Appends the kernels of a `scatterAdd` into `destination`. */
export function writeScatter(
  storage: Storage,
  nests: LoopNest[],
  value: ValueId,
  destination: Destination,
): void {
  const { scatters } = storage;
  const { type } = storage.graph.nodes[value];
  const { count } = scatterShape(storage.graph, value);
  const forms: Record<ScatterForm, (own: LoopNest[]) => void> = {
    sequential: (own) => new ScatterWriter(storage, own, value, destination).write(),
    masked: (own) => new ScatterWriter(storage, own, value, destination).writeMasked(),
    sorted: (own) => writeSortedScatter(storage, own, value, destination),
  };
  if (!scatters) {
    forms.sequential(nests);
    return;
  }
  let [best, least]: [LoopNest[], number] = [[], Number.POSITIVE_INFINITY];
  for (const form of SCATTER_FORMS) {
    if (form === 'masked' && elementCount(type.shape) * count > MOST_MASKED) continue;
    const own: LoopNest[] = [];
    forms[form](own);
    const time = scatters(form, storage.kernelsOf(own));
    if (time < least) [best, least] = [own, time];
  }
  append(nests, best);
}

class ScatterWriter {
  private readonly storage: Storage;
  private readonly nests: LoopNest[];
  private readonly value: ValueId;
  private readonly destination: Destination;
  private readonly rows: number;
  /** Shape of a row. */
  private readonly inner: Shape;

  constructor(storage: Storage, nests: LoopNest[], value: ValueId, destination: Destination) {
    this.storage = storage;
    this.nests = nests;
    this.value = value;
    this.destination = destination;
    const { rows, inner } = scatterShape(storage.graph, value);
    [this.rows, this.inner] = [rows, inner];
  }

  write(): void {
    const { shape } = this.storage.graph.nodes[this.value].type;
    this.fill(this.destination, shape, 'f32', 0);
    let updates = this.operands();
    for (let few = FEW; elementCount(updates.extents) > few; few = FEW_PARTIAL)
      updates = this.addBlocks(updates);
    this.add(updates, null);
  }

  /** Each element of the table is the sum over all updates of those that go to its row. */
  writeMasked(): void {
    const updates = this.operands();
    const { shape } = this.storage.graph.nodes[this.value].type;
    const axes: Axis[] = [
      ...parallelAxes(shape),
      ...updates.extents.map((extent): Axis => ({ extent, kind: 'reduced' })),
    ];
    const emitter = new Emitter(this.storage, axes);
    const coordinates = identity(axes);
    const update = coordinates.slice(shape.length);
    const row = updates.row(emitter, update);
    const value = updates.element(emitter, update, coordinates.slice(1, shape.length));
    if (loadsTooMany(emitter)) {
      updates.store();
      this.writeMasked();
      return;
    }
    const { add } = integers(emitter);
    const own = emitter.list.add({ kind: 'index', dtype: 'i32', index: coordinates[0] });
    const { dtype } = emitter.list.nodes[value];
    const zero = emitter.list.add({ kind: 'constant', dtype, value: 0 });
    const operands = [add('eq', row, own), value, zero];
    const term = emitter.list.add({ kind: 'apply', dtype, op: 'select', operands });
    const sum = emitter.list.add({ kind: 'accumulator', dtype, reduction: 0 });
    const index = this.destination.index(coordinates.slice(0, shape.length), axes.length);
    const store = { buffer: this.destination.tensor, index, value: sum, accumulate: false };
    this.push(emitter, [store], [{ combiner: 'sum', value: term }]);
  }

  private operands(): Updates {
    const { storage } = this;
    const [updates, indices] = storage.graph.nodes[this.value].operands;
    const { shape } = storage.graph.nodes[indices].type;
    return {
      // A scalar index makes one sequential point.
      extents: shape.length > 0 ? shape : [1],
      row: (emitter, update) => this.emitAligned(emitter, indices, update.slice(0, shape.length)),
      element: (emitter, update, inner) =>
        this.emitAligned(emitter, updates, [...update.slice(0, shape.length), ...inner]),
      store: () => {
        for (const operand of [updates, indices]) storage.materialise(operand);
      },
    };
  }

  /** Adds the first block of updates of each row; returns the sums of the others, block by block. */
  private addBlocks(updates: Updates): Updates {
    const { inner } = this;
    const count = elementCount(updates.extents);
    const blocks = Math.floor((count - 1) / BLOCK);
    const blockOf = this.temporary('i32', updates.extents);
    const rowOf = this.temporary('i32', [blocks]);
    const sums = this.temporary('f32', [blocks, ...inner]);
    this.handOut(updates, blockOf, rowOf, blocks);
    this.fill(rowMajor(sums, [blocks, ...inner]), [blocks, ...inner], 'f32', 0);
    this.add(updates, { blockOf, sums, blocks });
    const load = (emitter: Emitter, dtype: DType, buffer: number, index: Affine) =>
      emitter.list.add({ kind: 'load', dtype, buffer, index, bounds: [] });
    return {
      extents: [blocks],
      row: (emitter, [block]) => load(emitter, 'i32', rowOf, block),
      element: (emitter, update, coordinates) => {
        const index = flatten([...update, ...coordinates], [blocks, ...inner], emitter.axes.length);
        return load(emitter, 'f32', sums, index);
      },
      store: () => {},
    };
  }

  /**
   * Walks over the rows of all updates and says which block of its row each is in: -1 in the first one, else the block's
   * number in the order in which blocks begin; and which row each block belongs to, -1 for numbers that are not given.
   *
   * `place` counts up by one per update of a row, from 0, and is (number + 1)·BLOCK where a further block begins: it is
   * full at the next multiple.
   */
  private handOut(updates: Updates, blockOf: number, rowOf: number, blocks: number): void {
    const { rows } = this;
    const places = this.temporary('i32', [rows]);
    const next = this.temporary('i32', [1]);
    this.fill(rowMajor(places, [rows]), [rows], 'i32', 0);
    this.fill(rowMajor(next, [1]), [1], 'i32', 0);
    this.fill(rowMajor(rowOf, [blocks]), [blocks], 'i32', -1);
    const axes = sequentialAxes(updates.extents);
    const emitter = new Emitter(this.storage, axes);
    const at = identity(axes);
    const here = flatten(at, updates.extents, axes.length);
    const start = constantAffine(0, axes.length);
    const { add, constant } = integers(emitter);
    const row = updates.row(emitter, at);
    const within = { node: row, stride: 1, extent: rows };
    const load = (buffer: number) => ({ kind: 'load', dtype: 'i32', buffer, bounds: [] }) as const;
    const place = emitter.list.add({ ...load(places), index: start, indirect: within });
    const number = emitter.list.add({ ...load(next), index: start });
    if (loadsTooMany(emitter)) {
      updates.store();
      this.handOut(updates, blockOf, rowOf, blocks);
      return;
    }
    const valid = add('and', add('ge', row, constant(0)), add('lt', row, constant(rows)));
    const isMultiple = add('eq', add('mod', place, constant(BLOCK)), constant(0));
    const isFull = add('and', isMultiple, add('gt', place, constant(0)));
    const begins = add('and', valid, isFull);
    const begun = add('add', number, constant(1));
    const own = add('select', isFull, add('mul', begun, constant(BLOCK)), place);
    const block = add('sub', add('div', own, constant(BLOCK)), constant(1));
    const store = (buffer: number, value: number) => ({ buffer, value, accumulate: false });
    const numbered = { node: add('select', begins, number, constant(-1)), stride: 1 };
    this.push(emitter, [
      { ...store(places, add('add', own, constant(1))), index: start, indirect: within },
      { ...store(next, add('select', begins, begun, number)), index: start },
      { ...store(blockOf, add('select', valid, block, constant(-1))), index: here },
      { ...store(rowOf, row), index: start, indirect: { ...numbered, extent: blocks } },
    ]);
  }

  /** Adds updates to their rows, or to the sums of the blocks that they are in. */
  private add(
    updates: Updates,
    further: { readonly blockOf: number; readonly sums: number; readonly blocks: number } | null,
  ): void {
    const axes = [...parallelAxes(this.inner), ...sequentialAxes(updates.extents)];
    const emitter = new Emitter(this.storage, axes);
    const coordinates = identity(axes);
    const inner = coordinates.slice(0, this.inner.length);
    const update = coordinates.slice(this.inner.length);
    const row = updates.row(emitter, update);
    const value = updates.element(emitter, update, inner);
    const table = (destination: Destination, node: number, extent: number): Store => {
      const start = (index: number) =>
        destination.index([constantAffine(index, axes.length), ...inner], axes.length);
      const index = start(0);
      const indirect = { node, stride: start(1).offset - index.offset, extent };
      return { buffer: destination.tensor, index, indirect, value, accumulate: true };
    };
    if (!further) {
      this.push(emitter, [table(this.destination, row, this.rows)]);
      return;
    }
    const { blockOf, sums, blocks } = further;
    const index = flatten(update, updates.extents, axes.length);
    const load = { kind: 'load', dtype: 'i32', buffer: blockOf, index, bounds: [] } as const;
    const block = emitter.list.add(load);
    const { add, constant } = integers(emitter);
    const first = add('select', add('lt', block, constant(0)), row, constant(-1));
    if (loadsTooMany(emitter)) {
      updates.store();
      this.add(updates, further);
      return;
    }
    this.push(emitter, [
      table(this.destination, first, this.rows),
      table(rowMajor(sums, [blocks, ...this.inner]), block, blocks),
    ]);
  }

  private push(
    emitter: Emitter,
    stores: readonly Store[],
    reductions: readonly Reduction[] = [],
  ): void {
    const { axes, list, ops, sources } = emitter;
    this.nests.push({
      axes,
      nodes: list.nodes,
      reductions,
      stores,
      ops: [...ops, 'scatterAdd'],
      origins: valueOrigins(this.storage.graph, this.value, sources),
    });
  }

  private fill(to: Destination, shape: Shape, dtype: DType, value: number): void {
    const axes = parallelAxes(shape);
    const index = to.index(identity(axes), axes.length);
    this.nests.push({
      axes,
      nodes: [{ kind: 'constant', dtype, value }],
      reductions: [],
      stores: [{ buffer: to.tensor, index, value: 0, accumulate: false }],
      ops: ['zero'],
      origins: valueOrigins(this.storage.graph, this.value),
    });
  }

  private temporary(dtype: DType, shape: Shape): number {
    return this.storage.temporary(this.value, { dtype, shape });
  }

  /** Scatters do not cut axes: what would need it is stored first. */
  private emitAligned(emitter: Emitter, operand: ValueId, place: readonly Affine[]): number {
    try {
      return emitter.emit(operand, place);
    } catch (error) {
      if (!(error instanceof AxisSplit)) throw error;
      this.storage.materialise(operand);
      return emitter.emit(operand, place);
    }
  }
}

const sequentialAxes = (extents: Shape): Axis[] =>
  extents.map((extent) => ({ extent, kind: 'sequential' }));

function loadsTooMany({ list }: Emitter): boolean {
  const loaded = list.nodes.flatMap((node) => (node.kind === 'load' ? [node.buffer] : []));
  return new Set(loaded).size > MOST_LOADS;
}

/** Arithmetic on i32 nodes. */
function integers({ list }: Emitter) {
  return {
    add: (op: ScalarOp, ...operands: number[]) =>
      list.add({ kind: 'apply', dtype: 'i32', op, operands }),
    constant: (value: number) => list.add({ kind: 'constant', dtype: 'i32', value }),
  };
}
