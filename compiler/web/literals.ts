import { didYouMean } from '../nearest.ts';
import SIGNATURES from '../signatures.json' with { type: 'json' };
import type { Import } from './typescript/imports.ts';
import { isType, type Node, nameOf, nodesIn, walk } from './typescript/tree.ts';

// In a page nothing reads the types of a model. What is written out in a call of the language, its options, numbers and texts, is held
// against the declarations here: `scripts/signatures.mjs` made the table of them.

/** What a parameter or an option takes; null where that is not known. */
type Taken = {
  readonly kinds: readonly string[];
  /** The texts that it may be. */
  readonly texts?: readonly string[];
  readonly options?: Readonly<Record<string, Taken>>;
} | null;

interface Overload {
  /** Of arguments; `most` is null where there may be any number. */
  readonly least: number;
  readonly most: number | null;
  readonly takes: readonly Taken[];
}

const OVERLOADS = SIGNATURES as unknown as Readonly<Record<string, readonly Overload[]>>;

/** A mistake in what a function of the language is given, as BTC5209 says it. */
export interface WrongLiteral {
  readonly offset: number;
  readonly op: string;
  readonly problem: string;
  readonly near: string;
}

/** Mistakes in the literals that calls of what is imported from the language are given. */
export function wrongLiterals(
  program: Node,
  imports: readonly Import[],
  language: readonly string[],
): WrongLiteral[] {
  const own = declaredNames(program);
  const functions = new Map(
    imports
      .filter(({ kind, specifier }) => kind === 'import' && language.includes(specifier))
      .flatMap(({ names }) => names ?? [])
      .filter(({ local }) => !own.has(local))
      .map(({ imported, local }) => [local, imported]),
  );
  const found: WrongLiteral[] = [];
  walk(program, (node) => {
    if (isType(node)) return false;
    const op = node.type === 'CallExpression' ? calledBy(node, functions) : undefined;
    const wrong = op !== undefined && Object.hasOwn(OVERLOADS, op) ? wrongCall(op, node) : null;
    if (wrong) found.push(wrong);
    return true;
  });
  return found;
}

/** `linear` or `init.normal`, as the language names it. */
function calledBy(call: Node, functions: ReadonlyMap<string, string>): string | undefined {
  const path: string[] = [];
  let [callee] = nodesIn(call.callee);
  while (callee.type === 'MemberExpression' && callee.computed !== true) {
    path.unshift(nameOf(nodesIn(callee.property)[0]));
    [callee] = nodesIn(callee.object);
  }
  const known = callee.type === 'Identifier' ? functions.get(nameOf(callee)) : undefined;
  if (known === undefined) return undefined;
  // `import * as btc`: what follows is the name.
  return [...(known === '*' ? [] : [known]), ...path].join('.');
}

/** Names that a file declares anywhere but by imports: there they may be something else. */
function declaredNames(program: Node): ReadonlySet<string> {
  const names = new Set<string>();
  const declare = (pattern: Node) =>
    walk(pattern, (node) => {
      if (node.type === 'Identifier') names.add(nameOf(node));
      return true;
    });
  walk(program, (node) => {
    if (isType(node) || node.type === 'ImportDeclaration') return false;
    const declared = node.type === 'VariableDeclarator' || 'params' in node;
    if (declared) for (const one of [...nodesIn(node.id), ...nodesIn(node.params)]) declare(one);
    return true;
  });
  return names;
}

/** Null where one of the overloads takes it; of several the mistake that is said is that of the last that could be meant. */
function wrongCall(op: string, call: Node): WrongLiteral | null {
  const given = nodesIn(call.arguments);
  if (given.some(({ type }) => type === 'SpreadElement')) return null;
  let wrong: WrongLiteral | null = null;
  for (const overload of OVERLOADS[op]) {
    const count = countProblem(given.length, overload);
    const here = count
      ? { offset: call.start, op, problem: count, near: '' }
      : wrongArgument(op, given, overload);
    if (!here) return null;
    wrong = here;
  }
  return wrong;
}

function countProblem(count: number, { least, most }: Overload): string | null {
  if (count >= least && (most === null || count <= most)) return null;
  const wanted =
    most === null ? `${least} or more` : least === most ? `${least}` : `${least} to ${most}`;
  return `it takes ${wanted} argument${most === 1 ? '' : 's'}, not ${count}`;
}

/** What BTC5209 says of what a function of the language was given. */
export type WrongGiven = Pick<WrongLiteral, 'problem' | 'near'>;

