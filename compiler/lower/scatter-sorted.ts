import type { Graph, NodeOf, ValueId } from '../../ir/graph.ts';
import { type Affine, type Axis, type Bound, constantAffine, type Store } from '../../ir/kernel.ts';
import type { ScalarOp } from '../../ir/scalar.ts';
import { type DType, elementCount, type Shape } from '../../ir/tensor.ts';
import { axisAffine, combineAffines, flatten } from './affine.ts';
import { behindReshapes } from './concat-aliases.ts';
import { type Destination, identity, parallelAxes } from './destination.ts';
import type { Storage } from './emit.ts';
import { type LoopNest, NodeList, valueOrigins } from './loop-nest.ts';

// A scatter without an invocation that walks over all updates, without atomics, and with the same sums in every run: updates are
// sorted by row, those of a row are summed where they lie together, and each row takes the sum at its end.
//
// - Numbers of rows are sorted within chunks by counting, for each, those that come before it; pairs of chunks are then merged, where
//   every place of the result finds by bisection how many of the first chunk are in front of it (Green, McColl, Bader: GPU merge
//   path, 2012). Nothing is stored at an address that is data.
// - Sums are a segmented scan (Blelloch 1990): in each pass a place adds up the sums of RADIX places that end at it, as far as they are
//   of its row, so that no sum is of more than RADIX terms per pass.

/** Updates that are sorted by counting: about as many steps for each of them. */
const CHUNK = 1024;
/** Sums that a pass joins. */
const RADIX = 16;
/** Behind all rows. */
const BEHIND = 2 ** 31 - 1;

/** Appends kernels that add updates to the rows of `destination`, which has zeros elsewhere. */
export function writeSortedScatter(
  storage: Storage,
  nests: LoopNest[],
  value: ValueId,
  destination: Destination,
): void {
  new SortedScatter(storage, nests, value, destination).write();
}

/** Where something lies: a tensor, from an element on. */
interface Place {
  readonly tensor: number;
  readonly offset: number;
}

/** Numbers of rows in order, and the update that each is of. */
interface Sorted {
  readonly keys: number;
  readonly order: number;
}

/** The rows of a `scatterAdd`, the shape of one, and how many updates there are. */
export function scatterShape(graph: Graph, value: ValueId) {
  const { attributes, type, operands } = graph.nodes[value] as NodeOf<'scatterAdd'>;
  return {
    rows: attributes.rows,
    inner: type.shape.slice(1),
    count: elementCount(graph.nodes[operands[1]].type.shape),
  };
}

class SortedScatter {
  private readonly storage: Storage;
  private readonly nests: LoopNest[];
  private readonly value: ValueId;
  private readonly destination: Destination;
  private readonly rows: number;
  private readonly inner: Shape;
  private readonly count: number;
  private readonly chunk: number;
  private readonly chunks: number;

  constructor(storage: Storage, nests: LoopNest[], value: ValueId, destination: Destination) {
    this.storage = storage;
    this.nests = nests;
    this.value = value;
    this.destination = destination;
    const { rows, inner, count } = scatterShape(storage.graph, value);
    [this.rows, this.inner, this.count] = [rows, inner, count];
    this.chunks = 2 ** Math.max(0, Math.ceil(Math.log2(this.count / CHUNK)));
    this.chunk = Math.ceil(this.count / this.chunks);
  }

  write(): void {
    const [updates, indices] = this.storage.graph.nodes[this.value].operands.map((operand) =>
      this.placeOf(operand),
    );
    const sorted = this.sort(indices);
    const last = this.ends(sorted.keys);
    const sums = this.sums(sorted, updates);
    this.take(last, sums);
  }

  /** An operand in memory, row by row. */
  private placeOf(operand: ValueId): Place {
    const base = behindReshapes(this.storage.graph, operand);
    const held = this.storage.isStored(base) ? base : operand;
    return { tensor: this.storage.materialise(held), offset: this.storage.offsetOf(held) };
  }

  private get padded(): number {
    return this.chunk * this.chunks;
  }

  private sort(indices: Place): Sorted {
    let sorted = this.sortChunks(indices, this.ranks(indices));
    for (let length = this.chunk; length < this.padded; length *= 2)
      sorted = this.merge(sorted, length);
    return sorted;
  }

  /** How many updates of its chunk come before each, in the order of rows and then of updates. */
  private ranks(indices: Place): number {
    const ranks = this.integers(this.padded);
    const body = new Body(this.chunkAxes());
    const own = this.numberIn(body, 1);
    const other = this.numberIn(body, 2);
    const [mine, theirs] = [own, other].map((at) => this.key(body, indices, at));
    const isBefore = body.apply('lt', body.index(body.axis(2)), body.index(body.axis(1)));
    const ties = body.apply('and', body.apply('eq', theirs, mine), isBefore);
    const counts = body.apply('or', body.apply('lt', theirs, mine), ties);
    this.push(body, [body.store(ranks, own, body.sum('i32'))], counts);
    return ranks;
  }

