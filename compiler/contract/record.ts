import type { ScheduleContraction } from '../../ir/schedule.ts';
import { formatSpan, joinScopes, type Origin } from '../../ir/source.ts';
import { type ContractionTree, createProblem, keptLetters } from './problem.ts';
import { slicedPeak } from './slicing.ts';
import { pairwiseSteps } from './steps.ts';
import { type ContractionOrder, treeWork } from './tree.ts';

/** An einsum of three operands or more and the order that was chosen for it. */
export interface OrderedEinsum {
  readonly operands: readonly string[];
  readonly output: string;
  readonly extents: ReadonlyMap<string, number>;
  readonly wanted: readonly boolean[];
  /** Operands that are windows: axis, position and tap. */
  readonly windows: readonly number[];
  readonly order: ContractionOrder;
  readonly origin: Origin | null;
}

/** `[[[0, 1], 2], 3]`; each operand is looked at through its windows as soon as it is there. */
export function leftToRight(
  operands: readonly string[],
  windows: readonly number[] = [],
): ContractionTree {
  let tree: ContractionTree | null = null;
  operands.forEach((term, operand) => {
    if (windows.includes(operand)) return;
    tree = tree === null ? operand : [tree, operand];
    for (const window of windows) if (term.includes(operands[window][0])) tree = [tree, window];
  });
  return tree!;
}

/**
 * Multiply-adds of the same einsum with its other operands as one dense tensor: the first operand by that, as a dense layer
 * does. What it takes to form the dense tensor is not counted.
 */
export function denseMacs(
  operands: readonly string[],
  output: string,
  extents: ReadonlyMap<string, number>,
  windows: readonly number[] = [],
): number {
  let [first] = keptLetters(operands, output);
  for (const window of windows) {
    const [axis, ...steps] = operands[window];
    first = first.replace(axis, steps.join(''));
  }
  return [...new Set(first + output)].reduce((macs, letter) => macs * extents.get(letter)!, 1);
}

/** The orders of one program's einsums, equal ones of one expression as one entry. */
export class OrderRecords {
  private readonly entries = new Map<
    string,
    { einsum: OrderedEinsum; times: number; readonly scopes: string[] }
  >();

  add(einsum: OrderedEinsum): void {
    const { operands, output, extents, origin } = einsum;
    const place = origin?.span ? formatSpan(origin.span) : '';
    const key = `${operands}->${output} ${[...extents].join()} ${place}`;
    const entry = this.entries.get(key);
    const scope = origin?.scope ?? '';
    if (entry) {
      entry.times++;
      entry.scopes.push(scope);
    } else this.entries.set(key, { einsum, times: 1, scopes: [scope] });
  }

  /** Elements that intermediates, those saved for gradients among them, take at once in the widest einsum. */
  widest(): number {
    let most = 0;
    for (const { einsum } of this.entries.values()) {
      most = Math.max(most, slicedPeak({ ...einsum, tree: einsum.order.tree }, []));
    }
    return most;
  }

  contractions(): ScheduleContraction[] {
    return [...this.entries.values()].map(({ einsum, times, scopes }): ScheduleContraction => {
      const { operands, output, extents, wanted, windows, order, origin } = einsum;
      const problem = createProblem(operands, output, extents, { wanted, windows });
      const steps = pairwiseSteps(keptLetters(operands, output), output, order.tree);
      return {
        equation: `${operands.join()}->${output}`,
        sizes: Object.fromEntries(extents),
        ...(windows.length > 0 ? { windows } : {}),
        order: steps.map(({ left, right }) => [left, right]),
        method: order.method,
        macs: order.macs,
        trainMacs: wanted.some((one) => one) ? order.trainMacs : null,
        leftToRightMacs: treeWork(problem, leftToRight(operands, windows)).macs,
        denseMacs: denseMacs(operands, output, extents, windows),
        times,
        origin: origin && { ...origin, scope: joinScopes(scopes) },
      };
    });
  }
}
