import { placeOf, scopeText, sourceText } from '../../compiler/inspect/places.ts';
import { isRead, isWritten } from '../../compiler/liveness/access.ts';
import { STEP_KINDS, type StepKind } from './kinds.ts';
import type { PlanModel, ProgramModel } from './model.ts';

/** What the panel of a step says. */
export interface StepFacts {
  readonly kernel: string;
  readonly variant: string | null;
  readonly label: string;
  readonly kind: StepKind;
  /** `stage4.block1.conv2 (gradient)`; empty where nothing is known. */
  readonly scope: string;
  /** The user's expression, or null. */
  readonly source: string | null;
  readonly reads: readonly Operand[];
  readonly writes: readonly Operand[];
  readonly flops: number;
  readonly bytesMoved: number;
  /** In seconds; null where it is not known. */
  readonly predicted: number | null;
  readonly measured: number | null;
  /** Copies from and to the host before and behind it. */
  readonly moves: readonly {
    readonly kind: 'in' | 'out';
    readonly tensor: number;
    readonly name: string;
  }[];
}

/** A tensor of a step; one that is updated is among the operands and the results. */
export interface Operand {
  readonly tensor: number;
  readonly name: string;
  /** Of the part that the step touches. */
  readonly bytes: number;
}

/** All that is to be said of a step of a program. */
export function stepFacts({ plan }: PlanModel, program: ProgramModel, step: number): StepFacts {
  const { kernel, bindings, label, source, flops, bytesMoved } = program.steps[step];
  const { name, variant = null, bindings: bound } = plan.kernels[kernel];
  const operands = (wanted: (binding: (typeof bound)[number]) => boolean) =>
    bindings.flatMap((tensor, b): Operand[] =>
      wanted(bound[b]) ? [{ tensor, name: plan.tensors[tensor].name, bytes: bound[b].bytes }] : [],
    );
  const { transfers = [] } = plan.programs[program.name];
  return {
    ...{ kernel: name, variant, label, flops, bytesMoved },
    kind: STEP_KINDS[program.stepKinds[step]],
    scope: scopeText(placeOf(plan, source)),
    source: sourceText(plan, source),
    reads: operands(isRead),
    writes: operands(isWritten),
    predicted: program.steps[step].seconds ?? null,
    measured: program.times.measured?.[step] ?? null,
    moves: transfers
      .filter((transfer) => transfer.step === step)
      .map(({ kind, tensor }) => ({ kind, tensor, name: plan.tensors[tensor].name })),
  };
}
