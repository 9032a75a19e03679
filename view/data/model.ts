import { type TensorReason, tensorReasons } from '../../compiler/inspect/why.ts';
import type { Plan, PlanStep } from '../../ir/plan.ts';
import { originals } from '../../ir/plan-copies.ts';
import { type ArenaMap, arenaMap } from './arena.ts';
import { type CopySpan, copySpans } from './copies.ts';
import { memoryKinds } from './kinds.ts';
import { type LiveStack, liveStack } from './live.ts';
import { type StepOperand, stepOperands } from './operands.ts';
import { mainKind, type StepShares, stepShares } from './step-shares.ts';
import { type StepTimes, stepTimes } from './times.ts';
import type { ReadPlan, ViewedPlan } from './viewed.ts';

/** A plan with all that is computed of it, each when it is first asked for. */
export interface PlanModel {
  readonly label: string;
  readonly plan: Plan;
  readonly trace: ViewedPlan['trace'];
  readonly sources: Readonly<Record<string, string>>;
  /** Of each tensor, an index into MEMORY_KINDS. */
  readonly kinds: Uint8Array;
  /** Of each tensor, the tensor whose value it holds: itself, where it is no copy. */
  readonly original: Int32Array;
  /** The names of its programs; the first is the one with the most steps. */
  readonly programs: readonly string[];
  /** The program in which most bytes are in use at once: it decides what the plan takes. Of equal ones, the first. */
  readonly peakProgram: string;
  /** Why a tensor, an index into the plan's, is where it is. */
  reason(tensor: number): TensorReason;
  /** @throws where the plan has no such program */
  program(name: string): ProgramModel;
}

/** One program of a plan. */
export interface ProgramModel {
  readonly name: string;
  readonly steps: readonly PlanStep[];
  /** Of each step, what it is for, by STEP_KINDS. */
  readonly shares: readonly StepShares[];
  /** Of each step, what most of it is for, an index into STEP_KINDS. */
  readonly stepKinds: Uint8Array;
  readonly live: LiveStack;
  readonly arena: ArenaMap;
  readonly times: StepTimes;
  readonly copies: readonly CopySpan[];
  /** Of each step, what it reads and writes. */
  readonly operands: readonly (readonly StepOperand[])[];
  /** The steps that use a tensor, in order. */
  uses(tensor: number): readonly TensorUse[];
}

/** A step that uses a tensor. */
export interface TensorUse {
  readonly step: number;
  readonly reads: boolean;
  readonly writes: boolean;
}

/** The model of a plan that was read. */
export function planModel({ plan, label, trace, sources = {} }: ReadPlan): PlanModel {
  const kinds = memoryKinds(plan);
  const programs = new Map(
    Object.keys(plan.programs).map((name) => [
      name,
      once(() => programModel(plan, name, kinds, trace)),
    ]),
  );
  const reasons = once(() => tensorReasons(plan));
  const stepsOf = (name: string) => plan.programs[name].steps.length;
  const names = [...programs.keys()].sort((a, b) => stepsOf(b) - stepsOf(a));
  const program = (name: string) => programs.get(name)!();
  const peakOf = (name: string) => program(name).live.peak.bytes;
  const peakProgram = once(() => names.reduce((a, b) => (peakOf(b) > peakOf(a) ? b : a)));
  return {
    label: label ?? plan.name,
    ...{ plan, trace, sources, kinds, program },
    original: originals(plan),
    programs: names,
    get peakProgram() {
      return peakProgram();
    },
    reason: (tensor) => reasons()(tensor),
  };
}

function programModel(
  plan: Plan,
  name: string,
  kinds: Uint8Array,
  trace: ViewedPlan['trace'],
): ProgramModel {
  const { steps } = plan.programs[name];
  const live = once(() => liveStack(plan, name, kinds));
  const arena = once(() => arenaMap(plan, name, kinds));
  const times = once(() => stepTimes(plan, name, trace?.trace));
  const copies = once(() => copySpans(plan, name, trace?.trace));
  const operands = once(() => stepOperands(plan, name));
  const uses = once(() => usesOf(operands()));
  const shares = steps.map((step) => stepShares(plan, step));
  return {
    ...{ name, steps, shares },
    stepKinds: Uint8Array.from(shares, mainKind),
    get live() {
      return live();
    },
    get arena() {
      return arena();
    },
    get times() {
      return times();
    },
    get copies() {
      return copies();
    },
    get operands() {
      return operands();
    },
    uses: (tensor) => uses().get(tensor) ?? [],
  };
}

/** By tensor, the steps of a program that use it. */
function usesOf(operands: ProgramModel['operands']): Map<number, TensorUse[]> {
  const uses = new Map<number, TensorUse[]>();
  operands.forEach((list, step) => {
    for (const { tensor, reads, writes } of list) {
      const own = uses.get(tensor);
      if (own) own.push({ step, reads, writes });
      else uses.set(tensor, [{ step, reads, writes }]);
    }
  });
  return uses;
}

/** A function that computes its result when it is first called. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
