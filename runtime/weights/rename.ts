import { RuntimeError } from '../errors.ts';
import { kindOf } from '../values.ts';

/**
 * From names of a file to those that they have here: a function, which gives null for what is left out; a table of names; or a list of
 * [pattern, replacement] as `String.replace` takes them, of which all are applied in turn: `[[/^transformer\./, '']]`.
 */
export type Rename =
  | ((name: string) => string | null)
  | Readonly<Record<string, string | null>>
  | readonly (readonly [string | RegExp, string])[];

/** A name's new one, or null to leave it out. */
export type RenameFunction = (name: string) => string | null;

/** What was given as `rename`. Error: `invalid-input`, also for what a function of the caller's gives that is no name. */
export function renameFunction(given: unknown): RenameFunction {
  if (given === undefined) return (name) => name;
  if (typeof given === 'function') return checkedNames(given as RenameFunction);
  if (Array.isArray(given)) return patterns(given);
  if (kindOf(given) === 'Object') {
    const table = new Map(Object.entries(given as object));
    return checkedNames((name) => (table.has(name) ? table.get(name)! : name));
  }
  throw wrong(`but ${kindOf(given)} was given`);
}

function wrong(what: string): RuntimeError {
  return new RuntimeError(
    'invalid-input',
    `'rename' is a function of names, a table { name: name } or a list of [pattern, replacement], ${what}`,
  );
}

function patterns(list: readonly unknown[]): RenameFunction {
  const rules = list.map((rule): [string | RegExp, string] => {
    const [pattern, replacement] = Array.isArray(rule) ? rule : [];
    const isPattern = typeof pattern === 'string' || kindOf(pattern) === 'RegExp';
    if (!isPattern || typeof replacement !== 'string')
      throw wrong(
        'but one of the list is no [pattern, replacement] of strings or a RegExp and a string',
      );
    return [pattern as string | RegExp, replacement];
  });
  return (name) => rules.reduce((text, [pattern, to]) => text.replace(pattern, to), name);
}

function checkedNames(rename: RenameFunction): RenameFunction {
  return (name) => {
    const renamed: unknown = rename(name);
    if (renamed === null || typeof renamed === 'string') return renamed;
    throw new RuntimeError(
      'invalid-input',
      `'rename' gives ${kindOf(renamed)} for '${name}'; a name, or null to leave it out`,
    );
  };
}
