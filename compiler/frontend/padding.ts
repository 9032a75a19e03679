import { report } from '../reporting/report.ts';
import { poisoned } from './context.ts';
import { flip } from './rearranging.ts';
import type { Tensor } from './tensor.ts';
import { broadcastTo, concat, slice } from './views.ts';

/** What stands beyond the ends of an axis, made of elements of it. */
const MODES = ['reflect', 'replicate', 'circular'] as const;
const QUOTED_MODES = MODES.map((one) => `'${one}'`).join(' or ');

/** `reflect`: mirrored at the last element; `replicate`: the last element; `circular`: from the other end. */
export type PaddingMode = (typeof MODES)[number];

/** Whether `pad` is given how elements are made, and not one. */
export const isPaddingMode = (value: unknown): value is PaddingMode => typeof value === 'string';

/** `pad` with elements that are made of the tensor's own. */
export function padByMode(
  x: Tensor,
  widths: readonly (readonly [number, number] | readonly number[])[],
  mode: PaddingMode,
): Tensor {
  const refuse = (name: string, value: unknown, wanted: string, among: readonly string[] = []) => {
    const args = { op: 'pad', name, value: JSON.stringify(value) ?? String(value), wanted };
    report(2015, args, { given: String(value), among });
    return poisoned(x.type);
  };
  if (!MODES.includes(mode)) return refuse('value', mode, `a number or ${QUOTED_MODES}`, MODES);
  const isPair = (pair: unknown) =>
    Array.isArray(pair) &&
    pair.length === 2 &&
    pair.every((width) => Number.isSafeInteger(width) && width >= 0);
  if (!Array.isArray(widths) || widths.length !== x.rank || !widths.every(isPair))
    return refuse(
      'widths',
      widths,
      `one pair of non-negative integers for each of the ${x.rank} axes`,
    );
  const { most, before, after } = RULES[mode];
  const tooWide = widths.findIndex((pair, axis) => Math.max(...pair) > most(x.shape[axis]));
  if (tooWide >= 0) {
    const wanted = `at most ${most(x.shape[tooWide])} along axis ${tooWide}, with mode '${mode}'`;
    return refuse('widths', widths, wanted);
  }
  return widths.reduce<Tensor>((padded, [low, high], axis) => {
    const ends = [
      ...(low > 0 ? [before(padded, axis, low)] : []),
      padded,
      ...(high > 0 ? [after(padded, axis, high)] : []),
    ];
    return concat(ends, axis);
  }, x);
}

/** So many elements of each end of an axis, repeated. */
export function edgePadded(x: Tensor, axis: number, low: number, high: number): Tensor {
  const widths = x.shape.map((_, k) => (k === axis ? [low, high] : [0, 0]));
  return padByMode(x, widths, 'replicate');
}

interface Rule {
  /** How wide one side may be, of an extent. */
  readonly most: (extent: number) => number;
  readonly before: (x: Tensor, axis: number, width: number) => Tensor;
  readonly after: (x: Tensor, axis: number, width: number) => Tensor;
}

const RULES: Readonly<Record<PaddingMode, Rule>> = {
  reflect: {
    most: (extent) => extent - 1,
    before: (x, axis, width) => flip(slice(x, axis, 1, width + 1), axis),
    after: (x, axis, width) => {
      const last = x.shape[axis] - 1;
      return flip(slice(x, axis, last - width, last), axis);
    },
  },
  replicate: {
    most: () => Number.POSITIVE_INFINITY,
    before: (x, axis, width) => repeated(slice(x, axis, 0, 1), axis, width),
    after: (x, axis, width) => repeated(slice(x, axis, -1), axis, width),
  },
  circular: {
    most: (extent) => extent,
    before: (x, axis, width) => slice(x, axis, x.shape[axis] - width),
    after: (x, axis, width) => slice(x, axis, 0, width),
  },
};

const repeated = (x: Tensor, axis: number, width: number): Tensor =>
  broadcastTo(x, x.shape.with(axis, width));
