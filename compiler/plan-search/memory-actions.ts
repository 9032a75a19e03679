import type { Schedule } from '../../ir/schedule.ts';
import { alignedBytes } from '../liveness/lifetimes.ts';
import type { RecomputeStrategy, SwapPolicy } from './actions/index.ts';
import { type Decisions, KEEP, noDecisions } from './decisions.ts';
import { ScheduleEmitter } from './emit.ts';
import { type ExactSearch, solvedProgram } from './exact/choice.ts';
import { secondsOf } from './exact/solve.ts';
import { swapLeastRecentlyUsed } from './lru.ts';
import type { ChosenActions } from './placement.ts';
import { prefetch } from './prefetch.ts';
import { type NamedValueProgram, type ValueProgram, valueProgram } from './program.ts';
import { type ActionChoice, ModuleSearch, type ValueModule } from './sequence/module-search.ts';
import type { Ways } from './sequence/program-search.ts';
import type { DeviceCosts } from './sequence/simulation.ts';
import { recomputeSegments, swapCheckpoints } from './strategies.ts';
import type { TransferCosts } from './transfer-costs.ts';

export type { TransferCosts };

/** Who decides about each action that has an option: nobody (`none`), a named strategy, or the search (`auto`). */
export interface ActionSet {
  readonly recompute: RecomputeStrategy;
  readonly swap: SwapPolicy;
}

const waysOf = ({ recompute, swap }: ActionSet): Ways => ({
  mayRecompute: recompute === 'auto',
  mayCopy: swap === 'auto',
});

/** Whether nobody but a search decides: without a budget that is nothing. */
export const isAutomatic = (set: ActionSet): boolean =>
  [set.recompute, set.swap].every((choice) => choice === 'none' || choice === 'auto');

/** What the named strategies of a set decide about a program that has `roomBytes` for all but persistent values. */
export function namedDecisions(
  program: ValueProgram,
  { recompute, swap }: ActionSet,
  roomBytes: number,
): Decisions {
  const decisions =
    recompute === 'none' || recompute === 'auto'
      ? noDecisions(program)
      : recomputeSegments(program, recompute);
  if (swap === 'conv') swapCheckpoints(program, decisions);
  if (swap === 'lru') swapLeastRecentlyUsed(program, decisions, roomBytes);
  return decisions;
}

/** A schedule in its final order as the memory actions see it. */
export class MemoryActions {
  private readonly schedule: Schedule;
  private readonly programs: readonly NamedValueProgram[];
  private readonly persistent: readonly number[];
  private readonly deviceBytes: number;
  private readonly search: ModuleSearch;
  private readonly costs: DeviceCosts;
  private readonly exact: ExactSearch | null;
  private readonly act: (ordered: Schedule, chosen: ChosenActions | null) => Schedule;

  constructor(
    schedule: Schedule,
    alignment: number,
    secondsOf: (kernel: number) => number,
    costs: DeviceCosts,
    act: (ordered: Schedule, chosen: ChosenActions | null) => Schedule,
    exact: ExactSearch | null = null,
  ) {
    this.act = act;
    this.costs = costs;
    this.exact = exact;
    const bytes = alignedBytes(schedule, alignment);
    this.schedule = schedule;
    this.programs = schedule.programs.map((_, index) =>
      valueProgram(schedule, index, alignment, secondsOf),
    );
    this.persistent = schedule.tensors.flatMap((tensor, i) => (tensor.program === null ? [i] : []));
    const idOf = new Map(this.persistent.map((tensor, id) => [tensor, id]));
    const module: ValueModule = {
      programs: this.programs,
      persistentOf: this.programs.map(({ tensors }) =>
        Int32Array.from(tensors, (tensor) => idOf.get(tensor) ?? -1),
      ),
      persistentBytes: Float64Array.from(this.persistent, (tensor) => bytes[tensor]),
    };
    this.deviceBytes = module.persistentBytes.reduce((sum, one) => sum + one, 0);
    this.search = new ModuleSearch(module, costs);
  }

