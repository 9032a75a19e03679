import { elementCount } from '../../../ir/tensor.ts';
import {
  type Convolution,
  featuresOf,
  type Role,
  type SpatialAxis,
} from '../graph/convolutions.ts';
import type { Arranged, Arranger } from './arranged.ts';
import type { Stored } from './builder.ts';

// Conv and ConvTranspose have batch, features and then the axes that they slide along. The result is left so: whatever reads it next
// goes by its order of axes.

/** Whether ONNX has an op for it: a convolution, or the transpose of one without cut edges. */
export function isConv({ spatial }: Convolution): boolean {
  const isTransposed = spatial.some(({ inputDilation }) => inputDilation > 1);
  return spatial.length <= 3 && (!isTransposed || spatial.every(({ stride }) => stride === 1));
}

/** Writes a convolution of two values. */
export function convolution(
  arranger: Arranger,
  found: Convolution,
  [input, kernel]: readonly [Arranged, Arranged],
): Arranged {
  const { spatial } = found;
  const { batch, groups, inputs, outputs } = featuresOf(found);
  const extents = new Map<string, number>();
  for (const [roles, { shape }] of [
    [found.inputRoles, input],
    [found.kernelRoles, kernel],
  ] as const)
    roles.forEach((role, axis) => {
      if ('letter' in role) extents.set(role.letter, shape[axis]);
    });
  const size = (letters: readonly string[]) =>
    elementCount(letters.map((letter) => extents.get(letter)!));
  const isTransposed = spatial.some(({ inputDilation }) => inputDilation > 1);
  const merge = (
    value: Arranged,
    roles: readonly Role[],
    kinds: readonly (readonly string[])[],
  ): Stored => {
    const order = [
      ...kinds.flat().map((letter) => letterAxis(roles, letter)),
      ...spatialAxes(roles, spatial),
    ];
    const shape = [
      ...kinds.map(size),
      ...spatialAxes(roles, spatial).map((axis) => value.shape[axis]),
    ];
    return arranger.reshaped(arranger.whole(value, order), shape);
  };
  const x = merge(input, found.inputRoles, [batch, [...groups, ...inputs]]);
  const ofKernel = isTransposed
    ? [[...groups, ...inputs], outputs]
    : [[...groups, ...outputs], inputs];
  const given = merge(kernel, found.kernelRoles, ofKernel);
  // A transposed convolution turns its kernel round itself.
  const turned = spatial.flatMap(({ kernelReversed }, k) =>
    kernelReversed !== isTransposed ? [k + 2] : [],
  );
  const w = arranger.reversed(given, turned);
  const made = (isTransposed ? transposedConvolution : plainConvolution)(arranger, {
    ...{ x, w, spatial, groups: size(groups), features: size([...groups, ...outputs]) },
  });
  const order: readonly Role[] = [
    ...[...batch, ...groups, ...outputs].map((letter) => ({ letter })),
    ...spatial.map((_, k) => ({ spatial: k })),
  ];
  const apart = order.map((role) =>
    'letter' in role ? extents.get(role.letter)! : made.shape[role.spatial + 2],
  );
  const placed = order.map((role) => found.resultRoles.findIndex((other) => isSame(role, other)));
  const turnedResult = order.flatMap((role, k) =>
    'spatial' in role && spatial[role.spatial].resultReversed ? [k] : [],
  );
  const shape = new Array<number>(placed.length);
  placed.forEach((axis, k) => {
    shape[axis] = apart[k];
  });
  const stored = arranger.reversed(arranger.reshaped(made, apart), turnedResult);
  return { stored, order: placed, shape };
}

const isSame = (a: Role, b: Role) =>
  'letter' in a
    ? 'letter' in b && a.letter === b.letter
    : 'spatial' in b && a.spatial === b.spatial;

const letterAxis = (roles: readonly Role[], letter: string) =>
  roles.findIndex((role) => 'letter' in role && role.letter === letter);

const spatialAxes = (roles: readonly Role[], spatial: readonly SpatialAxis[]) =>
  spatial.map((_, k) => roles.findIndex((role) => 'spatial' in role && role.spatial === k));

