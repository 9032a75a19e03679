/** A node of a syntax tree of @babel/parser. Its fields differ by type; those that are looked at are looked at by name. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** Fields that hold no part of the program. */
const BESIDE = new Set([
  'loc',
  'errors',
  'comments',
  'leadingComments',
  'innerComments',
  'trailingComments',
  'extra',
  'tokens',
]);

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

/** The nodes of a field: one, several or none. */
export function nodesIn(value: unknown): Node[] {
  return (Array.isArray(value) ? value : [value]).filter(isNode);
}

/** The nodes directly below. */
export function childrenOf(node: Node): Node[] {
  return Object.entries(node).flatMap(([field, value]) =>
    BESIDE.has(field) ? [] : nodesIn(value),
  );
}

/** All nodes below and itself, but what is below one of which `into` says no. */
export function walk(root: Node, visit: (node: Node) => boolean): void {
  const waiting = [root];
  for (let node = waiting.pop(); node; node = waiting.pop())
    if (visit(node)) for (const child of childrenOf(node).reverse()) waiting.push(child);
}

/** The name of an identifier, or the text of a string. */
export function nameOf(node: Node): string {
  return String(node.name ?? node.value);
}

/** What is a type and nothing else, whatever is below it. Expressions with types in them are none. */
const WITH_VALUES = new Set([
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
  'TSInstantiationExpression',
  'TSEnumDeclaration',
  'TSEnumBody',
  'TSEnumMember',
  'TSModuleDeclaration',
  'TSModuleBlock',
  'TSParameterProperty',
  'TSExportAssignment',
  'TSImportEqualsDeclaration',
]);

export function isType(node: Node): boolean {
  return (
    (node.type.startsWith('TS') && !WITH_VALUES.has(node.type)) ||
    node.declare === true ||
    (node.abstract === true && node.type !== 'ClassDeclaration' && node.type !== 'ClassExpression')
  );
}
