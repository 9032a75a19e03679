import { importsOf } from './typescript/imports.ts';
import { holdsValues } from './typescript/strip.ts';
import { isType, type Node, nameOf, nodesIn } from './typescript/tree.ts';

/** Which values files export: types are gone when they run. */
export interface ExportTable {
  readonly has: (target: string, name: string) => boolean;
  readonly all: (target: string) => ReadonlySet<string>;
}

/** `moduleOf` gives a file's tree, or the names themselves of what is no file. */
export function createValueExports(
  moduleOf: (target: string) => Node | ReadonlySet<string> | null,
  resolve: (from: string, specifier: string) => string | null,
): ExportTable {
  const known = new Map<string, ReadonlySet<string>>();
  const all = (target: string): ReadonlySet<string> => {
    const found = known.get(target);
    if (found) return found;
    // Files that import each other in a circle: what is asked for meanwhile is not there.
    known.set(target, new Set());
    const module = moduleOf(target);
    const names = !module ? [] : module instanceof Set ? module : exportsOf(target, module as Node);
    const values = new Set(names);
    known.set(target, values);
    return values;
  };
  const has = (target: string, name: string) => name === '*' || all(target).has(name);

  const exportsOf = (file: string, program: Node): string[] => {
    const statements = nodesIn(program.body);
    const values = new Set(statements.flatMap((statement) => declaredBy(statement)));
    for (const { kind, specifier, names } of importsOf(program)) {
      const target = resolve(file, specifier);
      if (kind !== 'import' || target === null) continue;
      for (const { imported, local } of names ?? []) if (has(target, imported)) values.add(local);
    }
    return statements.flatMap((statement) => exportedBy(file, statement, values));
  };

  const exportedBy = (file: string, statement: Node, values: ReadonlySet<string>): string[] => {
    if (statement.type === 'ExportDefaultDeclaration')
      return isType(nodesIn(statement.declaration)[0]) ? [] : ['default'];
    if (statement.exportKind === 'type' && !statement.declaration) return [];
    const [source] = nodesIn(statement.source);
    const target = source ? resolve(file, nameOf(source)) : null;
    if (statement.type === 'ExportAllDeclaration')
      return target === null ? [] : [...all(target)].filter((name) => name !== 'default');
    if (statement.type !== 'ExportNamedDeclaration') return [];
    const specified = nodesIn(statement.specifiers).flatMap((one) => {
      if (one.exportKind === 'type') return [];
      const exported = nameOf(nodesIn(one.exported)[0]);
      if (one.type === 'ExportNamespaceSpecifier') return [exported];
      const local = nameOf(nodesIn(one.local)[0]);
      const isValue = source ? target !== null && has(target, local) : values.has(local);
      return isValue ? [exported] : [];
    });
    return [...declaredBy(statement), ...specified];
  };

  return { has, all };
}

/** The names of values that a statement declares. */
function declaredBy(statement: Node): string[] {
  const [declaration = statement] = nodesIn(statement.declaration);
  if (isType(declaration)) return [];
  if (declaration.type === 'VariableDeclaration')
    return nodesIn(declaration.declarations).flatMap((one) => boundBy(nodesIn(one.id)[0]));
  if (declaration.type === 'TSModuleDeclaration' && !holdsValues(declaration)) return [];
  return /Declaration$/.test(declaration.type) ? nodesIn(declaration.id).map(nameOf) : [];
}

/** The names in a pattern. */
function boundBy(pattern: Node): string[] {
  const names: string[] = [];
  const waiting = [pattern];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (node.type === 'Identifier') names.push(nameOf(node));
    const fields = [node.elements, node.properties, node.value, node.left, node.argument];
    waiting.push(...fields.flatMap(nodesIn));
  }
  return names;
}
