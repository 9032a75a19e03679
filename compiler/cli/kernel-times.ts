import type { Plan } from '../../ir/plan.ts';
import { printable } from '../../ir/printable.ts';
import type { SessionTrace, TraceClock } from '../../ir/trace.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { formatSeconds } from '../format.ts';
import {
  type KernelTime,
  kernelTimes,
  type ProgramTimes,
  programTimes,
} from '../inspect/kernel-times.ts';
import { type Ceilings, ceilingsOf } from '../profile/ceilings.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { isProfileName, SHIPPED_PROFILES } from '../profile/shipped.ts';
import { isAdapter } from './other-adapter.ts';
import { findProfile } from './profile-file.ts';
import { style } from './style.ts';
import { table } from './table.ts';
import { visibleLength } from './terminal.ts';

const MAX_KERNELS = 20;

/** Measured times of a plan, and what they are held against. */
export interface MeasuredTimes {
  readonly clock: TraceClock;
  readonly ceilings: Ceilings | null;
  readonly programs: readonly ProgramTimes[];
}

export interface TraceOptions {
  /** A file for the times of every step, or of them. */
  readonly trace?: string;
  /** Whose ceilings kernels are held against: a name or a file. */
  readonly profile?: string;
}

/** The profile that is given for the ceilings; null where none is. */
export async function givenProfile({
  trace,
  profile,
}: TraceOptions): Promise<
  { readonly profile: DeviceProfile | null } | { readonly diagnostics: readonly Diagnostic[] }
> {
  if (profile === undefined) return { profile: null };
  if (trace === undefined)
    return { diagnostics: [diagnostic(6018, null, { option: '--trace', usage: '' })] };
  return findProfile(profile);
}

/**
 * The times of a trace. The ceilings are of the given profile; else of the plan's, if it is one of the compiler's and
 * of this device; else of that of the compiler's profiles which is of this device; else of the plan's all the same.
 */
export function measuredTimes(
  plan: Plan,
  trace: SessionTrace,
  device: string,
  given: DeviceProfile | null,
): MeasuredTimes {
  const chosen = given ?? shippedFor(plan, device);
  const ceilings = chosen && ceilingsOf(chosen);
  return { clock: trace.clock, ceilings, programs: programTimes(plan, trace, ceilings) };
}

function shippedFor({ profile, target }: Plan, device: string): DeviceProfile | null {
  const own = profile !== undefined && isProfileName(profile) ? SHIPPED_PROFILES[profile] : null;
  const all: readonly DeviceProfile[] = Object.values(SHIPPED_PROFILES);
  const fitting = [...(own ? [own] : []), ...all].find(
    (each) => each.target === target && isAdapter(device, each.adapter),
  );
  return fitting ?? own;
}

const CLOCKS: Readonly<Record<TraceClock, string>> = {
  timestamps: 'by timestamps of the device',
  queue:
    "by the completions of the device's queue, because it has no timestamps ('timestamp-query'): a step has its share of handing over",
  host: "by the host's clock",
};

/** Per program where the time goes, and its kernels. */
export function formatMeasured(measured: MeasuredTimes, all: boolean): string {
  return measured.programs.map((program) => formatProgram(measured, program, all)).join('\n');
}

function formatProgram(
  { clock, ceilings }: MeasuredTimes,
  program: ProgramTimes,
  all: boolean,
): string {
  const { runSeconds, stepSeconds, copiesInSeconds, copiesOutSeconds, runs } = program;
  const parts = [
    `${formatSeconds(runSeconds)} per run (median of ${runs})`,
    `steps ${formatSeconds(stepSeconds)}`,
    `copies in ${formatSeconds(copiesInSeconds)}`,
    `copies out ${formatSeconds(copiesOutSeconds)}`,
  ];
  return [
    `${style.bold(`time of ${program.program}`)}, ${CLOCKS[clock]}\n  ${parts.join('; ')}`,
    `  ${formatCeilings(ceilings)}`,
    ...formatExcess(program),
    ...formatClock(program),
    formatKernelTimes(program.kernels, all ? program.kernels.length : MAX_KERNELS),
    '',
  ].join('\n');
}

function formatCeilings(ceilings: Ceilings | null): string {
  if (!ceilings) return "no ceilings: there is no profile of this device; '--profile' takes one";
  const { profile, flopsPerSecond, bytesPerSecond } = ceilings;
  return `ceilings of the profile '${profile}': ${giga(flopsPerSecond)} GFLOP/s, ${giga(bytesPerSecond)} GB/s`;
}

