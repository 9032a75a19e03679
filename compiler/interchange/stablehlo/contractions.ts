import { parseEquation } from '../../../ir/einsum.ts';
import { type Body, names, signature, type Value } from './body.ts';

/** A value whose axes have letters. */
export interface Term {
  readonly value: Value;
  readonly letters: string;
}

/** Products in full float32: left to themselves, GPUs round factors to fewer bits. */
const PRECISION = 'precision = [HIGHEST, HIGHEST]';

/** An einsum of any number of operands, two after the other from the left. */
export function contraction(body: Body, equation: string, operands: readonly Value[]): Value {
  const parsed = parseEquation(equation);
  if ('reason' in parsed) throw new Error(parsed.reason);
  const terms = operands.map((value, k) => ({ value, letters: parsed.operands[k] }));
  let [joined] = terms;
  for (let k = 1; k < terms.length; k++) {
    const later = terms.slice(k + 1).map(({ letters }) => letters);
    joined = pair(body, joined, terms[k], [parsed.output, ...later].join(''));
  }
  const summed = alone(body, joined, parsed.output);
  return ordered(body, summed, parsed.output).value;
}

/** The product of two terms, summed over what neither `kept` nor both of them name alone. */
function pair(body: Body, first: Term, second: Term, kept: string): Term {
  const a = alone(body, first, second.letters + kept);
  const b = alone(body, second, first.letters + kept);
  const shared = [...a.letters].filter((letter) => b.letters.includes(letter));
  const batch = [...kept].filter(
    (letter, k) => kept.indexOf(letter) === k && shared.includes(letter),
  );
  const summed = shared.filter((letter) => !kept.includes(letter));
  const own = ({ letters }: Term) => [...letters].filter((letter) => !shared.includes(letter));
  const ways = [
    [a, b],
    [b, a],
  ].map(([left, right]) => ({
    left,
    right,
    letters: [...batch, ...own(left), ...own(right)].join(''),
  }));
  const { left, right, letters } = ways.find((way) => kept.startsWith(way.letters)) ?? ways[0];
  const extents = new Map(
    [a, b].flatMap(({ value, letters: term }) =>
      [...term].map((letter, axis) => [letter, value.type.shape[axis]] as const),
    ),
  );
  const type = {
    element: a.value.type.element,
    shape: [...letters].map((letter) => extents.get(letter)!),
  };
  const axes = (of: readonly string[]) =>
    [left, right]
      .map((term) => `[${of.map((letter) => term.letters.indexOf(letter)).join(', ')}]`)
      .join(' x ');
  const attributes = [
    ...(batch.length > 0 ? [`batching_dims = ${axes(batch)}`] : []),
    `contracting_dims = ${axes(summed)}`,
    PRECISION,
  ];
  const values = [left.value, right.value];
  const text = `stablehlo.dot_general ${names(values)}, ${attributes.join(', ')} : ${signature(values, type)}`;
  return { value: body.op(text, type), letters };
}

/** A term with each letter once, summed over those that nobody else needs. */
function alone(body: Body, term: Term, needed: string): Term {
  const { value, letters } = diagonal(body, term);
  const summed = [...letters].flatMap((letter, axis) => (needed.includes(letter) ? [] : [axis]));
  if (summed.length === 0) return { value, letters };
  const zero = body.constant(0, value.type.element);
  return {
    value: body.reduce('add', value, zero, summed),
    letters: [...letters].filter((_, axis) => !summed.includes(axis)).join(''),
  };
}

/** Where a letter stands twice, the elements at which both indices are the same. */
function diagonal(body: Body, term: Term): Term {
  let { value, letters } = term;
  for (let axis = letters.length - 1; axis > 0; axis--) {
    const first = letters.indexOf(letters[axis]);
    if (first === axis) continue;
    const { element, shape } = value.type;
    const isOn = body.compare('EQ', body.iota('i32', shape, first), body.iota('i32', shape, axis));
    const kept = body.select(isOn, value, body.like(value, 0));
    value = body.reduce('add', kept, body.constant(0, element), [axis]);
    letters = letters.slice(0, axis) + letters.slice(axis + 1);
  }
  return { value, letters };
}

/** The same letters in another order. */
export function ordered(body: Body, { value, letters }: Term, wanted: string): Term {
  const permutation = [...wanted].map((letter) => letters.indexOf(letter));
  return { value: body.transpose(value, permutation), letters: wanted };
}
