import { largest } from '../../ir/lists.ts';
import type { Plan, PlanTensor } from '../../ir/plan.ts';
import { originals } from '../../ir/plan-copies.ts';
import { planLiveBytes } from '../liveness/plan-lives.ts';
import { editDistance } from '../nearest.ts';
import { sourceOf, writers } from './lives.ts';
import { placeOf, scopeText, sourceText } from './places.ts';
import { type InspectedValue, inspectValues } from './values.ts';

/**
 * What becomes of a tensor. `persistent`: it keeps its place in all steps of all programs. `host`: it is host-resident.
 * `shared`: it took over the memory of an operand in place. `kept`: from its first write to its last read. `evicted`: evicted in
 * between, and recomputed or swapped in.
 */
export type Fate = 'persistent' | 'host' | 'shared' | 'kept' | 'evicted';

export interface TensorReason {
  readonly name: string;
  readonly bytes: number;
  readonly role: PlanTensor['role'];
  readonly dtype: PlanTensor['dtype'];
  readonly shape: readonly number[];
  readonly fate: Fate;
  /** The layer, and the part of training, as in `stage4.block1.conv2 (gradient)`; empty for none. */
  readonly scope: string;
  /** The innermost expression and the outermost call, or null. */
  readonly source: string | null;
  /** In each program in which it is in the arena; empty for a persistent tensor. */
  readonly programs: readonly ProgramReason[];
}

export interface ProgramReason extends InspectedValue {
  readonly program: string;
  /** What makes it, or null for what the caller or the host gives. */
  readonly writer: {
    readonly step: number;
    readonly label: string;
    readonly scope: string;
    readonly source: string | null;
  } | null;
  /** The tensor whose memory it took over, in place. */
  readonly tookOver: string | null;
  /** Peak live bytes of the program, and the peak steps. */
  readonly peakBytes: number;
  readonly peakSteps: readonly number[];
  /** The peak steps at which it is live. */
  readonly bindingSteps: readonly number[];
  /** Tensors of the program that have some of the same bytes at other times. */
  readonly sharesWith: number;
}

/** Why a tensor (an index into the plan's) is where it is; of a copy, why the value is. */
export const whyTensor = (plan: Plan, index: number): TensorReason => tensorReasons(plan)(index);

/** {@link whyTensor} of one plan for many tensors: what they have in common is computed once. */
export function tensorReasons(plan: Plan): (index: number) => TensorReason {
  const original = originals(plan);
  const programs = Object.keys(plan.programs).map((name) => programFacts(plan, name));
  return (index) => reasonOf(plan, programs, original[index]);
}

/** What the reasons of all tensors of a program are made of. */
interface ProgramFacts {
  readonly program: string;
  /** By tensor. */
  readonly values: ReadonlyMap<number, InspectedValue>;
  readonly writers: ReadonlyMap<number, number>;
  readonly peakBytes: number;
  readonly peakSteps: readonly number[];
}

function programFacts(plan: Plan, program: string): ProgramFacts {
  const live = planLiveBytes(plan, program);
  const peakBytes = largest(live);
  return {
    ...{ program, peakBytes, writers: writers(plan, program) },
    values: new Map(inspectValues(plan, program).map((value) => [value.tensor, value])),
    peakSteps: live.flatMap((bytes, step) => (bytes === peakBytes ? [step] : [])),
  };
}

function reasonOf(plan: Plan, facts: readonly ProgramFacts[], tensor: number): TensorReason {
  const { name, bytes, role, dtype, shape, source } = plan.tensors[tensor];
  const programs = facts.flatMap((each): ProgramReason[] => {
    const value = each.values.get(tensor);
    return value ? [programReason(plan, each, value)] : [];
  });
  return {
    name,
    bytes,
    role,
    dtype,
    shape,
    scope: scopeText(placeOf(plan, source)),
    source: sourceText(plan, source),
    fate: fateOf(plan.tensors[tensor], programs),
    programs,
  };
}

function fateOf({ policy }: PlanTensor, programs: readonly ProgramReason[]): Fate {
  if (policy === 'persistent' || policy === 'host') return policy;
  if (programs.some(({ actions }) => actions.length > 0)) return 'evicted';
  return policy === 'in-place' ? 'shared' : 'kept';
}

function programReason(
  plan: Plan,
  { program, writers, peakBytes, peakSteps }: ProgramFacts,
  value: InspectedValue,
): ProgramReason {
  const step = writers.get(value.tensor);
  return {
    ...value,
    program,
    writer:
      step === undefined
        ? null
        : {
            step,
            label: plan.programs[program].steps[step].label,
            scope: scopeText(placeOf(plan, plan.programs[program].steps[step].source)),
            source: sourceOf(plan, program, step),
          },
    tookOver: tookOver(plan, value.tensor),
    peakBytes,
    peakSteps,
    bindingSteps: peakSteps.filter((at) =>
      value.lives.some(({ firstStep, lastStep }) => firstStep <= at && at <= lastStep),
    ),
    sharesWith: sharesWith(plan, program, value.tensor),
  };
}

function tookOver({ tensors }: Plan, index: number): string | null {
  const { policy, program, slab, offset, firstStep } = tensors[index];
  if (policy !== 'in-place') return null;
  const before = tensors.find(
    (other, i) =>
      i !== index &&
      other.program === program &&
      other.slab === slab &&
      other.offset === offset &&
      other.lastStep === firstStep,
  );
  return before?.name ?? null;
}

function sharesWith({ tensors }: Plan, program: string, index: number): number {
  const { slab, offset, bytes } = tensors[index];
  if (slab === null) return 0;
  return tensors.filter(
    (other, i) =>
      i !== index &&
      other.program === program &&
      other.slab === slab &&
      other.offset < offset + bytes &&
      offset < other.offset + other.bytes,
  ).length;
}

/** The tensor of a name: by its full name, or by the part behind the program's where only one has it; -1 for none. */
export function findTensor({ tensors }: Plan, name: string): number {
  const exact = tensors.findIndex((tensor) => tensor.name === name);
  if (exact >= 0) return exact;
  const ends = tensors.flatMap((tensor, i) => (tensor.name.endsWith(`/${name}`) ? [i] : []));
  return ends.length === 1 ? ends[0] : -1;
}

const MOST_NAMES = 5;

/** The tensors whose names are nearest, by insertions, deletions and substitutions; those that contain the name are nearer. */
export function nearNames({ tensors }: Plan, name: string): string[] {
  const bare = (text: string) => text.slice(text.indexOf('/') + 1);
  const distances = tensors.map(({ name: other }) => ({
    other,
    distance: other.includes(name)
      ? 0
      : Math.min(editDistance(name, other), editDistance(bare(name), bare(other))),
  }));
  return distances
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MOST_NAMES)
    .map(({ other }) => other);
}
