import type { Edit } from './edits.ts';
import { enumEdits } from './enums.ts';
import { childrenOf, isType, type Node, nameOf, nodesIn } from './tree.ts';

/** Why a file cannot become JavaScript by leaving types out. */
export interface Unsupported {
  readonly offset: number;
  readonly what: string;
}

/** The edits that leave types out of a file. Imports and exports of other files are not looked at: names may be types there. */
export function stripTypes(
  text: string,
  program: Node,
): { readonly edits: readonly Edit[]; readonly unsupported: readonly Unsupported[] } {
  const stripper = new Stripper(text);
  stripper.visit(program);
  return stripper;
}

class Stripper {
  readonly edits: Edit[] = [];
  readonly unsupported: Unsupported[] = [];
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  visit(root: Node): void {
    const waiting = [root];
    for (let node = waiting.pop(); node; node = waiting.pop()) {
      const inside = this.enter(node);
      for (const child of inside) waiting.push(child);
    }
  }

  /** Leaves out what is type of this node; gives the nodes below it that are to be looked at. */
  private enter(node: Node): Node[] {
    const rule = RULES.get(node.type);
    if (rule) {
      const inside = rule(node, this);
      if (inside) return inside;
    }
    if (isType(node)) {
      this.removeWhole(node);
      return [];
    }
    this.removeTypeFields(node);
    return childrenOf(node).filter((child) => !TYPE_FIELD_NODES.has(child.type));
  }

  /** Annotations, parameters and arguments that are types. */
  private removeTypeFields(node: Node): void {
    for (const field of TYPE_FIELDS)
      for (const type of nodesIn(node[field])) this.removeType(node, field, type);
  }

  private removeType(node: Node, field: string, type: Node): void {
    // A line may end between the parenthesis and the type, and may not between it and an arrow.
    let start = this.behindSpace(type.start);
    // `x?: T`, `x!: T`
    if (field === 'typeAnnotation' && '?!'.includes(this.text[start - 1] ?? ' ')) start--;
    this.edits.push({ start, end: type.end, text: this.endingOf(node, type.end) });
  }

  /** A declaration of a type: an empty statement in its place. */
  removeWhole(node: Node): void {
    this.edits.push({ start: node.start, end: node.end, text: ';' });
  }

  remove(start: number, end: number, text = ''): void {
    if (end > start || text !== '') this.edits.push({ start, end, text });
  }

