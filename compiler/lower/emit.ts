import type { Graph, ValueId } from '../../ir/graph.ts';
import {
  type Affine,
  type Axis,
  type Bound,
  constantAffine,
  type Indirection,
  type Kernel,
} from '../../ir/kernel.ts';
import { isScalarOp, type OpAttributes } from '../../ir/ops.ts';
import { type DType, elementCount, type Shape, type TensorType } from '../../ir/tensor.ts';
import { combineAffines, flatten, type SplitRequest, shiftAffine } from './affine.ts';
import type { ConcatAlias } from './concat-aliases.ts';
import { type LoopNest, NodeList } from './loop-nest.ts';
import { reach } from './ranges.ts';
import { coordinatesBeforeReshape } from './reshape.ts';
import type { ScatterModel } from './scatter.ts';

/** What emission needs to know of the program being lowered. */
export interface Storage {
  readonly graph: Graph;
  /** How to choose between forms of scatters; null: what a processor does. */
  readonly scatters: ScatterModel | null;
  /** Whether long reductions stay one kernel, which a later pass may cut in parts. */
  readonly wholeReductions: boolean;
  /** The kernels that nests would become. */
  kernelsOf(nests: readonly LoopNest[]): readonly Kernel[];
  /** Tensor that holds a value by now, or -1. */
  tensorOf(value: ValueId): number;
  /** The value's first element in its tensor. */
  offsetOf(value: ValueId): number;
  /** Whether the value has memory, or is going to have it. */
  isStored(value: ValueId): boolean;
  /** The concatenation in whose memory the value lives. */
  aliasOf(value: ValueId): ConcatAlias | undefined;
  /** A new tensor for kernels on their way to `value`. */
  temporary(value: ValueId, type: TensorType): number;
  /** Gives a value memory, with the kernels that fill it; returns its tensor. */
  materialise(value: ValueId): number;
}

/** Thrown (and caught by lowering) when a kernel's axis must be cut in two before an expression is affine in the axes. */
export class AxisSplit {
  readonly request: SplitRequest;
  constructor(request: SplitRequest) {
    this.request = request;
  }
}

/** Where in a value: one affine per axis of its shape, and bounds outside of which the element does not exist. */
interface Place {
  readonly coordinates: readonly Affine[];
  readonly bounds: readonly Bound[];
}

/** Emits the expressions of one kernel. Recursion is bounded by the size limit of inlined expressions. */
export class Emitter {
  readonly list = new NodeList();
  readonly ops = new Set<string>();
  /** Sources of the values that it computes, as the graph numbers them. */
  readonly sources = new Set<number>();
  private readonly storage: Storage;
  readonly axes: readonly Axis[];

  constructor(storage: Storage, axes: readonly Axis[]) {
    this.storage = storage;
    this.axes = axes;
  }

  /** The node that holds the element of `value` at `coordinates`; elements outside `bounds` are 0 or unspecified. */
  emit(value: ValueId, coordinates: readonly Affine[], bounds: readonly Bound[] = []): number {
    const tensor = this.storage.tensorOf(value);
    if (tensor >= 0)
      return this.load(value, tensor, this.flat(coordinates, this.shape(value)), bounds);
    return this.compute(value, { coordinates, bounds });
  }

