import { elementCount } from '../../../ir/tensor.ts';
import { type Convolution, featuresOf, type Role } from '../graph/convolutions.ts';
import { type Body, names, signature, type Value } from './body.ts';

// An op of StableHLO has one axis of each kind: batch, features, and those that it slides along. Where an operand has its letters so,
// its axes stay where they are; else letters of one kind are joined by a transposition.

/** A value and what its axes are: `b`, `f`, `i`, `o`, or the number of a spatial axis. */
interface Arranged {
  readonly value: Value;
  readonly dimensions: readonly string[];
}

/** Writes a convolution of two values. */
export function convolution(body: Body, found: Convolution, operands: readonly Value[]): Value {
  const { spatial, inputRoles, kernelRoles, resultRoles } = found;
  const { batch, groups, inputs, outputs } = featuresOf(found);
  const isSimple = groups.length === 0;
  const input = arranged(
    body,
    operands[0],
    inputRoles,
    { b: batch, f: [...groups, ...inputs] },
    isSimple,
  );
  const turned = body.reverse(
    operands[1],
    kernelRoles.flatMap((role, axis) =>
      'spatial' in role && spatial[role.spatial].kernelReversed ? [axis] : [],
    ),
  );
  const kernel = arranged(
    body,
    turned,
    kernelRoles,
    { i: inputs, o: [...groups, ...outputs] },
    isSimple,
  );
  const extents = letterExtents(found, operands);
  const extentOf = (letters: readonly string[]) =>
    elementCount(letters.map((letter) => extents.get(letter)!));
  const kinds = { b: batch, f: [...groups, ...outputs] };
  const inPlace = isSimple && batch.length <= 1 && outputs.length <= 1;
  const dimensions = inPlace ? placed(resultRoles, kinds) : canonical(spatial.length);
  const sizes: Readonly<Record<string, number>> = { b: extentOf(batch), f: extentOf(kinds.f) };
  const shape = dimensions.map(
    (one) => sizes[one] ?? resultExtent(input, kernel, found, Number(one)),
  );
  const type = { element: input.value.type.element, shape };
  const values = [input.value, kernel.value];
  const numbers = `[${input.dimensions.join(', ')}]x[${kernel.dimensions.join(', ')}]->[${dimensions.join(', ')}]`;
  const counts = `{batch_group_count = 1 : i64, feature_group_count = ${extentOf(groups)} : i64, precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]}`;
  const made = body.op(
    `stablehlo.convolution(${names(values)}) dim_numbers = ${numbers}, window = {${windowText(found)}} ${counts} : ${signature(values, type)}`,
    type,
  );
  return result(body, made, dimensions, found, { kinds, extents, inPlace });
}

/** What windows do along each axis. */
function windowText({ spatial }: Convolution): string {
  const list = (values: readonly (number | string)[]) => `[${values.join(', ')}]`;
  return [
    `stride = ${list(spatial.map(({ stride }) => stride))}`,
    `pad = ${list(spatial.map(({ low, high }) => `[${low}, ${high}]`))}`,
    `lhs_dilate = ${list(spatial.map(({ inputDilation }) => inputDilation))}`,
    `rhs_dilate = ${list(spatial.map(({ kernelDilation }) => kernelDilation))}`,
  ].join(', ');
}

/** How far a result goes along a spatial axis. */
function resultExtent(
  input: Arranged,
  kernel: Arranged,
  { spatial }: Convolution,
  k: number,
): number {
  const extent = ({ value, dimensions }: Arranged) =>
    value.type.shape[dimensions.indexOf(String(k))];
  const { stride, inputDilation, kernelDilation, low, high } = spatial[k];
  const padded = (extent(input) - 1) * inputDilation + 1 + low + high;
  return Math.floor((padded - (extent(kernel) - 1) * kernelDilation - 1) / stride) + 1;
}