  /** The inverse of the ranks: what lies at each place of a chunk. */
  private sortChunks(indices: Place, ranks: number): Sorted {
    const sorted = this.sortedTensors();
    const body = new Body(this.chunkAxes());
    const place = this.numberIn(body, 1);
    const update = this.numberIn(body, 2);
    const rank = body.load('i32', ranks, update);
    const isHere = body.apply('eq', rank, body.index(body.axis(1)));
    const found = body.apply('select', isHere, body.index(update), body.constant(0));
    const order = body.sum('i32');
    const within = { node: order, stride: 1, extent: this.count };
    const start = body.at(indices.offset);
    const key = body.load('i32', indices.tensor, start, [], within);
    const isReal = body.apply('lt', order, body.constant(this.count));
    const real = body.apply('select', isReal, key, body.constant(BEHIND));
    this.push(
      body,
      [body.store(sorted.keys, place, real), body.store(sorted.order, place, order)],
      found,
    );
    return sorted;
  }

  /** Merges pairs of runs of so many. */
  private merge({ keys, order }: Sorted, length: number): Sorted {
    const merged = this.sortedTensors();
    const axes = parallelAxes([this.padded / (2 * length), 2 * length]);
    const body = new Body(axes);
    const start = combineAffines([body.axis(0)], [2 * length], axes.length);
    const place = combineAffines([body.axis(0), body.axis(1)], [2 * length, 1], axes.length);
    const own = body.index(body.axis(1));
    const one = body.constant(1);
    const run = body.constant(length);
    const element = (tensor: number, second: boolean, node: number) => {
      const index = { ...start, offset: second ? length : 0 };
      return body.load('i32', tensor, index, [], { node, stride: 1, extent: length });
    };
    // How many of the first run are in front: between `low` and `high`, which are equal in the end.
    let low = body.apply('max', body.apply('sub', own, run), body.constant(0));
    let high = body.apply('min', own, run);
    for (let left = length; left > 0; left = Math.floor(left / 2)) {
      const middle = body.apply('div', body.apply('add', low, high), body.constant(2));
      const opposite = body.apply('sub', body.apply('sub', own, middle), one);
      const isFront = body.apply('le', element(keys, false, middle), element(keys, true, opposite));
      const isOpen = body.apply('lt', low, high);
      const rises = body.apply('and', isOpen, isFront);
      const falls = body.apply('and', isOpen, body.apply('not', isFront));
      low = body.apply('select', rises, body.apply('add', middle, one), low);
      high = body.apply('select', falls, middle, high);
    }
    const other = body.apply('sub', own, low);
    const [first, second] = [element(keys, false, low), element(keys, true, other)];
    const isLeft = body.apply('lt', low, run);
    const noRight = body.apply('ge', other, run);
    const wins = body.apply('or', noRight, body.apply('le', first, second));
    const takes = body.apply('and', isLeft, wins);
    const update = [element(order, false, low), element(order, true, other)] as const;
    this.push(body, [
      body.store(merged.keys, place, body.apply('select', takes, first, second)),
      body.store(merged.order, place, body.apply('select', takes, ...update)),
    ]);
    return merged;
  }

  /** The last place of each row, -1 for rows without updates. */
  private ends(keys: number): number {
    const last = this.integers(this.rows);
    const body = new Body(parallelAxes([this.rows]));
    const row = body.index(body.axis(0));
    const [zero, one] = [body.constant(0), body.constant(1)];
    const size = this.padded;
    const element = (node: number) =>
      body.load('i32', keys, body.at(0), [], { node, stride: 1, extent: size });
    // How many are of this row or of one before: bisection in steps of powers of two.
    let found = zero;
    for (let step = 2 ** Math.floor(Math.log2(size)); step >= 1; step /= 2) {
      const reached = body.apply('add', found, body.constant(step));
      const isInside = body.apply('le', reached, body.constant(size));
      const isFront = body.apply('le', element(body.apply('sub', reached, one)), row);
      found = body.apply('select', body.apply('and', isInside, isFront), reached, found);
    }
    const end = body.apply('sub', found, one);
    const isOwn = body.apply(
      'and',
      body.apply('gt', found, zero),
      body.apply('eq', element(end), row),
    );
    const place = body.apply('select', isOwn, end, body.constant(-1));
    this.push(body, [body.store(last, body.axis(0), place)]);
    return last;
  }

