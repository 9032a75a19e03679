import { MisuseError, report } from '../reporting/report.ts';

// What types would have told: where nothing checks them, in pages and in JavaScript, these are mistakes at the user's expression.

/**
 * A function that is the same but for arguments beyond the `most` that it takes, which are BTC5222 and left out. `op` names it in messages,
 * also by the frame that it has on the stack.
 */
export function withArguments<Given extends readonly unknown[], Result>(
  op: string,
  most: number,
  fn: (...given: Given) => Result,
): (...given: Given) => Result {
  const checked = function (this: unknown, ...given: Given): Result {
    if (given.length <= most) return fn.apply(this, given as unknown as never);
    report(5222, { op, most: countOf(most), count: given.length });
    return fn.apply(this, given.slice(0, most) as unknown as never);
  };
  return Object.defineProperties(checked, { name: { value: op }, length: { value: most } });
}

const countOf = (most: number) =>
  most === 0 ? 'no arguments' : most === 1 ? '1 argument' : `${most} arguments`;

/** What was given where a tensor is wanted, in words that say what to do. */
export function strangeText(given: unknown): string {
  if (given === null) return 'null';
  if (typeof given === 'function')
    return LAYERS.has(given) ? `the layer '${given.name}' itself; call it: layer(x)` : 'function';
  if (given instanceof Promise) return 'a promise; models are built without waiting';
  return Array.isArray(given) ? 'a list' : typeof given;
}

const LAYERS = new WeakSet<object>();

/** Says that a function is a layer, which JavaScript can make no number and no text of either. */
export function markLayer(layer: (...given: never[]) => unknown): void {
  LAYERS.add(layer);
  refuseValue(
    layer,
    `the layer '${layer.name}'`,
    'it is a function: call it on a tensor, layer(x)',
  );
}

/** What stands for values that are not there yet: JavaScript can make no number and no text of it. BTC5221. */
export function refuseValue(of: object, what: string, fix: string): void {
  const refuse = () => {
    throw new MisuseError(5221, { what, fix });
  };
  for (const key of [Symbol.toPrimitive, 'toJSON'])
    Object.defineProperty(of, key, { value: refuse, configurable: true });
}
