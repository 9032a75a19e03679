import { letterExtents, parseEquation } from '../../ir/einsum.ts';
import type { NodeOf, ValueId } from '../../ir/graph.ts';
import type { Affine, Axis, Combiner } from '../../ir/kernel.ts';
import { type OpKind, opRow } from '../../ir/ops.ts';
import { elementCount, type Shape } from '../../ir/tensor.ts';
import { combineAffines, flatten, type SplitRequest, shiftAffine } from './affine.ts';
import { behindReshapes } from './concat-aliases.ts';
import { type Destination, identity, parallelAxes, rowMajor } from './destination.ts';
import { AxisSplit, Emitter, type Storage } from './emit.ts';
import { type LoopNest, valueOrigins } from './loop-nest.ts';
import { partialContraction, partialReduction } from './partial-reduction.ts';
import { writeScatter } from './scatter.ts';

/** Partial results: a tensor, and its axes that are still to be reduced. */
interface Partials {
  readonly tensor: number;
  readonly shape: Shape;
  readonly reduced: readonly number[];
}

const COMBINERS = { reduceSum: 'sum', reduceMax: 'max', reduceMin: 'min' } as const;

/** What a kernel's body gives: the node to store, the reduction that it needs, and where in the value it belongs. */
interface Body {
  readonly result: number;
  readonly reduction: LoopNest['reduction'];
  readonly coordinates: readonly Affine[];
}

/** Appends kernels that compute values, by kind of op. */
export class KernelWriter {
  private readonly storage: Storage;
  private readonly nests: LoopNest[];

  constructor(storage: Storage, nests: LoopNest[]) {
    this.storage = storage;
    this.nests = nests;
  }

  /** Appends the kernels that compute `value` into `destination`. */
  write(value: ValueId, destination: Destination): void {
    const writers: Record<OpKind, () => void> = {
      source: () => this.elementwise(value, destination),
      elementwise: () => this.elementwise(value, destination),
      view: () => this.elementwise(value, destination),
      gather: () => this.elementwise(value, destination),
      contraction: () => this.contraction(value, destination),
      reduction: () => this.reduction(value, destination),
      scatter: () => writeScatter(this.storage, this.nests, value, destination),
      concat: () => this.parts(value, destination),
    };
    writers[opRow(this.node(value).op).kind]();
  }

  /** As {@link write}, but a value that has memory of its own is copied from there. */
  writeOrCopy(value: ValueId, destination: Destination): void {
    if (this.storage.isStored(value)) {
      this.storage.materialise(value);
      this.elementwise(value, destination);
    } else this.write(value, destination);
  }

  /** One tensor to another, both of the type of `value`. */
  copy(from: number, to: number, value: ValueId): void {
    const { shape, dtype } = this.node(value).type;
    const axes = parallelAxes(shape);
    const index = flatten(identity(axes), shape, axes.length);
    this.nests.push({
      axes,
      nodes: [{ kind: 'load', dtype, buffer: from, index, bounds: [] }],
      reduction: null,
      stores: [{ buffer: to, index, value: 0, accumulate: false }],
      ops: ['copy'],
      origins: valueOrigins(this.storage.graph, value),
    });
  }

  private node(value: ValueId) {
    return this.storage.graph.nodes[value];
  }

  private shape(value: ValueId): Shape {
    return this.node(value).type.shape;
  }

