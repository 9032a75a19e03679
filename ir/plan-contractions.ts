import { parseEquation } from './einsum.ts';
import type { PlanContraction } from './plan.ts';

/** Why a contraction's order cannot be that of its equation, as `field: reason`; null when it can. */
export function contractionError(contraction: PlanContraction): readonly [string, string] | null {
  const { equation, sizes, order, windows = [] } = contraction;
  const parsed = parseEquation(equation);
  if ('reason' in parsed) return ['equation', parsed.reason];
  const { operands, output } = parsed;
  const letters = operands.join('');
  const stray = [...output].find((letter) => !letters.includes(letter));
  if (stray) return ['equation', `output letter '${stray}' is in no operand`];
  const unsized = [...letters].find((letter) => !Object.hasOwn(sizes, letter));
  if (unsized) return ['sizes', `there is none for '${unsized}'`];
  const stranger = windows.find((operand) => operand >= operands.length);
  if (stranger !== undefined) return ['windows', `there is no operand ${stranger}`];
  if (order.length !== operands.length - 1)
    return ['order', `${operands.length} operands take ${operands.length - 1} steps`];
  const used = new Uint8Array(operands.length + order.length);
  for (const [step, pair] of order.entries()) {
    for (const part of pair) {
      if (part >= operands.length + step) return [`order[${step}]`, `there is no part ${part} yet`];
      if (used[part]) return [`order[${step}]`, `part ${part} is contracted already`];
      used[part] = 1;
    }
  }
  return null;
}