  /** As {@link emit} for a value without memory of its own, also when a tensor for it exists by now. */
  compute(value: ValueId, place: Place): number {
    const node = this.storage.graph.nodes[value];
    const { coordinates, bounds } = place;
    const [operand] = node.operands;
    if (isScalarOp(node.op)) {
      const operands = node.operands.map((x) => this.emit(x, coordinates, bounds));
      this.ops.add(node.op);
      this.sources.add(node.source);
      return this.list.add({ kind: 'apply', dtype: node.type.dtype, op: node.op, operands });
    }
    switch (node.op) {
      case 'constant':
        return this.list.add({
          kind: 'constant',
          dtype: node.type.dtype,
          value: node.attributes.value,
        });
      case 'iota':
        return this.list.add({
          kind: 'index',
          dtype: 'i32',
          index: coordinates[node.attributes.axis],
        });
      case 'random': {
        const step = this.emit(operand, []);
        const { seed, stream, shape } = node.attributes;
        this.ops.add(node.op);
        this.sources.add(node.source);
        return this.list.add({
          kind: 'random',
          dtype: 'f32',
          seed,
          stream,
          counter: this.flat(coordinates, shape),
          step,
        });
      }
      case 'stopGradient':
        return this.emit(operand, coordinates, bounds);
      case 'transpose': {
        const source = new Array<Affine>(coordinates.length);
        node.attributes.permutation.forEach((axis, k) => {
          source[axis] = coordinates[k];
        });
        return this.emit(operand, source, bounds);
      }
      case 'slice':
        return this.emit(
          operand,
          coordinates.map((c, axis) => shiftAffine(c, node.attributes.starts[axis])),
          bounds,
        );
      case 'broadcast': {
        const shape = this.shape(operand);
        const zero = constantAffine(0, this.axes.length);
        return this.emit(
          operand,
          node.attributes.axes.map((axis, k) => (shape[k] === 1 ? zero : coordinates[axis])),
          bounds,
        );
      }
      case 'reshape':
        return this.reshape(operand, node.attributes.shape, place);
      case 'pad':
        return this.pad(operand, node.attributes, place);
      case 'window':
        return this.window(operand, node.attributes, place);
      case 'concat':
        return this.concat(node.operands, node.attributes.axis, place);
      case 'gather':
        return this.gather(node.operands[0], node.operands[1], place);
      case 'fold':
        throw new Error('folds are expanded before kernels are made');
      case 'input':
      case 'parameter':
      case 'contract':
      case 'reduceSum':
      case 'reduceMax':
      case 'reduceMin':
      case 'scatterAdd':
        return this.load(
          value,
          this.storage.materialise(value),
          this.flat(coordinates, this.shape(value)),
          bounds,
        );
    }
  }

  private shape(value: ValueId): Shape {
    return this.storage.graph.nodes[value].type.shape;
  }

  private flat(coordinates: readonly Affine[], shape: Shape): Affine {
    return flatten(coordinates, shape, this.axes.length);
  }

  private load(value: ValueId, tensor: number, index: Affine, bounds: readonly Bound[]): number {
    const place = shiftAffine(index, this.storage.offsetOf(value));
    return this.addLoad(this.storage.graph.nodes[value].type.dtype, tensor, place, bounds);
  }

  private addLoad(
    dtype: DType,
    buffer: number,
    index: Affine,
    bounds: readonly Bound[],
    indirect?: Indirection,
  ): number {
    const open = this.openBounds(bounds);
    if (!open) return this.list.add({ kind: 'constant', dtype, value: 0 });
    const row = indirect ? { indirect } : {};
    return this.list.add({ kind: 'load', dtype, buffer, index, ...row, bounds: open });
  }

  /** The bounds that hold at some points and fail at others; null where one fails at all of them. */
  private openBounds(bounds: readonly Bound[]): readonly Bound[] | null {
    const reaches = bounds.map(({ index }) => reach(this.axes, index));
    if (reaches.some(({ low, high }, k) => high <= 0 || low >= bounds[k].extent)) return null;
    return bounds.filter((_, k) => reaches[k].low < 0 || reaches[k].high > bounds[k].extent);
  }

  /** Memory is flat, so a reshape of a stored value is free; otherwise the coordinates must fall apart into the old axes. */
  private reshape(operand: ValueId, shape: Shape, place: Place): number {
    const node = this.storage.graph.nodes[operand];
    if (this.storage.tensorOf(operand) < 0) {
      if (node.op === 'reshape') return this.reshape(node.operands[0], shape, place);
      const before = coordinatesBeforeReshape(place.coordinates, shape, node.type.shape, this.axes);
      if (before && 'digits' in before) return this.emit(operand, before.digits, place.bounds);
      if (before) throw new AxisSplit(before.split);
    }
    const tensor = this.storage.materialise(operand);
    return this.load(operand, tensor, this.flat(place.coordinates, shape), place.bounds);
  }

