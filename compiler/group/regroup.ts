import type { Kernel } from '../../ir/kernel.ts';
import { kernelBody } from '../../ir/kernel-text.ts';
import type {
  AllocatedSchedule,
  ScheduleProgram,
  ScheduleStep,
  ScheduleTransfer,
  TargetLimits,
} from '../../ir/schedule.ts';
import { joinScopes } from '../../ir/source.ts';
import { joinBindings, type KernelVectors } from './bindings.ts';
import { placedAnew } from './places.ts';

/** The steps of a program by dispatches, between the steps where transfers are: in their order, with the steps that it comes from. */
export interface ProgramGroups {
  readonly groups: readonly (readonly number[])[];
  /** By old step: the group that it is in. */
  readonly groupOf: Int32Array;
}

/** The schedule with a step for every group, one of several as one of a kernel with parts. Places stay, lives follow the steps. */
export function regrouped(
  schedule: AllocatedSchedule,
  all: readonly ProgramGroups[],
  limits: TargetLimits,
  vectors: KernelVectors,
): AllocatedSchedule {
  const kernels = new KernelTable(schedule.kernels);
  const programs = schedule.programs.map((program, p): ScheduleProgram => {
    const { groups, groupOf } = all[p];
    const steps = groups.map((group) => {
      const own = group.map((step) => program.steps[step]);
      return own.length === 1
        ? { ...own[0], kernel: kernels.own(own[0].kernel) }
        : joinedStep(schedule, own, limits, kernels, vectors);
    });
    return {
      ...program,
      steps,
      ...(program.transfers ? { transfers: movedTransfers(program.transfers, groupOf) } : {}),
    };
  });
  return placedAnew(schedule, { kernels: kernels.all, programs }, all, limits);
}

/** Steps around transfers are in their order, so that the groups of a step and of those before it are before those behind it. */
function movedTransfers(
  transfers: readonly ScheduleTransfer[],
  groupOf: Int32Array,
): ScheduleTransfer[] {
  const last = groupOf.slice();
  for (let s = 1; s < last.length; s++) last[s] = Math.max(last[s], last[s - 1]);
  const first = groupOf.slice();
  for (let s = first.length - 2; s >= 0; s--) first[s] = Math.min(first[s], first[s + 1]);
  return transfers.map((one) => ({
    ...one,
    step: (one.kind === 'out' ? last : first)[one.step],
  }));
}

function joinedStep(
  schedule: AllocatedSchedule,
  given: readonly ScheduleStep[],
  limits: TargetLimits,
  kernels: KernelTable,
  vectors: KernelVectors,
): ScheduleStep {
  // Groups of the same kernels share code, whatever their order was.
  const steps = given.toSorted((a, b) => a.kernel - b.kernel);
  const joined = joinBindings(schedule, steps, limits, vectors);
  if (!joined) throw new Error('internal error: steps of one group cannot be bound together');
  const { parts, buffers, spans, operands, offsets } = joined;
  const kernel = kernels.intern(
    {
      axes: [],
      buffers,
      nodes: [],
      reductions: [],
      stores: [],
      parts,
      ...(spans ? { spans } : {}),
    },
    steps.map((step) => schedule.kernels[step.kernel].name),
  );
  const scope = joinScopes(steps.flatMap((step) => scopesOf(step.scope ?? '')));
  const passes = [...new Set(steps.flatMap(({ pass = 'forward' }) => pass.split('+')))];
  const macs = steps.reduce((sum, step) => sum + (step.macs ?? 0), 0);
  return {
    kernel,
    operands,
    ...(offsets.some((offset) => offset > 0) ? { offsets } : {}),
    label: steps.map(({ label }) => label).join(' | '),
    source: steps[0].source,
    ...(scope === '' ? {} : { scope }),
    ...(passes.join() === 'forward' ? {} : { pass: passes.join('+') }),
    ...(macs > 0 ? { macs } : {}),
    parts: steps.map(({ label, source, scope: own, pass, macs: count }) => ({
      label,
      source,
      ...(own === undefined ? {} : { scope: own }),
      ...(pass === undefined ? {} : { pass }),
      ...(count === undefined ? {} : { macs: count }),
    })),
  };
}

/** `a.b` and `a.c` of the short form `a.{b, c}`. */
function scopesOf(scope: string): string[] {
  const short = /^(.*)\.\{(.*)\}$/.exec(scope);
  if (!short) return scope.split(', ').filter((one) => one !== '…');
  return short[2].split(', ').flatMap((rest) => (rest === '…' ? [] : [`${short[1]}.${rest}`]));
}

const MOST_NAMES = 3;

/** The kernels of the schedule that are still in use, and those of groups, equal ones as one. */
class KernelTable {
  readonly all: Kernel[] = [];
  readonly #given: readonly Kernel[];
  readonly #own = new Map<number, number>();
  readonly #groups = new Map<string, number>();
  readonly #names: Set<string>;

  constructor(given: readonly Kernel[]) {
    this.#given = given;
    this.#names = new Set(given.map(({ name }) => name));
  }

  own(kernel: number): number {
    let index = this.#own.get(kernel);
    if (index === undefined) {
      index = this.all.push(this.#given[kernel]) - 1;
      this.#own.set(kernel, index);
    }
    return index;
  }

  intern(group: Omit<Kernel, 'name'>, parts: readonly string[]): number {
    const key = kernelBody({ name: '', ...group });
    let index = this.#groups.get(key);
    if (index === undefined) {
      index = this.all.push({ name: this.#nameOf(parts), ...group }) - 1;
      this.#groups.set(key, index);
    }
    return index;
  }

  #nameOf(parts: readonly string[]): string {
    const shown = parts.slice(0, MOST_NAMES).join('+');
    const plain = parts.length > MOST_NAMES ? `${shown}+${parts.length - MOST_NAMES}` : shown;
    let name = plain;
    for (let copy = 2; this.#names.has(name); copy++) name = `${plain}_${copy}`;
    this.#names.add(name);
    return name;
  }
}