  /** Where a statement ended with its type, what stands on the next line must not go on with it. */
  endingOf(node: Node, end: number): string {
    const next = this.text.slice(end).search(/\S/);
    const between = this.text.slice(end, next < 0 ? undefined : end + next);
    const starts = /[[(`+\-/*]/.test(this.text[end + next] ?? '');
    return node.type !== 'ArrowFunctionExpression' && between.includes('\n') && starts ? ';' : '';
  }

  /** The end of what stands before the white space at an offset. */
  behindSpace(offset: number): number {
    let end = offset;
    while (end > 0 && /\s/.test(this.text[end - 1])) end--;
    return end;
  }

  /** The end of `mark`, where nothing but white space and comments is before it. */
  behind(mark: string, offset: number): number | null {
    const [space] = SPACE.exec(this.text.slice(offset))!;
    const at = offset + space.length;
    return this.text.startsWith(mark, at) ? at + mark.length : null;
  }

  /** Parentheses around an expression are not part of its node: the end of the last that closes behind it. */
  behindParentheses(offset: number): number {
    let end = offset;
    for (let next = this.behind(')', end); next !== null; next = this.behind(')', end)) end = next;
    return end;
  }

  /** Removes words that only TypeScript has between the start of a member and its key, and marks behind the key. */
  removeModifiers(node: Node, key: Node): void {
    const decorators = nodesIn(node.decorators);
    const from = decorators.at(-1)?.end ?? node.start;
    const head = this.text.slice(from, key.start);
    for (const { 0: word, index } of head.matchAll(MODIFIERS))
      this.remove(from + index, from + index + word.length);
    let end = key.end;
    if (node.computed === true) end = this.text.indexOf(']', end) + 1;
    const mark = /^\s*[?!]/.exec(this.text.slice(end));
    if (mark && (node.optional === true || node.definite === true))
      this.remove(end, end + mark[0].length);
  }

  find(word: string, from: number): number {
    return this.text.indexOf(word, from);
  }

  refuse(node: Node, what: string): Node[] {
    this.unsupported.push({ offset: node.start, what });
    return [];
  }
}

const SPACE = /^(?:\s|\/\/.*|\/\*[\s\S]*?\*\/)*/;
const MODIFIERS = /\b(?:public|private|protected|readonly|override|declare|abstract)\b\s*/g;
const TYPE_FIELDS = [
  'typeAnnotation',
  'returnType',
  'typeParameters',
  'typeArguments',
  'superTypeParameters',
  'predicate',
];
const TYPE_FIELD_NODES = new Set([
  'TSTypeAnnotation',
  'TSTypeParameterDeclaration',
  'TSTypeParameterInstantiation',
]);

/** The expression stays, what stands behind it goes. */
const keepExpression = (node: Node, to: Stripper): Node[] => {
  const [expression] = nodesIn(node.expression);
  const end = to.behindParentheses(expression.end);
  to.remove(end, node.end, to.endingOf(node, node.end));
  return [expression];
};

type Rule = (node: Node, to: Stripper) => Node[] | null;

/** What types of nodes ask for more than to be left out. Null: as any other. */
const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['TSAsExpression', keepExpression],
  ['TSSatisfiesExpression', keepExpression],
  ['TSNonNullExpression', keepExpression],
  ['TSInstantiationExpression', keepExpression],
  [
    'TSTypeAssertion',
    (node, to) => {
      const [type] = nodesIn(node.typeAnnotation);
      to.remove(node.start, to.behind('>', type.end)!);
      return nodesIn(node.expression);
    },
  ],
  ['Identifier', identifierRule],
  ['ClassDeclaration', classRule],
  ['ClassExpression', classRule],
  ['ClassMethod', memberRule],
  ['ClassPrivateMethod', memberRule],
  ['ClassProperty', memberRule],
  ['ClassPrivateProperty', memberRule],
  ['ClassAccessorProperty', memberRule],
  ['FunctionDeclaration', functionRule],
  ['FunctionExpression', functionRule],
  ['ObjectMethod', functionRule],
  ['ExportNamedDeclaration', exportRule],
  ['ExportDefaultDeclaration', exportRule],
  // Of other files: `modules.ts` writes them anew.
  ['ImportDeclaration', () => []],
  ['ExportAllDeclaration', () => []],
  [
    'TSEnumDeclaration',
    (node, to) => {
      if (node.declare === true) return null;
      const { edits, inside } = enumEdits(node);
      to.edits.push(...edits);
      return inside;
    },
  ],
  [
    'TSModuleDeclaration',
    (node, to) => {
      if (node.declare !== true && holdsValues(node))
        return to.refuse(node, 'a namespace that holds values');
      to.removeWhole(node);
      return [];
    },
  ],
  ['TSExportAssignment', (node, to) => to.refuse(node, "'export ='")],
  ['TSImportEqualsDeclaration', (node, to) => to.refuse(node, "'import … = require(…)'")],
]);

/** `x?: T`, and `x?` alone, of a parameter. */
function identifierRule(node: Node, to: Stripper): Node[] {
  const end = node.start + nameOf(node).length;
  if (node.typeAnnotation || node.optional === true) to.remove(end, node.end);
  return [];
}

function classRule(node: Node, to: Stripper): Node[] | null {
  if (node.declare === true) return null;
  const [body] = nodesIn(node.body);
  const head = nodesIn([node.superClass, node.superTypeParameters, node.typeParameters, node.id])
    .map(({ end }) => end)
    .reduce((a, b) => Math.max(a, b), node.start);
  const lists = nodesIn(node.implements);
  if (lists.length > 0) to.remove(to.find('implements', head), lists.at(-1)!.end);
  if (node.abstract === true) {
    const at = to.find('abstract', node.start);
    to.remove(at, at + 'abstract'.length);
  }
  for (const field of ['typeParameters', 'superTypeParameters'])
    for (const type of nodesIn(node[field])) to.remove(type.start, type.end);
  return [...nodesIn(node.decorators), ...nodesIn(node.superClass), body];
}

function memberRule(node: Node, to: Stripper): Node[] | null {
  if (isType(node)) return null;
  const [key] = nodesIn(node.key);
  to.removeModifiers(node, key);
  if (node.kind === 'constructor') parameterProperties(node, to);
  return functionRule(node, to);
}

/** A parameter `this` is a type. */
function functionRule(node: Node, to: Stripper): null {
  const [first, second] = nodesIn(node.params);
  if (first?.type === 'Identifier' && nameOf(first) === 'this')
    to.remove(first.start, second?.start ?? first.end);
  return null;
}

/** `constructor(private readonly x: number)`: the field is set at the start of the body, or behind the call of `super`. */
function parameterProperties(node: Node, to: Stripper): void {
  const properties = nodesIn(node.params).filter(({ type }) => type === 'TSParameterProperty');
  if (properties.length === 0) return;
  const names = properties.map((property) => {
    const [parameter] = nodesIn(property.parameter);
    to.remove(property.start, parameter.start);
    const [left] = nodesIn(parameter.left);
    return nameOf(left ?? parameter);
  });
  const [body] = nodesIn(node.body);
  const first = nodesIn(body.body).find((statement) =>
    nodesIn(statement.expression).some((call) =>
      nodesIn(call.callee).some(({ type }) => type === 'Super'),
    ),
  );
  const at = first?.end ?? body.start + 1;
  const text = names.map((name) => `this.${name} = ${name};`).join('');
  to.remove(at, at, first ? `;${text}` : text);
}

/** An export of what is nothing but a type goes as a whole; names of other files are `modules.ts`'s. */
function exportRule(node: Node, to: Stripper): Node[] | null {
  const [declaration] = nodesIn(node.declaration);
  if (!declaration) return [];
  const isNamespace = declaration.type === 'TSModuleDeclaration' && !holdsValues(declaration);
  if (!isType(declaration) && !isNamespace) return [declaration];
  to.removeWhole(node);
  return [];
}

/** Whether there is more than types in a namespace. */
export function holdsValues(node: Node): boolean {
  if (node.declare === true) return false;
  return nodesIn(node.body).some((body) =>
    body.type === 'TSModuleDeclaration'
      ? holdsValues(body)
      : nodesIn(body.body).some((statement) => {
          const [declared = statement] = nodesIn(statement.declaration);
          return declared.type === 'TSModuleDeclaration'
            ? holdsValues(declared)
            : !isType(declared);
        }),
  );
}
