import { letterExtents, parseEquation } from '../../ir/einsum.ts';
import type { NodeOf, ValueId } from '../../ir/graph.ts';
import type { Affine, Axis, Combiner } from '../../ir/kernel.ts';
import { opRow } from '../../ir/ops.ts';
import { elementCount, type Shape } from '../../ir/tensor.ts';
import { combineAffines, flatten } from './affine.ts';
import { type Destination, rowMajor } from './destination.ts';
import type { Emitter } from './emit.ts';
import type { Body, KernelBuilder } from './kernel-builder.ts';
import { partialContraction, partialReduction } from './partial-reduction.ts';

/** Partial results: a tensor, and its axes that are still to be reduced. */
interface Partials {
  readonly tensor: number;
  readonly shape: Shape;
  readonly reduced: readonly number[];
}

const COMBINERS = { reduceSum: 'sum', reduceMax: 'max', reduceMin: 'min' } as const;

/** Appends the kernels of a reduction: two where a long one is cut into partial results. */
export function writeReduction(
  builder: KernelBuilder,
  value: ValueId,
  destination: Destination,
  writeOrCopy: (value: ValueId, destination: Destination) => void,
): void {
  const node = builder.node(value) as NodeOf<keyof typeof COMBINERS>;
  const { axes: reduced } = node.attributes;
  const [operand] = node.operands;
  if (reduced.length === 0) {
    writeOrCopy(operand, destination);
    return;
  }
  const shape = builder.shape(operand);
  const kept = shape.map((_, axis) => axis).filter((axis) => !reduced.includes(axis));
  const keptShape = kept.map((axis) => shape[axis]);
  const cut = builder.storage.wholeReductions
    ? null
    : partialReduction(
        elementCount(keptShape),
        reduced.map((axis) => shape[axis]),
        kept.every((axis, k) => axis === k),
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
        builder.storage.temporary(value, { dtype: node.type.dtype, shape: partialShape }),
        partialShape,
      )
    : destination;
  const axes = pieces.map(
    ({ extent }, k): Axis => ({ extent, kind: k < parallel ? 'parallel' : 'reduced' }),
  );
  builder.build(value, axes, target, (emitter, coordinates) => {
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
  combinePartials(builder, value, COMBINERS[node.op], partials, destination);
}

/** Appends the kernels of a contraction of one or two operands: two where a long sum is cut into partial results. */
export function writeContraction(
  builder: KernelBuilder,
  value: ValueId,
  destination: Destination,
): void {
  const node = builder.node(value) as NodeOf<'contract'>;
  const equation = parseEquation(node.attributes.equation);
  if ('reason' in equation) throw new Error(`unverified graph: ${equation.reason}`);
  const shapes = node.operands.map((operand) => builder.shape(operand));
  const extents = letterExtents(equation, shapes) as Map<string, number>;
  const all = [...extents.keys()].filter((letter) => !equation.output.includes(letter));
  const extentOf = (letter: string) => extents.get(letter)!;
  const cut = partialContraction(builder.shape(value), all.map(extentOf));
  const output = cut === null ? equation.output : all[cut] + equation.output;
  const kept = output.length;
  const summed = all.filter((_, k) => k !== cut);
  const letters = [...output, ...summed];
  const shape = [...output].map(extentOf);
  const target =
    cut === null
      ? destination
      : rowMajor(builder.storage.temporary(value, { dtype: node.type.dtype, shape }), shape);
  const axes = letters.map(
    (letter, k): Axis => ({
      extent: extentOf(letter),
      kind: k < kept ? 'parallel' : 'reduced',
    }),
  );
  const macs = node.operands.length > 1 ? elementCount([...extents.values()]) : 0;
  const body = (emitter: Emitter, coordinates: readonly Affine[]): Body => {
    const factors = node.operands.map((operand, i) => {
      const place = [...equation.operands[i]].map((letter) => coordinates[letters.indexOf(letter)]);
      // The elements of a lone operand are read once each: nothing is gained by storing them.
      return shapes.length === 1
        ? emitter.emit(operand, place)
        : plainLoad(builder, emitter, operand, place);
    });
    const product = factors.reduce((left, right) =>
      emitter.list.add({ kind: 'apply', dtype: 'f32', op: 'mul', operands: [left, right] }),
    );
    const made =
      summed.length > 0 ? accumulate(emitter, 'sum', product) : { result: product, reductions: [] };
    return { ...made, coordinates: coordinates.slice(0, kept) };
  };
  builder.build(value, axes, target, body, macs);
  if (cut === null) return;
  const partials = { tensor: target.tensor, shape, reduced: [0] };
  combinePartials(builder, value, 'sum', partials, destination);
}

/** Reduces what partial results left: the axes `reduced` of a tensor of the given shape. */
function combinePartials(
  builder: KernelBuilder,
  value: ValueId,
  combiner: Combiner,
  { tensor, shape, reduced }: Partials,
  destination: Destination,
): void {
  const { dtype } = builder.node(value).type;
  const kept = shape.map((_, axis) => axis).filter((axis) => !reduced.includes(axis));
  const order = [...kept, ...reduced];
  const axes = order.map(
    (axis, k): Axis => ({ extent: shape[axis], kind: k < kept.length ? 'parallel' : 'reduced' }),
  );
  builder.build(value, axes, destination, (emitter, coordinates) => {
    const place = shape.map((_, axis) => coordinates[order.indexOf(axis)]);
    const index = flatten(place, shape, emitter.axes.length);
    const element = emitter.list.add({ kind: 'load', dtype, buffer: tensor, index, bounds: [] });
    return {
      ...accumulate(emitter, combiner, element),
      coordinates: coordinates.slice(0, kept.length),
    };
  });
}

/**
 * A contraction reads its operands many times: they must be plain loads, else they are computed into memory first. Windows
 * never are: what they look at is, and is read in place, within bounds.
 */
function plainLoad(
  builder: KernelBuilder,
  emitter: Emitter,
  operand: ValueId,
  place: readonly Affine[],
): number {
  const result = emitter.emit(operand, place);
  const node = emitter.list.nodes[result];
  const underWindows = windowed(builder, operand);
  const isPlain = node.kind === 'load' && !node.indirect;
  if (isPlain && (node.bounds.length === 0 || underWindows !== null)) return result;
  builder.storage.materialise(underWindows ?? operand);
  return emitter.emit(operand, place);
}

/** What the innermost of nested windows looks at; null where there is none. */
function windowed(builder: KernelBuilder, value: ValueId): ValueId | null {
  let found: ValueId | null = null;
  let current = value;
  while (opRow(builder.node(current).op).kind === 'view' && builder.storage.tensorOf(current) < 0) {
    const [operand] = builder.node(current).operands;
    if (builder.node(current).op === 'window') found = operand;
    current = operand;
  }
  return found;
}

function accumulate(emitter: Emitter, combiner: Combiner, value: number) {
  const { dtype } = emitter.list.nodes[value];
  const result = emitter.list.add({ kind: 'accumulator', dtype, reduction: 0 });
  return { result, reductions: [{ combiner, value }] };
}
