import { parseEquation } from '../../../ir/einsum.ts';
import { elementCount } from '../../../ir/tensor.ts';
import { type Arranged, type Arranger, plain } from './arranged.ts';
import type { Stored } from './builder.ts';
import { elementwise, where } from './scalars.ts';

/** A value whose axes have letters. */
interface Term {
  readonly value: Arranged;
  readonly letters: string;
}

/** An einsum of any number of operands, two after the other from the left, as products of matrices. */
export function contraction(
  arranger: Arranger,
  equation: string,
  operands: readonly Arranged[],
): Arranged {
  const parsed = parseEquation(equation);
  if ('reason' in parsed) throw new Error(parsed.reason);
  // Axes of extent 1 decide nothing.
  const extents = new Map(
    operands.flatMap(({ shape }, k) =>
      [...parsed.operands[k]].map((letter, axis) => [letter, shape[axis]] as const),
    ),
  );
  const long = (letters: string) =>
    [...letters].filter((letter) => extents.get(letter) !== 1).join('');
  const terms = operands.map((value, k) => ({
    value: arranger.squeezed(value),
    letters: long(parsed.operands[k]),
  }));
  const output = long(parsed.output);
  const made = joinedTerms(arranger, terms, output);
  return arranger.unsqueezed(
    made,
    [...parsed.output].map((letter) => extents.get(letter)!),
  );
}

function joinedTerms(arranger: Arranger, terms: readonly Term[], output: string): Arranged {
  const slid = terms.length === 2 ? pointwise(arranger, terms, output) : null;
  if (slid) return slid;
  let [made] = terms;
  for (let k = 1; k < terms.length; k++) {
    const later = terms.slice(k + 1).map(({ letters }) => letters);
    made = product(arranger, made, terms[k], [output, ...later].join(''));
  }
  const { value, letters } = alone(arranger, made, output);
  return lettered(value, letters, output);
}

/**
 * A product with a matrix along the features of a value that stands in the order of convolutions: one with a kernel of 1, which leaves
 * it there. Null where it is none.
 */
function pointwise(arranger: Arranger, terms: readonly Term[], output: string): Arranged | null {
  for (const [x, kernel] of [terms, [...terms].reverse()]) {
    const { order } = x.value;
    const isMoved = order.some((axis, k) => axis !== k);
    const letters = order.map((axis) => x.letters[axis]);
    const feature = letters[1];
    const [made] = [...kernel.letters].filter((letter) => letter !== feature);
    const isMatrix = kernel.letters.length === 2 && kernel.letters.includes(feature);
    const isWhole =
      isMatrix &&
      !x.letters.includes(made) &&
      !output.includes(feature) &&
      output.length === x.letters.length &&
      letters.every((letter, k) => k === 1 || output.includes(letter));
    if (!isMoved || !isWhole || order.length < 3 || order.length > 5) continue;
    const ones = order.slice(2).map(() => 1);
    const matrix = arranger.whole(
      kernel.value,
      [made, feature].map((letter) => kernel.letters.indexOf(letter)),
    );
    const stored = arranger.whole(x.value, order);
    const w = arranger.reshaped(matrix, [...matrix.shape, ...ones]);
    const shape = stored.shape.with(1, matrix.shape[0]);
    const node = arranger.builder.node(
      'Conv',
      [stored, w],
      { element: 'float', shape },
      { kernel_shape: ones },
    );
    const places = letters.map((letter, k) => output.indexOf(k === 1 ? made : letter));
    const extents = new Array<number>(places.length);
    places.forEach((axis, k) => {
      extents[axis] = shape[k];
    });
    return { stored: node, order: places, shape: extents };
  }
  return null;
}

/** The same value with its axes in another order: nothing is written for it. */
function lettered(value: Arranged, letters: string, wanted: string): Arranged {
  return {
    stored: value.stored,
    order: value.order.map((axis) => wanted.indexOf(letters[axis])),
    shape: [...wanted].map((letter) => value.shape[letters.indexOf(letter)]),
  };
}

