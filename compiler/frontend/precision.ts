import type { SourceSpan } from '../../ir/source.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { Training } from './model.ts';

/** What activations, their gradients and the copies of weights that contractions read are stored in. */
export const PRECISIONS = ['f32', 'f16'] as const;
/** One of them: {@link Training.precision}. */
export type Precision = (typeof PRECISIONS)[number];

/** A scale of the loss that changes: it is halved when a gradient overflows, and doubled after so many steps without. */
export interface DynamicLossScale {
  /** Of the first step; default 65536. A power of two keeps gradients as they are. */
  readonly initial?: number;
  /** Steps without an overflow; default 2000. */
  readonly growthInterval?: number;
}

/** What the loss is multiplied by before gradients are taken, which are divided by it: a number, or one that adapts. */
export type LossScale = number | 'dynamic' | DynamicLossScale;

/** {@link LossScale} with its defaults; a fixed one has no interval. */
export interface LossScaling {
  readonly initial: number;
  readonly growthInterval: number | null;
}

/** No scale. */
export const UNSCALED: LossScaling = { initial: 1, growthInterval: null };

/** What a dynamic scale keeps between steps: how far it is from the initial one, and how many steps it has been right. */
export const SCALE_STATES = ['lossScale.change', 'lossScale.goodSteps'] as const;

/** A dynamic scale stays within these: differences of powers of two between them are exact in f32. */
export const LEAST_SCALE = 1;
export const GREATEST_SCALE = 2 ** 24;

const DEFAULTS = { initial: 65536, growthInterval: 2000 } as const;

/** The scaling that training asks for; by default a dynamic one where gradients are stored as halves. */
export function lossScalingOf(
  { lossScale }: Pick<Training<never, never>, 'lossScale'>,
  precision: Precision,
): LossScaling {
  const scale = lossScale ?? (precision === 'f16' ? 'dynamic' : 1);
  if (typeof scale === 'number') return { initial: scale, growthInterval: null };
  return scale === 'dynamic' ? DEFAULTS : { ...DEFAULTS, ...scale };
}

/** BTC2015 for a precision or a scale that is none. */
export function precisionProblems(
  { precision, lossScale }: Pick<Training<never, never>, 'precision' | 'lossScale'>,
  source: SourceSpan | null,
): Diagnostic[] {
  const misuse = (
    name: string,
    value: unknown,
    wanted: string,
    among: readonly string[] = [],
  ): Diagnostic => {
    const args = { op: 'train', name, value: shown(value), wanted };
    return diagnostic(2015, source, args, { choice: { given: String(value), among } });
  };
  const problems: Diagnostic[] = [];
  if (precision !== undefined && !PRECISIONS.includes(precision))
    problems.push(
      misuse('precision', precision, PRECISIONS.map((one) => `'${one}'`).join(' or '), PRECISIONS),
    );
  if (lossScale === undefined || lossScale === 'dynamic') return problems;
  if (typeof lossScale !== 'object' || lossScale === null) {
    if (!isPositive(lossScale))
      problems.push(misuse('lossScale', lossScale, "a positive number, 'dynamic' or its settings"));
    return problems;
  }
  const { initial = DEFAULTS.initial, growthInterval = DEFAULTS.growthInterval } = lossScale;
  if (!(isPositive(initial) && initial >= LEAST_SCALE && initial <= GREATEST_SCALE))
    problems.push(misuse('lossScale.initial', initial, `from ${LEAST_SCALE} to ${GREATEST_SCALE}`));
  if (!(Number.isSafeInteger(growthInterval) && growthInterval > 0))
    problems.push(
      misuse('lossScale.growthInterval', growthInterval, 'a number of steps, 1 or more'),
    );
  return problems;
}

/** Whether a number is one that f32 has, and its inverse too. */
const isPositive = (value: unknown) =>
  typeof value === 'number' && value >= 2 ** -100 && value <= 2 ** 100;

const shown = (value: unknown) => (typeof value === 'string' ? `'${value}'` : String(value));
