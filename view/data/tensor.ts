import { formatInteger } from '../../compiler/format.ts';
import { type ReasonWords, reasonWords } from '../../compiler/inspect/why-words.ts';
import type { PlanModel, ProgramModel, TensorUse } from './model.ts';

/** What the panel of a tensor says. */
export interface TensorFacts {
  readonly name: string;
  /** What `btc inspect --why` says. */
  readonly words: ReasonWords;
  /** Slab and offset; null on the host. */
  readonly place: string | null;
  /** The tensors that hold the same value in turn, itself included; empty where it is alone. */
  readonly twins: readonly Twin[];
  /** The steps of the program that use it. */
  readonly uses: readonly TensorUse[];
}

/** A tensor that holds a value for a part of the time. */
export interface Twin {
  readonly tensor: number;
  readonly name: string;
  readonly how: 'first' | 'recompute' | 'swap';
  readonly firstStep: number;
  readonly lastStep: number;
}

/** All that is to be said of a tensor, an index into the plan's. */
export function tensorFacts(model: PlanModel, program: ProgramModel, tensor: number): TensorFacts {
  const { plan, original } = model;
  const { name, slab, offset } = plan.tensors[tensor];
  const value = original[tensor];
  const holders = plan.tensors.flatMap((each, index): Twin[] => {
    if (original[index] !== value) return [];
    if (each.program !== null && each.program !== program.name) return [];
    const { firstStep, lastStep, copyOf } = each;
    return [{ tensor: index, name: each.name, how: copyOf?.by ?? 'first', firstStep, lastStep }];
  });
  return {
    name,
    words: reasonWords(plan, model.reason(tensor)),
    place: slab === null ? null : `slab ${slab}, byte ${formatInteger(offset)}`,
    twins: holders.length > 1 ? holders.sort((a, b) => a.firstStep - b.firstStep) : [],
    uses: program.uses(tensor),
  };
}
