import { boundRanges, boundText } from '../../compiler/inspect/bound-ranges.ts';
import { placeOf, scopeText, sourceText } from '../../compiler/inspect/places.ts';
import type { CopySpan } from './copies.ts';
import type { PlanModel, ProgramModel } from './model.ts';
import type { StepOperand } from './operands.ts';
import { kindsOf } from './step-shares.ts';

/** What the panel of a step says. */
export interface StepFacts {
  readonly kernel: string;
  readonly variant: string | null;
  /** How many of its tensors are bound in how many ranges; null where each is by itself. */
  readonly bound: string | null;
  readonly label: string;
  /** What it is for, most of it first. */
  readonly kinds: ReturnType<typeof kindsOf>;
  /** `stage4.block1.conv2 (gradient)`; empty where nothing is known. */
  readonly scope: string;
  /** The user's expression, or null. */
  readonly source: string | null;
  /** A tensor that is updated is among both. */
  readonly reads: readonly StepOperand[];
  readonly writes: readonly StepOperand[];
  readonly flops: number;
  readonly bytesMoved: number;
  /** In seconds; null where it is not known. */
  readonly predicted: number | null;
  readonly measured: number | null;
  /** How long it should wait for copies, in seconds; null where none waits, or it is not known. */
  readonly waits: number | null;
  /** Copies from and to the host before and behind it. */
  readonly copies: readonly CopySpan[];
}

/** All that is to be said of a step of a program. */
export function stepFacts({ plan }: PlanModel, program: ProgramModel, step: number): StepFacts {
  const { kernel, label, source, flops, bytesMoved } = program.steps[step];
  const { name, variant = null } = plan.kernels[kernel];
  const { bindings, ranges } = boundRanges(plan.kernels[kernel]);
  const bound = bindings === ranges ? null : boundText({ bindings, ranges });
  const operands = program.operands[step];
  return {
    ...{ kernel: name, variant, bound, label, flops, bytesMoved },
    kinds: kindsOf(program.shares[step]),
    waits: program.times.waits?.[step] ?? null,
    copies: program.copies.filter((copy) => copy.step === step && copy.place !== 'caller'),
    scope: scopeText(placeOf(plan, source)),
    source: sourceText(plan, source),
    reads: operands.filter(({ reads }) => reads),
    writes: operands.filter(({ writes }) => writes),
    predicted: program.steps[step].seconds ?? null,
    measured: program.times.measured?.[step] ?? null,
  };
}
