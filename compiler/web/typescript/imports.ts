import { childrenOf, isType, type Node, nameOf, nodesIn, walk } from './tree.ts';

/** A name that a file takes from another, or passes on. */
export interface ImportedName {
  /** `*` for all of it. */
  readonly imported: string;
  readonly local: string;
  readonly start: number;
}

/** An import from another file, or an export of what is in another. */
export interface Import {
  readonly kind: 'import' | 'export';
  readonly specifier: string;
  readonly start: number;
  readonly end: number;
  /** Of the quoted text. */
  readonly specifierStart: number;
  readonly specifierLength: number;
  /** Those that are not said to be types; null for `import(…)` and `export * from`, which name none. */
  readonly names: readonly ImportedName[] | null;
  /** Whether it names anything: `import './setup.ts'` does not, and stays. */
  readonly hadNames: boolean;
}

/** What a file imports, but for types. */
export function importsOf(program: Node): Import[] {
  const found: Import[] = [];
  walk(program, (node) => {
    if (isType(node)) return false;
    const [source] = nodesIn(node.source);
    if (source?.type !== 'StringLiteral' || !(node.type in KINDS)) return true;
    found.push(importOf(node, source));
    return false;
  });
  return found;
}

const KINDS: Readonly<Record<string, Import['kind']>> = {
  ImportDeclaration: 'import',
  ImportExpression: 'import',
  ExportNamedDeclaration: 'export',
  ExportAllDeclaration: 'export',
};

function importOf(node: Node, source: Node): Import {
  const specifiers = nodesIn(node.specifiers);
  const isTypes = node.importKind === 'type' || node.exportKind === 'type';
  const names = isTypes
    ? []
    : specifiers.flatMap((one) =>
        one.importKind === 'type' || one.exportKind === 'type' ? [] : [namedBy(one)],
      );
  const namesNone =
    (node.type === 'ExportAllDeclaration' && !isTypes) || node.type === 'ImportExpression';
  return {
    kind: KINDS[node.type],
    specifier: nameOf(source),
    start: node.start,
    end: node.end,
    specifierStart: source.start,
    specifierLength: source.end - source.start,
    names: namesNone ? null : names,
    hadNames: isTypes || specifiers.length > 0,
  };
}

function namedBy(specifier: Node): ImportedName {
  const [imported] = nodesIn(specifier.imported);
  const [local] = nodesIn(specifier.local);
  const [exported] = nodesIn(specifier.exported);
  const all = {
    ImportDefaultSpecifier: 'default',
    ImportNamespaceSpecifier: '*',
    ExportNamespaceSpecifier: '*',
  }[specifier.type];
  // `export { a as b } from`: here `a` is theirs and `b` is what this file calls it.
  return {
    imported: all ?? nameOf(imported ?? local),
    local: nameOf(exported ?? local),
    start: specifier.start,
  };
}

/** Names that are used as values: not in types, and not as names of members and properties. */
export function usedNames(program: Node): ReadonlySet<string> {
  const known = cached.get(program);
  if (known) return known;
  const used = new Set<string>();
  const waiting = [program];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (isType(node) || node.type === 'ImportDeclaration') continue;
    if (node.type === 'ExportNamedDeclaration' && (node.source || node.exportKind === 'type'))
      continue;
    if (node.type === 'ExportSpecifier') {
      if (node.exportKind !== 'type') used.add(nameOf(nodesIn(node.local)[0]));
      continue;
    }
    if (node.type === 'Identifier') used.add(nameOf(node));
    const named = node.computed === true ? [] : nodesIn([node.property, node.key]);
    const shorthand = node.shorthand === true;
    for (const child of childrenOf(node))
      if (shorthand || !named.includes(child)) waiting.push(child);
  }
  cached.set(program, used);
  return used;
}

const cached = new WeakMap<Node, ReadonlySet<string>>();
