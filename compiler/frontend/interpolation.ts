import { report } from '../reporting/report.ts';
import { constant } from './constants.ts';
import { isPoisoned, poisoned } from './context.ts';
import { add, mul } from './elementwise.ts';
import { take } from './indexing.ts';
import { edgePadded } from './padding.ts';
import type { Tensor } from './tensor.ts';
import { reshape, slice, stack } from './views.ts';
import { type PerAxis, perAxis } from './windows.ts';

/** How values between elements are made. */
const MODES = ['nearest', 'nearest-exact', 'linear', 'cubic'] as const;
/** One of them: {@link InterpolationOptions.mode}. */
export type InterpolationMode = (typeof MODES)[number];

/** What {@link interpolate} makes. */
export interface InterpolationOptions {
  /** The extent of every spatial axis of the result, or one for each. Either this or `scale`. */
  readonly size?: PerAxis;
  /** What every extent is multiplied by and rounded down, or one for each. It is also the distance of samples, as in PyTorch. */
  readonly scale?: PerAxis;
  /**
   * `nearest` (the default) takes the element below, `nearest-exact` the nearest; `linear` is PyTorch's `linear`, `bilinear` or
   * `trilinear` by the number of axes, `cubic` its `bicubic` (A = -0.75), along any.
   */
  readonly mode?: InterpolationMode;
  /** Whether the first and last elements of an axis are those of the result; default false. Of `linear` and `cubic` alone. */
  readonly alignCorners?: boolean;
}

/**
 * Images [batch, height, width, channels], or signals and volumes with one or three spatial axes, at other extents, as PyTorch's
 * `F.interpolate`. Extents that are multiplied by a whole number are sums of shifted views; others read the elements that they need.
 *
 * Errors: BTC2053 for a tensor without spatial axes or of another dtype; BTC2054 for neither or both of `size` and `scale`; BTC2015 for
 * options that are none.
 */
export function interpolate(x: Tensor, options: InterpolationOptions): Tensor {
  if (isPoisoned(x)) return x;
  const op = 'interpolate';
  const spatial = x.rank - 2;
  if (spatial < 1 || x.dtype !== 'f32') {
    const given = `${x.dtype} of rank ${x.rank}`;
    report(2053, { op, given });
    return poisoned(x.type);
  }
  const { mode = 'nearest', alignCorners = false } = options;
  if (!MODES.includes(mode)) {
    const wanted = MODES.map((one) => `'${one}'`).join(' or ');
    const given = String(mode);
    report(2015, { op, name: 'mode', value: given, wanted }, { given, among: MODES });
    return poisoned(x.type);
  }
  const axes = targetAxes(op, x.shape.slice(1, -1), options);
  if (!axes) return poisoned(x.type);
  return axes.reduce((signal, target, k) => {
    const sampling = { ...target, mode, alignCorners };
    return resampled(signal, k + 1, sampling);
  }, x);
}

/** The extent of an axis of the result, and the distance of its samples where corners are not aligned. */
interface Target {
  readonly extent: number;
  readonly step: number;
}

function targetAxes(
  op: string,
  extents: readonly number[],
  { size, scale }: InterpolationOptions,
): Target[] | null {
  if ((size === undefined) === (scale === undefined)) {
    report(2054, { op, given: size === undefined ? 'none' : 'both' });
    return null;
  }
  if (size !== undefined) {
    const sizes = perAxis(op, 'size', size, extents.length, 1);
    return sizes?.map((extent, k) => ({ extent, step: extents[k] / extent })) ?? null;
  }
  const scales = typeof scale === 'number' ? extents.map(() => scale) : scale!;
  const isSound =
    Array.isArray(scales) &&
    scales.length === extents.length &&
    scales.every((factor, k) => {
      const extent = Math.floor(extents[k] * factor);
      return typeof factor === 'number' && Number.isSafeInteger(extent) && extent >= 1;
    });
  if (!isSound) {
    const wanted = `a number that leaves something of each of the ${extents.length} spatial axes, or one for each`;
    report(2015, { op, name: 'scale', value: JSON.stringify(scale) ?? String(scale), wanted });
    return null;
  }
  return scales.map((factor: number, k: number) => ({
    extent: Math.floor(extents[k] * factor),
    step: 1 / factor,
  }));
}

