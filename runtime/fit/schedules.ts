// Learning rates by the number of the update, counted from 0. What is not in range is a RangeError: these are the caller's own numbers.

/** What a schedule may go by besides the number of the update. */
export interface ScheduleState {
  /** Counted from 0. */
  readonly epoch: number;
  /** Of the update before; NaN before the first. */
  readonly loss: number;
}

/** The learning rate of an update. */
export type Schedule = (step: number, state: ScheduleState) => number;

function check(name: string, values: Readonly<Record<string, number>>, least = 0): void {
  for (const [key, value] of Object.entries(values))
    if (!(Number.isFinite(value) && value >= least))
      throw new RangeError(`${name}: '${key}' is ${value}; it is a number from ${least} on`);
}

/** From one rate to another in equal steps, then the last one: `LinearLR` of PyTorch. */
export function linearSchedule(from: number, to: number, steps: number): Schedule {
  check('linearSchedule', { from, to });
  check('linearSchedule', { steps }, 1);
  return (step) => from + (to - from) * Math.min(step / steps, 1);
}

/** What {@link cosineSchedule} takes beside the rate. */
export interface CosineOptions {
  /** Updates until the rate is least. */
  readonly steps: number;
  /** The least rate; default 0. */
  readonly least?: number;
  /** First so many updates from 0 up to the rate, in equal steps; they count among `steps`. Default 0. */
  readonly warmUp?: number;
}

/**
 * Half of a cosine from the rate down to the least one (Loshchilov, Hutter, "SGDR", 2017), `CosineAnnealingLR` of PyTorch, behind a
 * warm-up; the least one from then on.
 */
export function cosineSchedule(
  rate: number,
  { steps, least = 0, warmUp = 0 }: CosineOptions,
): Schedule {
  check('cosineSchedule', { rate, least, warmUp });
  check('cosineSchedule', { steps }, 1);
  if (warmUp >= steps)
    throw new RangeError(`cosineSchedule: a warm-up of ${warmUp} leaves nothing of ${steps} steps`);
  return (step) => {
    if (step < warmUp) return (rate * (step + 1)) / warmUp;
    const done = Math.min((step - warmUp) / (steps - warmUp), 1);
    return least + ((rate - least) * (1 + Math.cos(Math.PI * done))) / 2;
  };
}

/** The rate times `factor` after every `every` updates: `StepLR` of PyTorch; with 1 `ExponentialLR`. */
export function stepSchedule(rate: number, every: number, factor = 0.1): Schedule {
  check('stepSchedule', { rate, factor });
  check('stepSchedule', { every }, 1);
  return (step) => rate * factor ** Math.floor(step / every);
}

/** (1 - step / steps)^power of the rate, then 0: `PolynomialLR` of PyTorch. */
export function polynomialSchedule(rate: number, steps: number, power = 1): Schedule {
  check('polynomialSchedule', { rate, power });
  check('polynomialSchedule', { steps }, 1);
  return (step) => rate * (1 - Math.min(step / steps, 1)) ** power;
}

/** Up to the rate in equal steps, then down with 1/√step (Vaswani et al., "Attention is all you need", 2017, section 5.3). */
export function inverseSquareRootSchedule(rate: number, warmUp: number): Schedule {
  check('inverseSquareRootSchedule', { rate });
  check('inverseSquareRootSchedule', { warmUp }, 1);
  return (step) => rate * Math.min((step + 1) / warmUp, Math.sqrt(warmUp / (step + 1)));
}

/** What {@link oneCycleSchedule} takes beside the greatest rate. */
export interface OneCycleOptions {
  readonly steps: number;
  /** Share of the steps in which the rate rises; default 0.3. */
  readonly rise?: number;
  /** The greatest rate over the first one; default 25. */
  readonly divide?: number;
  /** The first rate over the last one; default 10,000. */
  readonly divideLast?: number;
}

/** Up and down along half cosines (Smith, Topin, "Super-convergence", 2018): `OneCycleLR` of PyTorch, in two phases. */
export function oneCycleSchedule(
  rate: number,
  { steps, rise = 0.3, divide = 25, divideLast = 1e4 }: OneCycleOptions,
): Schedule {
  check('oneCycleSchedule', { rate, rise });
  check('oneCycleSchedule', { steps, divide, divideLast }, 1);
  const top = rise * steps - 1;
  const between = (from: number, to: number, done: number) =>
    to + ((from - to) * (1 + Math.cos(Math.PI * done))) / 2;
  const first = rate / divide;
  return (step) => {
    const at = Math.min(step, steps - 1);
    return at <= top
      ? between(first, rate, top <= 0 ? 1 : at / top)
      : between(rate, first / divideLast, (at - top) / (steps - 1 - top));
  };
}

/** What {@link plateauSchedule} takes beside the rate. */
export interface PlateauOptions {
  /** What the rate is multiplied by; default 0.1. */
  readonly factor?: number;
  /** Updates without a better loss before it is; default 10. */
  readonly patience?: number;
  /** A loss is better when it is below (1 - threshold) of the best one; default 1e-4. */
  readonly threshold?: number;
  /** The least rate; default 0. */
  readonly least?: number;
}

/** Lower whenever the loss stays: `ReduceLROnPlateau` of PyTorch. It remembers losses, so each training takes one of its own. */
export function plateauSchedule(
  rate: number,
  { factor = 0.1, patience = 10, threshold = 1e-4, least = 0 }: PlateauOptions = {},
): Schedule {
  check('plateauSchedule', { rate, factor, patience, threshold, least });
  let [current, best, bad] = [rate, Number.POSITIVE_INFINITY, 0];
  return (_, { loss }) => {
    if (Number.isNaN(loss)) return current;
    if (loss < best * (1 - threshold)) [best, bad] = [loss, 0];
    else bad++;
    if (bad > patience) [current, bad] = [Math.max(current * factor, least), 0];
    return current;
  };
}
