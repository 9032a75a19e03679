import Module from 'node:module';
import { withArguments } from '../frontend/misused.ts';
import SIGNATURES from '../signatures.json' with { type: 'json' };
import { OWN_PACKAGE } from './own-module.ts';

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

interface Loading {
  _load(request: string, parent: NodeJS.Module | null | undefined, isMain: boolean): unknown;
}

/** Files of models, which get the language when they require it. */
const requiring = new Set<string>();
let isServing = false;

/**
 * Gives the exports of {@link countedLanguage} to `files`, and to what they require, by `require('btc-compiler')`: the instance that
 * imports lead to, whichever is installed beside them.
 */
export function requireLanguage(files: readonly string[]): void {
  for (const file of files) requiring.add(file);
  if (isServing) return;
  isServing = true;
  const loading = Module as unknown as Loading;
  const { _load: load } = loading;
  loading._load = function (request, parent, ...rest) {
    return request === OWN_PACKAGE && isOfModel(parent)
      ? (globalThis as Record<symbol, unknown>)[Symbol.for(KEY)]
      : load.call(this, request, parent, ...rest);
  };
}

function isOfModel(module: NodeJS.Module | null | undefined): boolean {
  for (let at = module; at?.filename; at = at.parent) {
    const file = at.filename.replaceAll('\\', '/');
    // Packages have an instance of their own.
    if (file.includes('/node_modules/')) return false;
    if (requiring.has(file)) return true;
  }
  return false;
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