interface Operands {
  readonly x: Stored;
  readonly w: Stored;
  readonly spatial: readonly SpatialAxis[];
  readonly groups: number;
  /** Of the result. */
  readonly features: number;
}

function plainConvolution(
  arranger: Arranger,
  { x, w, spatial, groups, features }: Operands,
): Stored {
  const cut = cropped(arranger, x, spatial);
  const extents = spatial.map(({ stride, kernelDilation, low, high }, k) => {
    const padded = x.shape[k + 2] + low + high;
    return Math.floor((padded - (w.shape[k + 2] - 1) * kernelDilation - 1) / stride) + 1;
  });
  const pads = [...spatial.map(({ low }) => low), ...spatial.map(({ high }) => high)];
  return arranger.builder.node(
    'Conv',
    [cut, w],
    { element: 'float', shape: [x.shape[0], features, ...extents] },
    {
      kernel_shape: w.shape.slice(2),
      strides: spatial.map(({ stride }) => stride),
      dilations: spatial.map(({ kernelDilation }) => kernelDilation),
      pads: pads.map((count) => Math.max(0, count)),
      group: groups,
    },
  );
}

/** Negative edges, which the op has not, as a slice. */
function cropped({ builder }: Arranger, x: Stored, spatial: readonly SpatialAxis[]): Stored {
  if (spatial.every(({ low, high }) => low >= 0 && high >= 0)) return x;
  const axes = spatial.map((_, k) => k + 2);
  const starts = spatial.map(({ low }) => Math.max(0, -low));
  const ends = spatial.map(({ high }, k) => x.shape[k + 2] - Math.max(0, -high));
  const shape = [...x.shape.slice(0, 2), ...ends.map((end, k) => end - starts[k])];
  const inputs = [x, ...[starts, ends, axes].map((list) => builder.integers(list))];
  return builder.node('Slice', inputs, { element: x.element, shape });
}

/**
 * Without edges the transpose gives everything that any tap reaches; what is wanted is a range of that, padded where it goes beyond.
 */
function transposedConvolution(
  arranger: Arranger,
  { x, w, spatial, groups, features }: Operands,
): Stored {
  const reaches = spatial.map(({ kernelDilation }, k) => (w.shape[k + 2] - 1) * kernelDilation);
  const spread = spatial.map(({ inputDilation }, k) => (x.shape[k + 2] - 1) * inputDilation + 1);
  const extents = spatial.map(({ low, high }, k) => spread[k] + low + high - reaches[k]);
  const before = spatial.map(({ low }, k) => reaches[k] - low);
  const behind = spatial.map(({ high }, k) => reaches[k] - high);
  const attributes = {
    kernel_shape: w.shape.slice(2),
    strides: spatial.map(({ inputDilation }) => inputDilation),
    dilations: spatial.map(({ kernelDilation }) => kernelDilation),
    group: groups,
  };
  const lead = [x.shape[0], features];
  const pads = [...before, ...behind];
  if (pads.every((count) => count >= 0))
    return arranger.builder.node(
      'ConvTranspose',
      [x, w],
      { element: 'float', shape: [...lead, ...extents] },
      { ...attributes, pads },
    );
  const cut = pads.map((count) => Math.max(0, count));
  const whole = extents.map(
    (extent, k) => extent + Math.min(0, before[k]) + Math.min(0, behind[k]),
  );
  const made = arranger.builder.node(
    'ConvTranspose',
    [x, w],
    { element: 'float', shape: [...lead, ...whole] },
    { ...attributes, pads: cut },
  );
  const missing = (counts: readonly number[]) => counts.map((count) => Math.max(0, -count));
  const edges = [0, 0, ...missing(before), 0, 0, ...missing(behind)];
  const { builder } = arranger;
  const zero = builder.constant('float', [], [0]);
  return builder.node('Pad', [made, builder.integers(edges), zero], {
    ...{ element: 'float', shape: [...lead, ...extents] },
  });
}