  /** Builds one kernel, cutting axes as its expressions ask for it. */
  private build(
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
          reduction: made.reduction,
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

  private elementwise(value: ValueId, destination: Destination): void {
    const axes = parallelAxes(this.shape(value));
    this.build(value, axes, destination, (emitter, coordinates) => {
      const result =
        this.storage.tensorOf(value) >= 0
          ? emitter.emit(value, coordinates)
          : emitter.compute(value, { coordinates, bounds: [] });
      return { result, reduction: null, coordinates };
    });
  }

  private reduction(value: ValueId, destination: Destination): void {
    const node = this.node(value) as NodeOf<keyof typeof COMBINERS>;
    const { axes: reduced } = node.attributes;
    const [operand] = node.operands;
    if (reduced.length === 0) {
      this.writeOrCopy(operand, destination);
      return;
    }
    const shape = this.shape(operand);
    const kept = shape.map((_, axis) => axis).filter((axis) => !reduced.includes(axis));
    const keptShape = kept.map((axis) => shape[axis]);
    const cut = partialReduction(
      elementCount(keptShape),
      reduced.map((axis) => shape[axis]),
    );
    // The axes in their order here: kept ones, then reduced ones, the one that is cut as two.
    const pieces = [
      ...kept.map((axis) => ({ axis, extent: shape[axis], factor: 1 })),
      ...reduced.flatMap((axis, k) =>
        cut?.position === k
          ? [
              { axis, extent: shape[axis] / cut.inner, factor: cut.inner },
              { axis, extent: cut.inner, factor: 1 },
            ]
          : [{ axis, extent: shape[axis], factor: 1 }],
      ),
    ];
    const parallel = cut ? kept.length + cut.position + 1 : kept.length;
    const partialShape = pieces.slice(0, parallel).map(({ extent }) => extent);
    const target = cut
      ? rowMajor(
          this.storage.temporary(value, { dtype: node.type.dtype, shape: partialShape }),
          partialShape,
        )
      : destination;
    const axes = pieces.map(
      ({ extent }, k): Axis => ({ extent, kind: k < parallel ? 'parallel' : 'reduced' }),
    );
    this.build(value, axes, target, (emitter, coordinates) => {
      const place = shape.map((_, axis) => {
        const own = pieces.map((piece) => (piece.axis === axis ? piece.factor : 0));
        return combineAffines(coordinates, own, emitter.axes.length);
      });
      const element = emitter.emit(operand, place);
      return {
        ...accumulate(emitter, COMBINERS[node.op], element),
        coordinates: coordinates.slice(0, parallel),
      };
    });
    if (!cut) return;
    const partials = {
      tensor: target.tensor,
      shape: partialShape,
      reduced: partialShape.map((_, axis) => axis).slice(kept.length),
    };
    this.combinePartials(value, COMBINERS[node.op], partials, destination);
  }

  /** Reduces what partial results left: the axes `reduced` of a tensor of the given shape. */
  private combinePartials(
    value: ValueId,
    combiner: Combiner,
    { tensor, shape, reduced }: Partials,
    destination: Destination,
  ): void {
    const { dtype } = this.node(value).type;
    const kept = shape.map((_, axis) => axis).filter((axis) => !reduced.includes(axis));
    const order = [...kept, ...reduced];
    const axes = order.map(
      (axis, k): Axis => ({ extent: shape[axis], kind: k < kept.length ? 'parallel' : 'reduced' }),
    );
    this.build(value, axes, destination, (emitter, coordinates) => {
      const place = shape.map((_, axis) => coordinates[order.indexOf(axis)]);
      const index = flatten(place, shape, emitter.axes.length);
      const element = emitter.list.add({ kind: 'load', dtype, buffer: tensor, index, bounds: [] });
      return {
        ...accumulate(emitter, combiner, element),
        coordinates: coordinates.slice(0, kept.length),
      };
    });
  }

  private contraction(value: ValueId, destination: Destination): void {
    const node = this.node(value) as NodeOf<'contract'>;
    const equation = parseEquation(node.attributes.equation);
    if ('reason' in equation) throw new Error(`unverified graph: ${equation.reason}`);
    const shapes = node.operands.map((operand) => this.shape(operand));
    const extents = letterExtents(equation, shapes) as Map<string, number>;
    const all = [...extents.keys()].filter((letter) => !equation.output.includes(letter));
    const extentOf = (letter: string) => extents.get(letter)!;
    const cut = partialContraction(this.shape(value), all.map(extentOf));
    const output = cut === null ? equation.output : all[cut] + equation.output;
    const kept = output.length;
    const summed = all.filter((_, k) => k !== cut);
    const letters = [...output, ...summed];
    const shape = [...output].map(extentOf);
    const target =
      cut === null
        ? destination
        : rowMajor(this.storage.temporary(value, { dtype: node.type.dtype, shape }), shape);
    const axes = letters.map(
      (letter, k): Axis => ({
        extent: extentOf(letter),
        kind: k < kept ? 'parallel' : 'reduced',
      }),
    );
    const macs = node.operands.length > 1 ? elementCount([...extents.values()]) : 0;
    const body = (emitter: Emitter, coordinates: readonly Affine[]): Body => {
      const factors = node.operands.map((operand, i) => {
        const place = [...equation.operands[i]].map(
          (letter) => coordinates[letters.indexOf(letter)],
        );
        // The elements of a lone operand are read once each: nothing is gained by storing them.
        return shapes.length === 1
          ? emitter.emit(operand, place)
          : this.plainLoad(emitter, operand, place);
      });
      const product = factors.reduce((left, right) =>
        emitter.list.add({ kind: 'apply', dtype: 'f32', op: 'mul', operands: [left, right] }),
      );
      const made =
        summed.length > 0
          ? accumulate(emitter, 'sum', product)
          : { result: product, reduction: null };
      return { ...made, coordinates: coordinates.slice(0, kept) };
    };
    this.build(value, axes, target, body, macs);
    if (cut === null) return;
    const partials = { tensor: target.tensor, shape, reduced: [0] };
    this.combinePartials(value, 'sum', partials, destination);
  }

  /**
   * A contraction reads its operands many times: they must be plain loads, else they are computed into memory first. Windows
   * never are: what they look at is, and is read in place, within bounds.
   */
  private plainLoad(emitter: Emitter, operand: ValueId, place: readonly Affine[]): number {
    const result = emitter.emit(operand, place);
    const node = emitter.list.nodes[result];
    const underWindows = this.underWindows(operand);
    const isPlain = node.kind === 'load' && !node.indirect;
    if (isPlain && (node.bounds.length === 0 || underWindows !== null)) return result;
    this.storage.materialise(underWindows ?? operand);
    return emitter.emit(operand, place);
  }

  /** What the innermost window of a chain of views looks at; null where the chain has none. */
  private underWindows(value: ValueId): ValueId | null {
    let found: ValueId | null = null;
    let current = value;
    while (opRow(this.node(current).op).kind === 'view' && this.storage.tensorOf(current) < 0) {
      const [operand] = this.node(current).operands;
      if (this.node(current).op === 'window') found = operand;
      current = operand;
    }
    return found;
  }

  /** Each part of a stored concatenation is written straight into its range; some live there already. */
  private parts(value: ValueId, destination: Destination): void {
    const { operands, attributes } = this.node(value) as NodeOf<'concat'>;
    const { axis } = attributes;
    let start = 0;
    let elements = 0;
    for (const operand of operands) {
      const base = behindReshapes(this.storage.graph, operand);
      const home = this.storage.homeOf(base);
      if (home?.concat === value && home.offset === elements) this.storage.materialise(base);
      else this.writeOrCopy(operand, partOf(destination, axis, start));
      start += this.shape(operand)[axis];
      elements += elementCount(this.shape(operand));
    }
  }
}

function partOf(destination: Destination, axis: number, start: number): Destination {
  return {
    tensor: destination.tensor,
    index: (coordinates, axisCount) =>
      destination.index(
        coordinates.map((c, k) => (k === axis ? shiftAffine(c, start) : c)),
        axisCount,
      ),
  };
}

function accumulate(emitter: Emitter, combiner: Combiner, value: number) {
  const { dtype } = emitter.list.nodes[value];
  const result = emitter.list.add({ kind: 'accumulator', dtype });
  return { result, reduction: { combiner, value } };
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