  /** Sums of the updates of a row up to each of them. */
  private sums(sorted: Sorted, updates: Place): number {
    const { inner, count } = this;
    const { dtype } =
      this.storage.graph.nodes[this.storage.graph.nodes[this.value].operands[0]].type;
    let before: number | null = null;
    let reach = 1;
    do {
      const sums = this.storage.temporary(this.value, { dtype: 'f32', shape: [count, ...inner] });
      const axes: Axis[] = [
        ...parallelAxes([count, ...inner]),
        { extent: Math.min(RADIX, Math.ceil(count / reach)), kind: 'reduced' },
      ];
      const body = new Body(axes);
      const coordinates = identity(axes).slice(1, -1);
      const own = body.axis(0);
      const from = combineAffines([own, body.axis(axes.length - 1)], [1, -reach], axes.length);
      const inside: Bound[] = [{ index: from, extent: count }];
      const within = flatten([from, ...coordinates], [count, ...inner], axes.length);
      let term: number;
      if (before === null) {
        const node = body.load('i32', sorted.order, from, inside);
        const row = flatten([body.at(0), ...coordinates], [1, ...inner], axes.length);
        term = body.load(
          dtype,
          updates.tensor,
          { ...row, offset: row.offset + updates.offset },
          inside,
          { node, stride: elementCount(inner), extent: count },
        );
      } else term = body.load('f32', before, within, inside);
      // In front of the first place, the key is any, and the term is 0.
      const keys = [from, own].map((at, k) =>
        body.load('i32', sorted.keys, at, k === 0 ? inside : []),
      );
      const isOwn = body.apply('eq', keys[0], keys[1]);
      const taken = body.apply('select', isOwn, term, body.constant(0, dtype));
      const place = flatten([own, ...coordinates], [count, ...inner], axes.length);
      this.push(body, [body.store(sums, place, body.sum(dtype))], taken);
      before = sums;
      reach *= RADIX;
    } while (reach < count);
    return before;
  }

  private take(last: number, sums: number): void {
    const { rows, inner, count } = this;
    const axes = parallelAxes([rows, ...inner]);
    const body = new Body(axes);
    const coordinates = identity(axes);
    const node = body.load('i32', last, coordinates[0]);
    const index = flatten([body.at(0), ...coordinates.slice(1)], [1, ...inner], axes.length);
    const sum = body.load('f32', sums, index, [], {
      ...{ node, stride: elementCount(inner), extent: count },
    });
    const isThere = body.apply('ge', node, body.constant(0));
    const value = body.apply('select', isThere, sum, body.constant(0, 'f32'));
    const { tensor } = this.destination;
    this.push(body, [body.store(tensor, this.destination.index(coordinates, axes.length), value)]);
  }

  /** Chunk, place in it, and all of its places, over which is summed. */
  private chunkAxes(): Axis[] {
    return [...parallelAxes([this.chunks, this.chunk]), { extent: this.chunk, kind: 'reduced' }];
  }

  /** The number of what is at the place that `axis` counts. */
  private numberIn(body: Body, axis: number): Affine {
    return combineAffines([body.axis(0), body.axis(axis)], [this.chunk, 1], body.axes.length);
  }

  private key(body: Body, indices: Place, at: Affine): number {
    const bounds = this.padded === this.count ? [] : [{ index: at, extent: this.count }];
    const index = { ...at, offset: at.offset + indices.offset };
    const key = body.load('i32', indices.tensor, index, bounds);
    if (bounds.length === 0) return key;
    return body.apply('select', body.inBounds(bounds), key, body.constant(BEHIND));
  }

  private sortedTensors(): Sorted {
    return { keys: this.integers(this.padded), order: this.integers(this.padded) };
  }

  private integers(count: number): number {
    return this.storage.temporary(this.value, { dtype: 'i32', shape: [count] });
  }

  private push({ axes, list }: Body, stores: readonly Store[], summed: number | null = null): void {
    this.nests.push({
      axes,
      nodes: list.nodes,
      reductions: summed === null ? [] : [{ combiner: 'sum', value: summed }],
      stores,
      ops: ['scatterAdd'],
      origins: valueOrigins(this.storage.graph, this.value),
    });
  }
}

/** The nodes of a nest in the making. */
class Body {
  readonly axes: readonly Axis[];
  readonly list = new NodeList();

  constructor(axes: readonly Axis[]) {
    this.axes = axes;
  }

  /** The index of an axis. */
  axis(axis: number): Affine {
    return this.axes[axis].extent === 1 ? this.at(0) : axisAffine(axis, this.axes.length);
  }

  at(offset: number): Affine {
    return constantAffine(offset, this.axes.length);
  }

  index(index: Affine): number {
    return this.list.add({ kind: 'index', dtype: 'i32', index });
  }

  constant(value: number, dtype: DType = 'i32'): number {
    return this.list.add({ kind: 'constant', dtype, value });
  }

  inBounds(bounds: readonly Bound[]): number {
    return this.list.add({ kind: 'inBounds', dtype: 'i32', bounds });
  }

  apply(op: ScalarOp, ...operands: readonly number[]): number {
    const dtype = op === 'select' ? this.list.nodes[operands[1]].dtype : 'i32';
    return this.list.add({ kind: 'apply', dtype, op, operands });
  }

  load(
    dtype: DType,
    buffer: number,
    index: Affine,
    bounds: readonly Bound[] = [],
    indirect?: { readonly node: number; readonly stride: number; readonly extent: number },
  ): number {
    const row = indirect ? { indirect } : {};
    return this.list.add({ kind: 'load', dtype, buffer, index, ...row, bounds });
  }

  /** The result of the sum over the reduced axes. */
  sum(dtype: DType): number {
    return this.list.add({ kind: 'accumulator', dtype, reduction: 0 });
  }

  store(buffer: number, index: Affine, value: number): Store {
    return { buffer, index, value, accumulate: false };
  }
}
