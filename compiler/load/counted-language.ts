import { withArguments } from '../frontend/misused.ts';
import SIGNATURES from '../signatures.json' with { type: 'json' };

type AnyFunction = (...given: never[]) => unknown;

/** By function of the language, as `init.normal`: its overloads. */
const OVERLOADS: Readonly<Record<string, readonly { readonly most: number | null }[]>> = SIGNATURES;

/** Where modules find what the language exports to JavaScript. */
const KEY = 'btc-compiler language';

/**
 * The text of a module that exports what btc does, for JavaScript: there nobody else tells of arguments beyond those that a function
 * takes, which are BTC5222 at the call. The functions are those of this instance.
 */
export function countedLanguage(exported: Readonly<Record<string, unknown>>): string {
  (globalThis as Record<symbol, unknown>)[Symbol.for(KEY)] = counted('', exported);
  const names = Object.keys(exported).filter((name) => name !== 'default');
  return `export const { ${names.join(', ')} } = globalThis[Symbol.for('${KEY}')];\n`;
}

function counted(prefix: string, values: Readonly<Record<string, unknown>>): object {
  const entries = Object.entries(values).map(([name, value]) => {
    const called = prefix + name;
    if (typeof value === 'function') return [name, countedFunction(called, value as AnyFunction)];
    // `init` has functions of the language too.
    const isGroup = value instanceof Object && !prefix && hasFunctions(name);
    return [name, isGroup ? counted(`${name}.`, value as Record<string, unknown>) : value];
  });
  return Object.fromEntries(entries);
}

const hasFunctions = (group: string) =>
  Object.keys(OVERLOADS).some((name) => name.startsWith(`${group}.`));

function countedFunction(name: string, fn: AnyFunction): AnyFunction {
  if (!Object.hasOwn(OVERLOADS, name)) return fn;
  const most = OVERLOADS[name].map((one) => one.most ?? Number.POSITIVE_INFINITY);
  return withArguments(name, Math.max(...most), fn);
}
