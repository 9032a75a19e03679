import { didYouMean } from '../nearest.ts';
import SIGNATURES from './signatures.json' with { type: 'json' };
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
  const [callee] = nodesIn(call.callee);
  if (callee.type === 'Identifier') return functions.get(nameOf(callee));
  const [object, property] = [...nodesIn(callee.object), ...nodesIn(callee.property)];
  if (callee.type !== 'MemberExpression' || callee.computed === true) return undefined;
  if (object?.type !== 'Identifier' || property?.type !== 'Identifier') return undefined;
  const known = functions.get(nameOf(object));
  return known === undefined ? undefined : `${known}.${nameOf(property)}`;
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
    const here = wrongCount(op, call, given.length, overload) ?? wrongArgument(op, given, overload);
    if (!here) return null;
    wrong = here;
  }
  return wrong;
}

function wrongCount(
  op: string,
  { start }: Node,
  count: number,
  { least, most }: Overload,
): WrongLiteral | null {
  if (count >= least && (most === null || count <= most)) return null;
  const wanted =
    most === null ? `${least} or more` : least === most ? `${least}` : `${least} to ${most}`;
  return { offset: start, op, problem: `it takes ${wanted} arguments, not ${count}`, near: '' };
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
    if (!Object.hasOwn(options, name)) {
      const names = Object.keys(options);
      const problem = `it has no option '${name}', only ${names.join(', ')}`;
      return { offset: key.start, op, problem, near: didYouMean(name, names) };
    }
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
