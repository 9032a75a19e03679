import type { Plan, PlanTensor } from '../../ir/plan.ts';
import { originals } from '../../ir/plan-copies.ts';
import { planWrites } from '../liveness/plan-lives.ts';

/** Steps in a row in which a value is in device memory, and how it came there. */
export interface InspectedLife {
  /** The name of the tensor that holds it. */
  readonly tensor: string;
  readonly firstStep: number;
  readonly lastStep: number;
  /** `first`: written by the step that makes it, or by the caller. */
  readonly by: 'first' | 'recompute' | 'swap';
}

/** A value of a program, or one of all programs with what becomes of it in this one, by everything that holds it in turn. */
export interface InspectedValue {
  readonly name: string;
  /** Index of the tensor of that name. */
  readonly tensor: number;
  readonly bytes: number;
  readonly lives: readonly InspectedLife[];
  /** The memory actions by which it is rematerialised or swapped in after it was evicted; empty where it is kept. */
  readonly actions: readonly ('recompute' | 'swap')[];
  /** Bytes times steps between its lives, in which its memory is free for others. */
  readonly savedByteSteps: number;
  /** What recomputing it takes, in seconds; null where no times are predicted. */
  readonly recomputeSeconds: number | null;
  readonly outBytes: number;
  readonly inBytes: number;
  /** Its share, by bytes, of the seconds that the program's transfers take. */
  readonly swapSeconds: number | null;
}

/** The values that live in a program's memory: all but those that are persistent on the device. */
export function inspectValues(plan: Plan, program: string): InspectedValue[] {
  const original = originals(plan);
  const holders = new Map<number, number[]>();
  plan.tensors.forEach((tensor, index) => {
    if (tensor.program !== program) return;
    const list = holders.get(original[index]);
    if (list) list.push(index);
    else holders.set(original[index], [index]);
  });
  const costs = holderCosts(plan, program);
  return [...holders].map(([tensor, list]) => inspectValue(plan, program, tensor, list, costs));
}

interface HolderCosts {
  /** Per tensor, in seconds. */
  readonly recompute: ReadonlyMap<number, number>;
  readonly out: ReadonlyMap<number, number>;
  readonly in: ReadonlyMap<number, number>;
  readonly transferred: number;
}

/** What the recomputed steps and the transfers of a program do for each tensor. */
function holderCosts(plan: Plan, program: string): HolderCosts {
  const { steps, transfers = [] } = plan.programs[program];
  const recompute = new Map<number, number>();
  planWrites(plan, program).forEach((written, step) => {
    const { recomputed, seconds = 0 } = steps[step];
    if (!recomputed) return;
    for (const tensor of written) recompute.set(tensor, (recompute.get(tensor) ?? 0) + seconds);
  });
  const moved = { out: new Map<number, number>(), in: new Map<number, number>() };
  let transferred = 0;
  for (const { kind, tensor } of transfers) {
    const { bytes } = plan.tensors[tensor];
    moved[kind].set(tensor, (moved[kind].get(tensor) ?? 0) + bytes);
    transferred += bytes;
  }
  return { recompute, ...moved, transferred };
}

function inspectValue(
  plan: Plan,
  program: string,
  tensor: number,
  holders: readonly number[],
  costs: HolderCosts,
): InspectedValue {
  const { name, bytes } = plan.tensors[tensor];
  const { steps, predicted } = plan.programs[program];
  const lives = holders
    .map((index) => lifeOf(plan.tensors[index]))
    .sort((a, b) => a.firstStep - b.firstStep);
  const sum = (amounts: ReadonlyMap<number, number>) =>
    holders.reduce((total, index) => total + (amounts.get(index) ?? 0), 0);
  const [outBytes, inBytes] = [sum(costs.out), sum(costs.in)];
  const actions = (['recompute', 'swap'] as const).filter((way) =>
    lives.some(({ by }) => by === way),
  );
  const host = plan.tensors[tensor].policy === 'host';
  return {
    name,
    tensor,
    bytes,
    lives,
    actions,
    savedByteSteps: bytes * absentSteps(lives, host ? steps.length : null),
    recomputeSeconds: predicted ? sum(costs.recompute) : null,
    outBytes,
    inBytes,
    swapSeconds: predicted
      ? (predicted.swapSeconds * (outBytes + inBytes)) / Math.max(1, costs.transferred)
      : null,
  };
}

function lifeOf({ name, firstStep, lastStep, copyOf }: PlanTensor): InspectedLife {
  return { tensor: name, firstStep, lastStep, by: copyOf?.by ?? 'first' };
}

/** Steps between lives; of all `steps` where the value is host-resident. */
function absentSteps(lives: readonly InspectedLife[], steps: number | null): number {
  let absent = 0;
  let end = steps === null ? lives[0].firstStep - 1 : -1;
  for (const { firstStep, lastStep } of lives) {
    absent += Math.max(0, firstStep - end - 1);
    end = Math.max(end, lastStep);
  }
  return steps === null ? absent : absent + Math.max(0, steps - 1 - end);
}