  private pad(
    operand: ValueId,
    attributes: {
      readonly low: readonly number[];
      readonly high: readonly number[];
      readonly value: number;
    },
    place: Place,
  ): number {
    const shape = this.shape(operand);
    const coordinates = place.coordinates.map((c, axis) => shiftAffine(c, -attributes.low[axis]));
    const own = coordinates
      .map((index, axis) => ({ index, extent: shape[axis] }))
      .filter((_, axis) => attributes.low[axis] > 0 || attributes.high[axis] > 0);
    return this.within(operand, coordinates, place.bounds, own, attributes.value);
  }

  /** Two coordinates become one: position and tap. */
  private window(
    operand: ValueId,
    { axis, stride, dilation, low, value }: OpAttributes['window'],
    { coordinates, bounds }: Place,
  ): number {
    const steps = coordinates.slice(axis, axis + 2);
    const index = combineAffines(steps, [stride, dilation], this.axes.length);
    const source = coordinates.toSpliced(axis, 2, shiftAffine(index, -low));
    const own = { index: source[axis], extent: this.shape(operand)[axis] };
    return this.within(operand, source, bounds, [own], value);
  }

  /** The element at `coordinates` where `own` bounds hold, `outside` elsewhere. */
  private within(
    operand: ValueId,
    coordinates: readonly Affine[],
    bounds: readonly Bound[],
    own: readonly Bound[],
    outside: number,
  ): number {
    const inside = this.emit(operand, coordinates, [...bounds, ...own]);
    const inner = this.list.nodes[inside];
    // A bounded load already gives 0 outside.
    if (outside === 0 && inner.kind === 'load' && inner.bounds.length > 0) return inside;
    const constant = { kind: 'constant', dtype: inner.dtype, value: outside } as const;
    return this.choose(own, inside, this.list.add(constant));
  }

  private concat(operands: readonly ValueId[], axis: number, place: Place): number {
    this.ops.add('concat');
    let start = this.shape(operands[0])[axis];
    let result = this.part(operands[0], axis, 0, place);
    for (const operand of operands.slice(1)) {
      const extent = this.shape(operand)[axis];
      const bound = { index: shiftAffine(place.coordinates[axis], -start), extent };
      result = this.choose([bound], this.part(operand, axis, start, place), result);
      start += extent;
    }
    return result;
  }

  private part(operand: ValueId, axis: number, start: number, place: Place): number {
    const coordinates = place.coordinates.map((c, k) => (k === axis ? shiftAffine(c, -start) : c));
    const bound = { index: coordinates[axis], extent: this.shape(operand)[axis] };
    return this.emit(operand, coordinates, [...place.bounds, bound]);
  }

  private choose(bounds: readonly Bound[], inside: number, outside: number): number {
    const open = this.openBounds(bounds);
    if (!open || open.length === 0) return open ? inside : outside;
    const { dtype } = this.list.nodes[inside];
    const condition = this.list.add({ kind: 'inBounds', dtype: 'i32', bounds: open });
    return this.list.add({
      kind: 'apply',
      dtype,
      op: 'select',
      operands: [condition, inside, outside],
    });
  }

  private gather(table: ValueId, indices: ValueId, { coordinates, bounds }: Place): number {
    const rank = this.shape(indices).length;
    const shape = this.shape(table);
    const tensor = this.storage.materialise(table);
    const row = this.emit(indices, coordinates.slice(0, rank), bounds);
    const rest = shape.slice(1);
    this.ops.add('gather');
    return this.addLoad(
      this.storage.graph.nodes[table].type.dtype,
      tensor,
      this.flat(coordinates.slice(rank), rest),
      bounds,
      { node: row, stride: elementCount(rest), extent: shape[0] },
    );
  }
}
