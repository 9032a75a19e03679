import type { Schedule } from '../../ir/schedule.ts';
import { alignedBytes } from '../liveness/lifetimes.ts';
import { largestStep, leastSeconds, type SecondsBound } from './bounds.ts';
import { type ExactSearch, proofKey } from './exact/choice.ts';
import { type NamedValueProgram, valueProgram } from './program.ts';
import type { TransferCosts } from './transfer-costs.ts';

/** What no plan for a schedule can go below, whatever a search finds. */
export interface ScheduleBounds {
  /** Device bytes: the operands and results of the step that has most. */
  readonly stepBytes: number;
  /** By program: the seconds of its steps within the budget. */
  readonly seconds: readonly SecondsBound[];
}

export interface BoundsOptions {
  /** Infinite for none. */
  readonly budgetBytes: number;
  readonly recompute: string;
  readonly swap: string;
  readonly secondsOf: (kernel: number) => number;
  readonly costs: TransferCosts;
  readonly alignment: number;
  readonly exact?: ExactSearch | null;
}

/** As `stepBytes`: what no plan for a schedule can go below, without the times that the seconds need. */
export function leastBytes(
  ordered: Schedule,
  { alignment, swap }: Pick<BoundsOptions, 'alignment' | 'swap'>,
): number {
  const bytes = alignedBytes(ordered, alignment);
  return ordered.programs.reduce((most, _, index) => {
    const program = valueProgram(ordered, index, alignment, () => 0);
    const others = bytesOfOthers(ordered, program, bytes, swap !== 'none');
    return Math.max(most, others + largestStep(program, swap !== 'none').bytes);
  }, 0);
}

/** What other programs keep on the device stays there in this one, unless it can be on the host. */
function bytesOfOthers(
  { tensors }: Schedule,
  program: NamedValueProgram,
  bytes: Float64Array,
  swap: boolean,
): number {
  if (swap) return 0;
  const touched = new Set(program.tensors);
  return tensors.reduce(
    (sum, { program: owner }, i) => (owner === null && !touched.has(i) ? sum + bytes[i] : sum),
    0,
  );
}

/** Bounds of a schedule whose steps are in their final order. */
export function scheduleBounds(ordered: Schedule, options: BoundsOptions): ScheduleBounds {
  const { alignment, budgetBytes, costs, secondsOf } = options;
  const [recompute, swap] = [options.recompute !== 'none', options.swap !== 'none'];
  const bytes = alignedBytes(ordered, alignment);
  const persistent = ordered.tensors.flatMap(({ program }, i) => (program === null ? [i] : []));
  let stepBytes = 0;
  const seconds = ordered.programs.map((_, index) => {
    const program = valueProgram(ordered, index, alignment, secondsOf);
    const others = bytesOfOthers(ordered, program, bytes, swap);
    stepBytes = Math.max(stepBytes, others + largestStep(program, swap).bytes);
    const relaxed = leastSeconds(program, {
      ...{ budgetBytes: budgetBytes - others, recompute, swap, costs },
    });
    // It knows no copies.
    const room = budgetBytes - persistent.reduce((sum, i) => sum + bytes[i], 0);
    const proved = swap ? 0 : (options.exact?.proved.get(proofKey(program, room)) ?? 0);
    return proved > relaxed.seconds
      ? { seconds: proved, method: 'integer program' as const }
      : relaxed;
  });
  return { stepBytes, seconds };
}
