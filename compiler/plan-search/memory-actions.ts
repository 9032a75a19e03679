import type { Schedule } from '../../ir/schedule.ts';
import { alignedBytes } from '../liveness/lifetimes.ts';
import { type RecomputeStrategy, SCHEDULE_ACTIONS, type SwapPolicy } from './actions/index.ts';
import { applyDecisions, isInfeasible } from './apply.ts';
import { type Decisions, KEEP, noDecisions } from './decisions.ts';
import { ScheduleEmitter } from './emit.ts';
import { type ExactSearch, solvedProgram } from './exact/choice.ts';
import { type ActionChoice, chooseActions, type ValueModule } from './greedy.ts';
import { swapLeastRecentlyUsed } from './lru.ts';
import type { ChosenActions } from './placement.ts';
import { prefetch } from './prefetch.ts';
import { type NamedValueProgram, type ValueProgram, valueProgram } from './program.ts';
import { recomputeSegments, swapCheckpoints } from './strategies.ts';
import type { TransferCosts } from './timeline.ts';

export type { TransferCosts };

/** Who decides about each action that has an option: nobody (`none`), a named strategy, or the search (`auto`). */
export interface ActionSet {
  readonly recompute: RecomputeStrategy;
  readonly swap: SwapPolicy;
}

/** By name of an action, whether the search may choose it. */
function automaticActions(set: ActionSet): Readonly<Record<string, boolean>> {
  const chosen: Readonly<Record<string, string>> = { recompute: set.recompute, swap: set.swap };
  return Object.fromEntries(
    SCHEDULE_ACTIONS.map(({ name, option }) => [
      name,
      option !== null && chosen[option.name] === 'auto',
    ]),
  );
}

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
  private readonly module: ValueModule;
  private readonly costs: TransferCosts;
  private readonly exact: ExactSearch | null;
  private readonly act: (ordered: Schedule, chosen: ChosenActions | null) => Schedule;
  /** By set and target: searches of the feasible budgets repeat what was tried before. */
  private readonly choices = new Map<string, ActionChoice>();

  constructor(
    schedule: Schedule,
    alignment: number,
    secondsOf: (kernel: number) => number,
    costs: TransferCosts,
    act: (ordered: Schedule, chosen: ChosenActions | null) => Schedule,
    exact: ExactSearch | null = null,
  ) {
    this.act = act;
    this.exact = exact;
    const bytes = alignedBytes(schedule, alignment);
    this.schedule = schedule;
    this.costs = costs;
    this.programs = schedule.programs.map((_, index) =>
      valueProgram(schedule, index, alignment, secondsOf),
    );
    this.persistent = schedule.tensors.flatMap((tensor, i) => (tensor.program === null ? [i] : []));
    const idOf = new Map(this.persistent.map((tensor, id) => [tensor, id]));
    this.module = {
      programs: this.programs,
      persistentOf: this.programs.map(({ tensors }) =>
        Int32Array.from(tensors, (tensor) => idOf.get(tensor) ?? -1),
      ),
      persistentBytes: Float64Array.from(this.persistent, (tensor) => bytes[tensor]),
    };
  }

  /** What a set of memory actions makes of a target: bytes of persistent tensors on the device plus peak live bytes. */
  choose(set: ActionSet, targetBytes: number): ActionChoice {
    const key = `${set.recompute} ${set.swap} ${targetBytes}`;
    const known = this.choices.get(key) ?? this.search(set, targetBytes);
    this.choices.set(key, known);
    return known;
  }

  /** The schedule with the actions of a choice. */
  apply(choice: ActionChoice, targetBytes: number): Schedule {
    const isNothing =
      choice.onHost.every((moved) => moved === 0) &&
      choice.decisions.every(({ method }) => method.every((one) => one === KEEP));
    return this.act(this.schedule, isNothing ? null : { actions: this, choice, targetBytes });
  }

  private search(set: ActionSet, targetBytes: number): ActionChoice {
    const { programs, persistentBytes } = this.module;
    const deviceBytes = persistentBytes.reduce((sum, bytes) => sum + bytes, 0);
    const decisions = programs.map((program) =>
      namedDecisions(program, set, targetBytes - deviceBytes),
    );
    const choice = chooseActions(this.module, {
      targetBytes,
      automatic: automaticActions(set),
      costs: this.costs,
      start: decisions,
    });
    return set.recompute === 'auto' ? this.solved(choice, targetBytes) : choice;
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
    const deviceBytes = this.module.persistentBytes.reduce((sum, bytes) => sum + bytes, 0);
    const solved = this.programs.map((program, p) => {
      const applied = applyDecisions(program, choice.decisions[p], () => false);
      if (isInfeasible(applied)) return null;
      return solvedProgram(program, applied, {
        roomBytes: targetBytes - deviceBytes,
        costs,
        exact,
      });
    });
    return { ...choice, solved };
  }

  /** The schedule that a choice stands for. */
  emit(choice: ActionChoice, targetBytes: number): Schedule {
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
    const { persistentBytes } = this.module;
    const room =
      targetBytes -
      persistentBytes.reduce((sum, bytes, id) => (choice.onHost[id] ? sum : sum + bytes), 0);
    this.programs.forEach((program, p) => {
      const onHost = (value: number) => isResident.has(program.tensors[value]);
      const result = choice.solved?.[p] ?? applyDecisions(program, choice.decisions[p], onHost);
      if (isInfeasible(result))
        throw new Error('internal error: a choice of actions is infeasible');
      emitter.add(p, program, prefetch(program, result, onHost, this.costs, room));
    });
    return emitter.finish();
  }
}