/** Why a kernel may be above what the ceilings call the most. */
function formatExcess({ kernels }: ProgramTimes): string[] {
  const isAbove = (share: number | null) => share !== null && share > 1;
  if (!kernels.some((one) => isAbove(one.flopsShare) || isAbove(one.bytesShare))) return [];
  return [
    '  shares above 100 %: the ceilings are what one thread or the device of the profile reached, without caches; btc profile measures yours',
  ];
}

/** What is to be known where the clock is too coarse for the steps. */
function formatClock({ timed, leastSeconds }: ProgramTimes): string[] {
  if (timed.zero === 0) return [];
  const steps =
    leastSeconds === null ? '' : `, and the least other time is ${formatSeconds(leastSeconds)}`;
  return [
    `  ${style.yellow(`the clock did not move in ${timed.zero} of ${timed.steps} steps${steps}: it is too coarse for them, and only sums over many are true`)}`,
  ];
}

/** The kernels of every program as the plan's profile predicts them, with how each is made. */
export function formatPredictedKernels(plan: Plan, all: boolean): string {
  const parts = Object.entries(plan.programs).map(([name, { steps }]) => {
    const known = steps.every(({ seconds }) => seconds !== undefined);
    const kernels = kernelTimes(
      plan,
      name,
      steps.map(({ seconds = 0 }) => seconds),
      null,
    );
    const said = known ? `predicted by the profile '${plan.profile}'` : 'not predicted';
    const count = all ? kernels.length : MAX_KERNELS;
    return `${style.bold(`kernels of ${name}`)}, ${said}\n${formatKernelTimes(kernels, count, 'predicted')}\n`;
  });
  return parts.join('\n');
}

/** Columns of text, of any width, which go below the figures where a terminal has no room for both. */
const TEXTS = ['variant', 'kernel'];

/** Columns of a line at most where there is no terminal: kernels of many parts have names of hundreds. */
const MOST_COLUMNS = 200;

/**
 * A table of kernels by time; a dash stands for what is not known.
 *
 * @param width columns of the terminal: figures stay in columns, whatever the length of names
 */
export function formatKernelTimes(
  kernels: readonly KernelTime[],
  count: number,
  times: 'measured' | 'predicted' = 'measured',
  width = process.stdout.columns ?? MOST_COLUMNS,
): string {
  const isMeasured = times === 'measured';
  const hasVariants = kernels.some(({ variant }) => variant !== null);
  const percent = (share: number | null) =>
    share === null ? '-' : `${(100 * share).toFixed(1)} %`;
  const columns: readonly (readonly [string, boolean, (kernel: KernelTime) => string])[] = [
    ['share', true, ({ share }) => percent(share)],
    ['per run', true, ({ seconds }) => formatSeconds(seconds)],
    ['calls', true, ({ calls }) => String(calls)],
    [
      'predicted',
      isMeasured,
      ({ predictedSeconds }) => (predictedSeconds === null ? '-' : formatSeconds(predictedSeconds)),
    ],
    ['GFLOP/s', true, ({ flopsPerSecond }) => giga(flopsPerSecond)],
    ['of peak', isMeasured, ({ flopsShare }) => percent(flopsShare)],
    ['GB/s', true, ({ bytesPerSecond }) => giga(bytesPerSecond)],
    ['of peak', isMeasured, ({ bytesShare }) => percent(bytesShare)],
    ['variant', hasVariants, ({ variant }) => variant ?? '-'],
    ['kernel', true, ({ kernel }) => kernel],
  ];
  const shown = columns.filter(([, isShown]) => isShown);
  const rowsOf = (some: typeof shown) => [
    some.map(([head]) => head),
    ...kernels.slice(0, count).map((kernel) => some.map(([, , text]) => text(kernel))),
  ];
  const isFigure = ([head]: (typeof shown)[number]) => !TEXTS.includes(head);
  const figures = shown.flatMap((column, k) => (isFigure(column) ? [k] : []));
  const whole = table(rowsOf(shown), figures);
  const isWide = whole.split('\n').some((line) => visibleLength(line) > width);
  const lines = isWide ? inTwoLines() : whole;
  const more = kernels.length - count;
  return more > 0 ? `${lines}\n  and ${more} more (--all)` : lines;

  function inTwoLines(): string {
    const above = table(rowsOf(shown.filter(isFigure)), figures).split('\n');
    const below = rowsOf(shown.filter((column) => !isFigure(column)));
    return above
      .flatMap((line, k) => [line, `      ${printable(below[k].toReversed().join(': '))}`])
      .join('\n');
  }
}

function giga(rate: number | null): string {
  if (rate === null) return '-';
  const value = rate / 1e9;
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