/** As {@link wrongLiterals}, of values: how many there are, and names of options, wherever those come from; null where all is well. */
export function wrongGiven(op: string, given: readonly unknown[]): WrongGiven | null {
  let wrong: WrongGiven | null = null;
  for (const overload of Object.hasOwn(OVERLOADS, op) ? OVERLOADS[op] : []) {
    const problem = countProblem(given.length, overload);
    const here = problem ? { problem, near: '' } : wrongNames(given, overload);
    if (!here) return null;
    wrong = here;
  }
  return wrong;
}

function wrongNames(given: readonly unknown[], { takes }: Overload): WrongGiven | null {
  for (const [k, value] of given.entries()) {
    const options = takes[k]?.options;
    if (!options || typeof value !== 'object' || value === null) continue;
    // Objects that are something else are judged by the function itself.
    if (Object.getPrototypeOf(value) !== Object.prototype) continue;
    const names = Object.keys(value);
    // An object may know more than this function asks for, unless that looks like a slip.
    const isOther = names.length > 0 && !names.some((name) => Object.hasOwn(options, name));
    for (const name of names) {
      const wrong = unknownOption(name, options);
      if (wrong && (isOther || wrong.near !== '')) return wrong;
    }
  }
  return null;
}

function unknownOption(name: string, options: Readonly<Record<string, Taken>>): WrongGiven | null {
  if (Object.hasOwn(options, name)) return null;
  const names = Object.keys(options);
  const problem = `it has no option '${name}', only ${names.join(', ')}`;
  return { problem, near: didYouMean(name, names) };
}

function wrongArgument(
  op: string,
  given: readonly Node[],
  { takes }: Overload,
): WrongLiteral | null {
  for (const [k, node] of given.entries()) {
    const wrong = wrongValue(op, node, takes[k] ?? null, `argument ${k + 1}`);
    if (wrong) return wrong;
  }
  return null;
}

function wrongValue(op: string, node: Node, taken: Taken, what: string): WrongLiteral | null {
  if (!taken) return null;
  const kind = kindOf(node);
  if (kind === null) return null;
  const { kinds, texts = [], options } = taken;
  // A text with parts that are computed may be any.
  const isOther =
    node.type === 'StringLiteral' && texts.length > 0 && !texts.includes(textOf(node));
  if (isOther || !(kinds.includes(kind) || (kind === 'text' && texts.length > 0))) {
    const wanted = [...kinds.map((one) => KINDS[one]), ...texts.map((text) => `'${text}'`)];
    const problem = `${what} is ${shown(node, kind)}; it takes ${wanted.join(' or ')}`;
    return {
      offset: node.start,
      op,
      problem,
      near: isOther ? didYouMean(textOf(node), texts) : '',
    };
  }
  return kind === 'object' && options ? wrongOption(op, node, options) : null;
}

function wrongOption(
  op: string,
  object: Node,
  options: Readonly<Record<string, Taken>>,
): WrongLiteral | null {
  for (const property of nodesIn(object.properties)) {
    const [key] = nodesIn(property.key);
    if (!key || property.computed === true) continue;
    const name = nameOf(key);
    const unknown = unknownOption(name, options);
    if (unknown) return { offset: key.start, op, ...unknown };
    const [value] = nodesIn(property.value);
    const wrong = value && wrongValue(op, value, options[name], `option '${name}'`);
    if (wrong) return wrong;
  }
  return null;
}

/** In words. */
const KINDS: Readonly<Record<string, string>> = {
  number: 'a number',
  text: 'a text',
  boolean: 'true or false',
  null: 'null',
  list: 'a list',
  function: 'a function',
  object: 'an object',
};

const KIND_OF: Readonly<Record<string, keyof typeof KINDS>> = {
  NumericLiteral: 'number',
  StringLiteral: 'text',
  TemplateLiteral: 'text',
  BooleanLiteral: 'boolean',
  NullLiteral: 'null',
  ArrayExpression: 'list',
  ArrowFunctionExpression: 'function',
  FunctionExpression: 'function',
  ObjectExpression: 'object',
};

/** What a literal is; null for what is computed. */
const kindOf = ({ type }: Node): string | null => KIND_OF[type] ?? null;

const textOf = (node: Node) => String(node.value ?? '');

const shown = (node: Node, kind: string) =>
  node.type === 'StringLiteral'
    ? `'${textOf(node)}'`
    : node.type === 'NumericLiteral' || node.type === 'BooleanLiteral'
      ? textOf(node)
      : KINDS[kind];
