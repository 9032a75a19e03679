import type { Kernel } from '../../../ir/kernel.ts';
import type { PartRange } from './cursor.ts';
import { type FunctionBody, get, integer } from './function-body.ts';
import type { Nest } from './nest.ts';

// Threads share a kernel by its parts: steps of its outermost loop, if that is parallel. What is done in a step is the same
// whoever does it, so results do not depend on the number of threads.

/** The parts of a kernel, and those of them that a call does, given by two more parameters of its function. */
export interface Parts extends PartRange {
  readonly count: number;
}

export const PART_PARAMETERS = '(param $from i32) (param $to i32)';

/** Null where a kernel has one part, and its function takes no more than addresses. */
export function partsOf(count: number): Parts | null {
  return count > 1 ? { count, from: get('$from'), to: get('$to') } : null;
}

/** Steps of the outermost loop of a nest, if they may be shared. */
export function nestParts({ axes }: Kernel, { loops, outerDepth }: Nest): number {
  const [loop] = loops;
  return outerDepth > 0 && axes[loop.axis].kind === 'parallel' ? loop.segments[0].iterations : 1;
}

/** Writes what the steps do, or what is left over, which goes with the last of them. */
export function writePart(
  body: FunctionBody,
  { from, to, count }: Parts,
  isSteps: boolean,
  write: () => void,
): void {
  const wanted = isSteps ? `(i32.lt_u ${from} ${to})` : `(i32.eq ${to} ${integer(count)})`;
  body.push(`(if ${wanted} (then`);
  write();
  body.push('))');
}