/** The product of two terms, summed over what neither `kept` names nor one of them has alone. */
function product(arranger: Arranger, first: Term, second: Term, kept: string): Term {
  const a = alone(arranger, first, second.letters + kept);
  const b = alone(arranger, second, first.letters + kept);
  const shared = [...a.letters].filter((letter) => b.letters.includes(letter));
  const batch = shared.filter((letter) => kept.includes(letter));
  const summed = shared.filter((letter) => !kept.includes(letter));
  const own = ({ letters }: Term) => [...letters].filter((letter) => !shared.includes(letter));
  const [rows, columns] = [own(a), own(b)];
  const extents = new Map(
    [a, b].flatMap(({ value, letters }) =>
      [...letters].map((letter, axis) => [letter, value.shape[axis]] as const),
    ),
  );
  const sizes = (letters: readonly string[]) => letters.map((letter) => extents.get(letter)!);
  const size = (letters: readonly string[]) => elementCount(sizes(letters));
  const matrix = (
    { value, letters }: Term,
    left: readonly string[],
    right: readonly string[],
  ): Stored => {
    const order = [...batch, ...left, ...right].map((letter) => letters.indexOf(letter));
    const shape = [...sizes(batch), size(left), size(right)];
    return arranger.reshaped(arranger.whole(value, order), shape);
  };
  const { builder } = arranger;
  const shape = [...sizes(batch), size(rows), size(columns)];
  const made = builder.node('MatMul', [matrix(a, rows, summed), matrix(b, summed, columns)], {
    ...{ element: 'float', shape },
  });
  const letters = [...batch, ...rows, ...columns];
  return { value: plain(arranger.reshaped(made, sizes(letters))), letters: letters.join('') };
}

/** A term with each letter once, summed over those that nobody else needs. */
function alone(arranger: Arranger, term: Term, needed: string): Term {
  const { value, letters } = diagonal(arranger, term);
  const summed = [...letters].flatMap((letter, axis) => (needed.includes(letter) ? [] : [axis]));
  if (summed.length === 0) return { value, letters };
  return {
    value: reduced(arranger, 'ReduceSum', value, summed),
    letters: [...letters].filter((_, axis) => !summed.includes(axis)).join(''),
  };
}

/** Where a letter stands twice, the elements at which both indices are the same. */
function diagonal(arranger: Arranger, term: Term): Term {
  let { value, letters } = term;
  const { builder } = arranger;
  for (let axis = letters.length - 1; axis > 0; axis--) {
    const first = letters.indexOf(letters[axis]);
    if (first === axis) continue;
    const x = arranger.flat(value);
    const counts = (at: number) =>
      builder.constant(
        'int32',
        x.shape.map((extent, k) => (k === at ? extent : 1)),
        Array.from({ length: x.shape[at] }, (_, k) => k),
      );
    const isOn = elementwise(builder, 'Equal', [counts(first), counts(axis)], 'bool');
    const zero = builder.constant(
      'float',
      x.shape.map(() => 1),
      [0],
    );
    value = reduced(arranger, 'ReduceSum', plain(where(builder, isOn, x, zero)), [axis]);
    letters = letters.slice(0, axis) + letters.slice(axis + 1);
  }
  return { value, letters };
}

/** Elements along some axes in one, in the order in which they are stored. */
export function reduced(
  arranger: Arranger,
  op: string,
  value: Arranged,
  axes: readonly number[],
): Arranged {
  if (axes.length === 0) return value;
  const { builder } = arranger;
  const x = arranger.whole(value, value.order);
  const places = value.order.flatMap((axis, k) => (axes.includes(axis) ? [k] : []));
  const shape = x.shape.filter((_, k) => !places.includes(k));
  // Sums have taken their axes as an input since operator set 13, the others since 18.
  const asInput = op === 'ReduceSum' || builder.opset >= 18;
  const stored = builder.node(
    op,
    asInput ? [x, builder.integers(places)] : [x],
    { element: x.element, shape },
    { keepdims: 0, ...(asInput ? {} : { axes: places }) },
  );
  const left = value.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  return {
    stored,
    order: value.order.filter((axis) => !axes.includes(axis)).map((axis) => left.indexOf(axis)),
    shape: left.map((axis) => value.shape[axis]),
  };
}
