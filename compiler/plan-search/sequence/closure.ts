import { type TransferCosts, transferTime } from '../transfer-costs.ts';
import { COPY_IN, type ExtraKind, RECOMPUTE_OP, type Sequence } from './sequence.ts';

/** What must be inserted before an op so that it finds a value made anew, each after what it needs. */
export interface Closure {
  readonly kinds: readonly ExtraKind[];
  readonly values: readonly number[];
  /** Sum of its recomputations and copies, each by itself. */
  readonly seconds: number;
}

export interface ClosureOptions {
  /** Values may stay in memory longer where that takes no stage above this. */
  readonly limitBytes: number;
  readonly costs: TransferCosts;
  /** For a search that explores: numbers from 0 to 1. A few values that could stay are recomputed, and operands come in any order. */
  readonly random?: () => number;
  /** Decides in place of the limit whether a value stays in memory over the stages `first` … `last`. */
  readonly stays?: (value: number, first: number, last: number, next: number) => boolean;
  /** Values that are made anew at most. */
  readonly most?: number;
}

/** Part of the values that could stay which a search that explores recomputes. */
const REFUSED = 0.05;
/** Larger closures are not worth looking at. */
const LARGEST_CLOSURE = 256;

/**
 * How `value` can be recomputed right before op `next`: with what its recipe reads, which is in memory, stays in memory from its last
 * use on where that keeps the limit, is copied in where the host has it, or is recomputed in turn. Null where there is no way. Without
 * recursion: closures are as deep as a network.
 */
export function planClosure(
  sequence: Sequence,
  value: number,
  next: number,
  options: ClosureOptions,
): Closure | null {
  const { recipes } = sequence.model;
  const stage = sequence.stage[next];
  const kinds: Closure['kinds'][number][] = [];
  const values: number[] = [];
  let seconds = 0;
  const state = new Map<number, 'open' | 'made'>();
  const stack: { readonly value: number; readonly first: number; read: number }[] = [];
  const open = (wanted: number): boolean => {
    const recipe = recipes[wanted];
    if (!recipe || stage < recipe.from || stage > recipe.until) return false;
    if (state.size >= (options.most ?? LARGEST_CLOSURE)) return false;
    for (const made of recipe.creates) state.set(made, 'open');
    const first = options.random ? Math.floor(options.random() * recipe.reads.length) : 0;
    stack.push({ value: wanted, first, read: 0 });
    return true;
  };
  if (!open(value)) return null;
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const recipe = recipes[top.value]!;
    if (top.read === recipe.reads.length) {
      kinds.push(RECOMPUTE_OP);
      values.push(top.value);
      seconds += recipe.seconds;
      for (const made of recipe.creates) state.set(made, 'made');
      stack.pop();
      continue;
    }
    const read = recipe.reads[(top.first + top.read++) % recipe.reads.length];
    const known = state.get(read);
    if (known === 'made') continue;
    if (known === 'open') return null;
    if (staysFor(sequence, read, next, options)) continue;
    const copied = copySeconds(sequence, read, options.costs);
    if (
      copied <= (recipes[read]?.seconds ?? Number.POSITIVE_INFINITY) &&
      copied < Number.POSITIVE_INFINITY
    ) {
      kinds.push(COPY_IN);
      values.push(read);
      seconds += copied;
      state.set(read, 'made');
    } else if (!open(read)) return null;
  }
  return { kinds, values, seconds };
}

/** Whether a value is in memory before an op, or can stay there from its last use on. */
function staysFor(
  sequence: Sequence,
  value: number,
  next: number,
  { limitBytes, random, stays }: ClosureOptions,
): boolean {
  const { model, touches, tree, stage } = sequence;
  const list = touches[value];
  const place = sequence.placeOf(value, next);
  if (place < list.length && (list[place] & 1) === 0)
    return place > 0 || model.isInput[value] === 1;
  if (place === 0) return false;
  if (place === list.length && model.isOutput[value]) return true;
  const last = stage[list[place - 1] >> 1];
  const at = stage[next];
  if (!stays && random && random() < REFUSED) return false;
  if (last === at) return true;
  // In the stage of its last use the value is there already, but for what comes behind that use.
  const from = list[place - 1] >> 1 === last ? last + 1 : last;
  if (stays) return stays(value, from, at - 1, next);
  return tree.largestIn(from, at - 1) + model.bytes[value] <= limitBytes;
}

/** Seconds of a copy from the host, where the host has the value anyway; infinite elsewhere. */
function copySeconds({ model, copiesIn }: Sequence, value: number, costs: TransferCosts): number {
  if (!model.hosted[value] && copiesIn[value] === 0) return Number.POSITIVE_INFINITY;
  return transferTime(costs, 'in', model.bytes[value]);
}

/** Inserts a closure before `next`; gives the ops. */
export function insertClosure(
  sequence: Sequence,
  { kinds, values }: Closure,
  next: number,
): number[] {
  return sequence.insertAll(kinds, values, next);
}