function letterExtents(found: Convolution, operands: readonly Value[]): Map<string, number> {
  const extents = new Map<string, number>();
  [found.inputRoles, found.kernelRoles].forEach((roles, k) => {
    roles.forEach((role, axis) => {
      if ('letter' in role) extents.set(role.letter, operands[k].type.shape[axis]);
    });
  });
  return extents;
}

/** Batch, spatial axes, features. */
const canonical = (rank: number): readonly string[] => [
  'b',
  ...Array.from({ length: rank }, (_, k) => String(k)),
  'f',
];

type Kinds = Readonly<Record<string, readonly string[]>>;

/** What each axis is; a kind without letters gets an axis of 1 in front. */
function placed(roles: readonly Role[], kinds: Kinds): readonly string[] {
  const kindOf = (letter: string) =>
    Object.keys(kinds).find((kind) => kinds[kind].includes(letter))!;
  const missing = Object.keys(kinds).filter((kind) => kinds[kind].length === 0);
  return [
    ...missing,
    ...roles.map((role) => ('letter' in role ? kindOf(role.letter) : String(role.spatial))),
  ];
}

function arranged(
  body: Body,
  value: Value,
  roles: readonly Role[],
  kinds: Kinds,
  mayStay: boolean,
): Arranged {
  const [first, second] = Object.keys(kinds);
  if (mayStay && Object.values(kinds).every((letters) => letters.length <= 1)) {
    const dimensions = placed(roles, kinds);
    const ones = dimensions.length - roles.length;
    const shape = [...new Array<number>(ones).fill(1), ...value.type.shape];
    return { value: body.reshape(value, shape), dimensions };
  }
  const axisOf = (letter: string) =>
    roles.findIndex((role) => 'letter' in role && role.letter === letter);
  const slides = roles.flatMap((role, axis) =>
    'spatial' in role ? [{ axis, k: role.spatial }] : [],
  );
  const ordered = [...slides].sort((a, b) => a.k - b.k).map(({ axis }) => axis);
  const parts = [kinds[first].map(axisOf), ordered, kinds[second].map(axisOf)];
  const moved = body.transpose(value, parts.flat());
  const extentOf = (axes: readonly number[]) =>
    elementCount(axes.map((axis) => value.type.shape[axis]));
  const shape = [
    extentOf(parts[0]),
    ...ordered.map((axis) => value.type.shape[axis]),
    extentOf(parts[2]),
  ];
  const numbers = ordered.map((_, k) => String(k));
  return { value: body.reshape(moved, shape), dimensions: [first, ...numbers, second] };
}

/** The op's result with the axes that the graph's node has. */
function result(
  body: Body,
  made: Value,
  dimensions: readonly string[],
  { spatial, resultRoles }: Convolution,
  {
    kinds,
    extents,
    inPlace,
  }: { readonly kinds: Kinds; readonly extents: Map<string, number>; readonly inPlace: boolean },
): Value {
  const turned = resultRoles.flatMap((role, axis) =>
    'spatial' in role && spatial[role.spatial].resultReversed ? [axis] : [],
  );
  const spatialExtent = (k: number) => made.type.shape[dimensions.indexOf(String(k))];
  const extent = (role: Role) =>
    'letter' in role ? extents.get(role.letter)! : spatialExtent(role.spatial);
  if (inPlace) return body.reverse(body.reshape(made, resultRoles.map(extent)), turned);
  const order: readonly Role[] = [
    ...kinds.b.map((letter) => ({ letter })),
    ...spatial.map((_, k) => ({ spatial: k })),
    ...kinds.f.map((letter) => ({ letter })),
  ];
  const same = (a: Role, b: Role) =>
    'letter' in a
      ? 'letter' in b && a.letter === b.letter
      : 'spatial' in b && a.spatial === b.spatial;
  const apart = body.reshape(made, order.map(extent));
  const permutation = resultRoles.map((role) => order.findIndex((other) => same(role, other)));
  return body.reverse(body.transpose(apart, permutation), turned);
}
