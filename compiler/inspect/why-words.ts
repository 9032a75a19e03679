import type { Plan } from '../../ir/plan.ts';
import { formatBytes, formatSeconds, formatType } from '../format.ts';
import type { ProgramReason, TensorReason } from './why.ts';

// What {@link TensorReason} says, in words: the command line and the page of plans say the same.

/** What happened to a value that was evicted. */
export const WAYS = { recompute: 'recomputed', swap: 'swapped' } as const;

/** A reason in words, each line a sentence without a full stop. */
export interface ReasonWords {
  /** Type, role and bytes. */
  readonly what: string;
  /** What becomes of it, in a word or three. */
  readonly verdict: string;
  /** Its layer and its place in the model; empty where neither is known. */
  readonly place: string;
  /** The rule behind the verdict. */
  readonly rule: string;
  readonly programs: readonly { readonly program: string; readonly lines: readonly string[] }[];
}

/** Says why a tensor is where it is. */
export function reasonWords(plan: Plan, reason: TensorReason): ReasonWords {
  const ways = new Set(reason.programs.flatMap(({ actions }) => actions));
  return {
    what: `${formatType(reason)}, ${reason.role}, ${formatBytes(reason.bytes)}`,
    verdict: verdict({ fate: reason.fate, ways }),
    place: placed('', reason),
    rule: RULES[reason.fate] + (reason.fate === 'evicted' ? decider(plan, ways) : ''),
    programs: reason.programs.map((program) => ({
      program: program.program,
      lines: programLines(plan, reason, program),
    })),
  };
}

/** `contract+add, stage4.block1.conv2 (gradient), blocks.ts(4,10) from model.ts(12,9)` */
function placed(label: string, { scope, source }: Pick<TensorReason, 'scope' | 'source'>): string {
  return [label, scope, source ?? ''].filter((part) => part !== '').join(', ');
}

interface Told extends Pick<TensorReason, 'fate'> {
  readonly ways: ReadonlySet<'recompute' | 'swap'>;
}

function verdict({ fate, ways }: Told): string {
  if (fate !== 'evicted') return VERDICTS[fate];
  return [...ways].map((way) => WAYS[way]).join(' and ');
}

const VERDICTS = {
  persistent: 'kept on the device',
  host: 'host-resident',
  shared: 'shared in place',
  kept: 'kept',
} as const;

const RULES: Readonly<Record<TensorReason['fate'], string>> = {
  persistent: 'parameters and optimiser state keep their place in all steps of all programs',
  host: 'its value is in a host slot, because the budget needs that: steps work on copies that are swapped in',
  shared: 'an operand dies in the step that writes it and is read at the same elements only',
  kept: 'from the step that writes it to the last that reads it; other tensors have its memory before and after',
  evicted: 'between two uses its memory is free for other tensors',
};

/** What decided that a value is evicted. */
function decider({ actions }: Plan, ways: ReadonlySet<'recompute' | 'swap'>): string {
  if (!actions) return '';
  const named = [...ways].map((way) => `--${way} ${actions[way]}`).join(' ');
  const cheapest = [...ways].every((way) => actions[way] === 'auto');
  return cheapest
    ? `, because the budget needs that and nothing cheaper was found (${named})`
    : `, by ${named}`;
}

function programLines(plan: Plan, { fate }: TensorReason, reason: ProgramReason): string[] {
  const { program, lives, bytes, writer, tookOver, sharesWith, savedByteSteps } = reason;
  const lines = lives.map(({ firstStep, lastStep, by, tensor }) => {
    const origin =
      by === 'swap'
        ? 'swapped in from the host'
        : by === 'recompute'
          ? `recomputed (${tensor})`
          : writer && writer.step === firstStep
            ? `written by ${placed(writer.label, writer)}`
            : 'given by the caller';
    return `steps ${firstStep} to ${lastStep}: ${origin}`;
  });
  if (tookOver !== null) lines.push(`takes over the memory of ${tookOver}`);
  if (savedByteSteps > 0)
    lines.push(
      `saves ${formatBytes(bytes)} in ${Math.round(savedByteSteps / bytes)} of ${plan.programs[program].steps.length} steps (${formatBytes(savedByteSteps)} x steps)`,
    );
  if (fate === 'evicted' || fate === 'host') lines.push(`costs ${costText(reason)}`);
  if (sharesWith > 0)
    lines.push(`its bytes are those of ${sharesWith} other tensors too, at other times`);
  return [...lines, peakText(reason)];
}

function costText({
  recomputeSeconds,
  swapSeconds,
  outBytes,
  inBytes,
  actions,
}: ProgramReason): string {
  const seconds = (value: number | null) => (value === null ? '' : `, ${formatSeconds(value)}`);
  const parts = [
    ...(actions.includes('recompute') ? [`recomputing it${seconds(recomputeSeconds)}`] : []),
    ...(outBytes + inBytes > 0
      ? [`${formatBytes(outBytes)} out and ${formatBytes(inBytes)} in${seconds(swapSeconds)}`]
      : []),
  ];
  return parts.join('; ');
}

/** Whether it counts at the peak steps. */
function peakText({ peakBytes, peakSteps, bindingSteps, savedByteSteps }: ProgramReason): string {
  const peak = `${formatBytes(peakBytes)}, step${peakSteps.length === 1 ? '' : 's'} ${stepList(peakSteps)}`;
  if (bindingSteps.length > 0)
    return `binds: it is live at the peak (${peak})${bindingSteps.length < peakSteps.length ? ` in steps ${stepList(bindingSteps)}` : ''}`;
  return savedByteSteps > 0
    ? `does not bind: for that reason it is not live at the peak (${peak})`
    : `does not bind: it is not live at the peak (${peak})`;
}

const MOST_STEPS = 6;

function stepList(steps: readonly number[]): string {
  const shown = steps.slice(0, MOST_STEPS).join(', ');
  return steps.length > MOST_STEPS ? `${shown}, …` : shown;
}
