// Writes the declarations that models are checked under first: what language.d.ts exports and all that this reaches, in one file and
// without comments. Parsing the hundred files of the package, which editors show, takes as long as checking a small model. Each file
// becomes an ambient module, so that no name changes.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { CLOSED_PREFIX } from '../dist/compiler/load/short-declarations.js';

const { factory } = ts;

/** The file that an import of a declaration file leads to. */
const targetOf = (from, specifier) =>
  join(dirname(from), specifier).replace(/(\.d)?\.[jt]s$/, '.d.ts');

/** One file as the statements of an ambient module, and the files that it imports. */
function moduleOf(folder, file, name) {
  const source = ts.createSourceFile(
    file,
    readFileSync(join(folder, file), 'utf8'),
    ts.ScriptTarget.ES2022,
    true,
  );
  const imported = [];
  const rename = (literal) => {
    if (!literal.text.startsWith('.'))
      throw new Error(`${file} imports ${literal.text}, which is no part of the package`);
    const target = targetOf(file, literal.text);
    imported.push(target);
    return factory.createStringLiteral(name(target));
  };
  const rewrite = (context) => (root) => {
    const visit = (node) => {
      if (ts.isStringLiteral(node)) {
        const { parent } = node;
        const isSpecifier =
          ts.isImportDeclaration(parent) ||
          ts.isExportDeclaration(parent) ||
          (ts.isImportTypeNode(parent.parent) && parent.parent.argument === parent);
        return isSpecifier ? rename(node) : node;
      }
      // What is in an ambient module is declared.
      if (node.kind === ts.SyntaxKind.DeclareKeyword) return undefined;
      return ts.visitEachChild(node, visit, context);
    };
    return ts.visitEachChild(root, visit, context);
  };
  const { transformed } = ts.transform(source, [rewrite]);
  const text = ts
    .createPrinter({ removeComments: true, newLine: ts.NewLineKind.LineFeed })
    .printFile(transformed[0]);
  return { text: text.replace(/^ +/gm, ''), imported };
}

/** The declarations of an entry of a folder of declaration files, under the name `entryName`. */
export function shortDeclarations(folder, entry, entryName) {
  const name = (file) =>
    file === entry
      ? entryName
      : `${CLOSED_PREFIX}${file.replace(/\.d\.ts$/, '').replaceAll('\\', '/')}`;
  const modules = new Map();
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (modules.has(file)) continue;
    const { text, imported } = moduleOf(folder, file, name);
    modules.set(file, text);
    waiting.push(...imported);
  }
  return [...modules]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, text]) => `declare module ${JSON.stringify(name(file))} {\n${text}}\n`)
    .join('');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const dist = fileURLToPath(new URL('../dist/', import.meta.url));
  const text = shortDeclarations(dist, join('compiler', 'language.d.ts'), 'btc-compiler');
  writeFileSync(join(dist, 'compiler', 'short.d.ts'), text);
}