interface Sampling extends Target {
  readonly mode: InterpolationMode;
  readonly alignCorners: boolean;
}

/** An element of an axis, which may lie beyond its ends, and what it counts. */
interface Tap {
  readonly at: number;
  readonly weight: number;
}

/** What each element of the result is made of. */
function tapsOf(position: number, from: number, sampling: Sampling): Tap[] {
  const { mode, alignCorners, extent, step } = sampling;
  if (mode === 'nearest') return [{ at: Math.floor(position * step), weight: 1 }];
  if (mode === 'nearest-exact') return [{ at: Math.floor((position + 0.5) * step), weight: 1 }];
  const aligned = extent > 1 ? (from - 1) / (extent - 1) : 0;
  const place = alignCorners ? position * aligned : (position + 0.5) * step - 0.5;
  const first = Math.floor(place);
  return WEIGHTS[mode](place - first).map(({ at, weight }) => ({ at: first + at, weight }));
}

/** Of the elements around a place at a share of the way from one to the next. */
const WEIGHTS: Readonly<Record<'linear' | 'cubic', (share: number) => Tap[]>> = {
  linear: (share) => [
    { at: 0, weight: 1 - share },
    { at: 1, weight: share },
  ],
  cubic: (share) => [-1, 0, 1, 2].map((at) => ({ at, weight: cubicWeight(Math.abs(share - at)) })),
};

/** The kernel of Keys 1981 with A = -0.75, as PyTorch and OpenCV have it. */
function cubicWeight(distance: number): number {
  const a = -0.75;
  if (distance <= 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return distance < 2 ? ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a : 0;
}

function resampled(x: Tensor, axis: number, sampling: Sampling): Tensor {
  const from = x.shape[axis];
  const factor = Math.round(1 / sampling.step);
  const isWhole =
    !sampling.alignCorners && factor * sampling.step === 1 && sampling.extent === factor * from;
  return isWhole ? multiplied(x, axis, factor, sampling) : sampled(x, axis, sampling);
}

/** Every element becomes so many: each of them is a sum of the elements at fixed distances. */
function multiplied(x: Tensor, axis: number, factor: number, sampling: Sampling): Tensor {
  const from = x.shape[axis];
  if (factor === 1) return x;
  // In the middle of an axis that has one: distances are the same everywhere.
  const middle = factor * 2;
  const phases = Array.from({ length: factor }, (_, k) =>
    tapsOf(middle + k, from, sampling).map(({ at, weight }) => ({ at: at - 2, weight })),
  );
  const reach = phases.flat().map(({ at }) => at);
  const [low, high] = [Math.max(0, -Math.min(...reach)), Math.max(0, ...reach)];
  const padded = edgePadded(x, axis, low, high);
  const parts = phases.map((taps) =>
    weighted(taps, ({ at }) => slice(padded, axis, low + at, low + at + from)),
  );
  const shape = x.shape.with(axis, factor * from);
  return reshape(stack(parts, axis + 1), shape);
}

/** Each element of the result reads its own. */
function sampled(x: Tensor, axis: number, sampling: Sampling): Tensor {
  const from = x.shape[axis];
  const positions = Array.from({ length: sampling.extent }, (_, position) =>
    tapsOf(position, from, sampling),
  );
  const column = [sampling.extent, ...new Array<number>(x.rank - axis - 1).fill(1)];
  const taps = positions[0].map((_, k) => positions.map((own) => own[k]));
  return taps
    .map((tap) => {
      const at = tap.map(({ at }) => Math.min(Math.max(at, 0), from - 1));
      const elements = take(x, constant(at, undefined, 'i32'), axis);
      const weights = tap.map(({ weight }) => weight);
      return weights.every((weight) => weight === 1)
        ? elements
        : mul(elements, constant(weights, column));
    })
    .reduce(add);
}

function weighted(taps: readonly Tap[], elements: (tap: Tap) => Tensor): Tensor {
  return taps
    .filter(({ weight }) => weight !== 0)
    .map((tap) => (tap.weight === 1 ? elements(tap) : mul(elements(tap), tap.weight)))
    .reduce(add);
}
