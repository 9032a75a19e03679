import type { Expression, Kernel } from '../../../ir/kernel.ts';
import { affinesOf } from '../../../ir/kernel-affines.ts';
import { nodeOperands } from '../../../ir/kernel-cost.ts';
import type { Nest } from './nest.ts';

// Windows that lie beside each other read the same elements: h + dh is the same for many pairs of a point and a tap.

/**
 * Per node, linear functions of the point, by their coefficients: where they all agree, the node has the same value. Null where a
 * value is to be told by the axes that it depends on, which are as few.
 */
export type Forms = readonly (readonly (readonly number[])[] | null)[];

/** Of two steps along a window, how many times as long the longer one is at most. */
const MOST_RATIO = 8;

const PRIMES = [1, 40_503, 65_521, 92_821];

/** Null where no element is read at several points of a tile. */
export function formsOf(kernel: Kernel, depends: readonly Uint8Array[]): Forms | null {
  const isWindow = (node: Expression, index: number) =>
    ownForms(kernel, node)?.every((form) => isSliding(form)) &&
    ownForms(kernel, node)!.length < countOf(depends[index]);
  if (!kernel.nodes.some(isWindow)) return null;
  const forms: (readonly (readonly number[])[] | null)[] = [];
  kernel.nodes.forEach((node, index) => {
    const own = ownForms(kernel, node);
    const all = new Map<string, readonly number[]>();
    const add = (form: readonly number[]) => all.set(form.join(), form);
    own?.forEach(add);
    let isKnown = own !== null;
    for (const operand of nodeOperands(node)) {
      if (countOf(depends[operand]) === 0) continue;
      const below = forms[operand];
      if (below) below.forEach(add);
      else isKnown = false;
    }
    forms.push(isKnown && all.size < countOf(depends[index]) ? [...all.values()] : null);
  });
  return forms;
}

const countOf = (axes: Uint8Array) => {
  let count = 0;
  for (const one of axes) count += one;
  return count;
};

/** What a node adds to what its operands depend on; null where that is more than a function of the point. */
function ownForms({ buffers }: Kernel, node: Expression): (readonly number[])[] | null {
  const forms = affinesOf(node).filter(({ coefficients }) => coefficients.some((c) => c !== 0));
  if (node.kind === 'accumulator') return null;
  if (node.kind === 'load' && buffers[node.buffer].access !== 'read') return null;
  return forms.map(({ coefficients }) => coefficients);
}

/** Whether there are two axes with steps that are about as long. */
function isSliding(form: readonly number[]): boolean {
  const steps = form.flatMap((c) => (c === 0 ? [] : [Math.abs(c)])).sort((a, b) => a - b);
  return steps.some((step, k) => k > 0 && step <= MOST_RATIO * steps[k - 1]);
}

/** By axis, the steps of all functions at once, as one number that is another one where any of them is. */
export function stepsOf(forms: readonly (readonly number[])[], axes: number): Int32Array {
  const steps = new Int32Array(axes);
  forms.forEach((form, k) => {
    for (let axis = 0; axis < axes; axis++)
      steps[axis] += Math.imul(form[axis], PRIMES[k % 4] ** (1 + (k >> 2)));
  });
  return steps;
}

/** The share of the points of a tile at which a node has another value than at those before. */
export function distinctShare({ loops }: Nest, steps: Int32Array): number {
  let values = [0];
  let tiled = 0;
  for (const { axis, segments } of loops) {
    const { tile, lanes } = segments[0];
    if (tile === 1 || steps[axis] === 0) continue;
    tiled++;
    const more: number[] = [];
    for (const value of values)
      for (let unit = 0; unit < tile; unit++) more.push((value + steps[axis] * unit * lanes) | 0);
    values = more;
  }
  return tiled < 2 ? 1 : new Set(values).size / values.length;
}