  /** Steps of all programs. */
  get stepCount(): number {
    return this.programs.reduce((sum, { steps }) => sum + steps.length, 0);
  }

  /** What a set of memory actions makes of a target: bytes of persistent tensors on the device plus peak live bytes. */
  choose(set: ActionSet, targetBytes: number): ActionChoice {
    if (!isAutomatic(set)) return this.named(set, targetBytes);
    return this.search.choose(waysOf(set), targetBytes);
  }

  /** As `choose`, improved by a local search with so much work. */
  improve(set: ActionSet, targetBytes: number, work: number): ActionChoice {
    if (!isAutomatic(set)) return this.named(set, targetBytes);
    return this.solved(this.search.improve(waysOf(set), targetBytes, work), targetBytes);
  }

  /** A choice that keeps its target, with what an integer program makes of each program where that is asked for. */
  private solved(choice: ActionChoice, targetBytes: number): ActionChoice {
    const { exact, costs } = this;
    if (!exact || choice.bytes > targetBytes || !Number.isFinite(targetBytes)) return choice;
    if (choice.onHost.some((moved) => moved === 1)) {
      for (const { name } of this.programs)
        exact.unsolved.set(name, 'parameters are on the host, which no integer program weighs');
      return choice;
    }
    const roomBytes = targetBytes - this.deviceBytes;
    const solved = this.programs.map((program, p) => {
      const applied = solvedProgram(program, choice.applied(p), { roomBytes, costs, exact });
      const seconds = secondsOf(program, applied);
      return seconds < choice.programSeconds[p]
        ? { applied, seconds, method: 'integer program' }
        : {
            applied: choice.applied(p),
            seconds: choice.programSeconds[p],
            method: choice.methods[p],
          };
    });
    const programSeconds = solved.map(({ seconds }) => seconds);
    return {
      ...choice,
      applied: (p) => solved[p].applied,
      programSeconds,
      seconds: programSeconds.reduce((sum, one) => sum + one, 0),
      methods: solved.map(({ method }) => method),
    };
  }

  /** What a set of memory actions can do at best, whatever it costs; `isBrief`: with less work. */
  fewest(set: ActionSet, isBrief = false): ActionChoice {
    return isAutomatic(set) ? this.search.fewest(waysOf(set), isBrief) : this.named(set, 0);
  }

  /** The schedule with the actions of a choice. */
  apply(choice: ActionChoice): Schedule {
    const isNothing =
      choice.onHost.every((moved) => moved === 0) && choice.methods.every((one) => one === 'plain');
    return this.act(this.schedule, isNothing ? null : { actions: this, choice });
  }

  /** Strategies decide first, and the search about what they leave to it. */
  private named(set: ActionSet, targetBytes: number): ActionChoice {
    const decisions = this.programs.map((program) =>
      namedDecisions(program, set, targetBytes - this.deviceBytes),
    );
    const isNothing = decisions.every(({ method }) => method.every((one) => one === KEEP));
    const strategy = [set.recompute, set.swap].filter((one) => one !== 'none' && one !== 'auto');
    const ways = waysOf(set);
    const made = isNothing
      ? null
      : this.search.from(decisions, ways, targetBytes, strategy.join(' and '));
    return made ?? this.search.choose(ways, targetBytes);
  }

  /** The schedule that a choice stands for. */
  emit(choice: ActionChoice): Schedule {
    const isResident = new Set(this.persistent.filter((_, id) => choice.onHost[id]));
    const written = new Set(
      this.programs.flatMap(({ values, tensors }) =>
        tensors.filter((_, value) => values[value].writers.length > 0),
      ),
    );
    const emitter = new ScheduleEmitter(
      this.schedule,
      (tensor) => isResident.has(tensor),
      (tensor) => written.has(tensor),
    );
    this.programs.forEach((program, p) => {
      const onHost = (value: number) => isResident.has(program.tensors[value]);
      const { roomBytes } = choice;
      emitter.add(p, program, prefetch(program, choice.applied(p), onHost, this.costs, roomBytes));
    });
    return emitter.finish();
  }
}
