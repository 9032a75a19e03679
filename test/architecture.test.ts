import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Who may import whom, by folder below the root; the most specific row counts. Packages are named with an `npm:`. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  ir: ['ir'],
  runtime: ['runtime', 'ir'],
  node: ['node', 'runtime', 'ir', 'npm:webgpu', 'npm:btc-compiler'],
  compiler: ['compiler', 'ir'],
  'compiler/reporting': ['compiler/reporting', 'compiler/diagnostics.ts', 'ir'],
  'compiler/factorised': [
    'compiler/factorised',
    'compiler/reporting',
    'compiler/format.ts',
    'compiler/contract/tree.ts',
    'compiler/window/letters.ts',
    'ir',
  ],
  'compiler/frontend': [
    'compiler/frontend',
    'compiler/factorised',
    'compiler/reporting',
    'compiler/window/letters.ts',
    'compiler/diagnostics.ts',
    'compiler/format.ts',
    'compiler/interruption.ts',
    'compiler/nearest.ts',
    'ir',
  ],
  'compiler/training': [
    'compiler/training',
    'compiler/frontend',
    'compiler/gradient',
    'compiler/reporting',
    'compiler/rewrite.ts',
    'compiler/diagnostics.ts',
    'ir',
  ],
  'compiler/gradient': ['compiler/gradient', 'compiler/interruption.ts', 'ir'],
  'compiler/contract': ['compiler/contract', 'compiler/rewrite.ts', 'ir'],
  'compiler/simplify': ['compiler/simplify', 'compiler/rewrite.ts', 'ir'],
  'compiler/precision': ['compiler/precision', 'compiler/lower', 'compiler/rewrite.ts', 'ir'],
  'compiler/window': ['compiler/window', 'compiler/rewrite.ts', 'ir'],
  'compiler/liveness': ['compiler/liveness', 'ir'],
  'compiler/lower': ['compiler/lower', 'compiler/liveness', 'compiler/window', 'ir'],
  'compiler/memory': [
    'compiler/memory',
    'compiler/liveness',
    'compiler/plan-search',
    'compiler/verified.ts',
    'ir',
  ],
  'compiler/plan-search': [
    'compiler/plan-search',
    'compiler/liveness',
    'compiler/memory',

    'ir',
  ],
  'compiler/group': ['compiler/group', 'compiler/liveness', 'ir'],
  'compiler/codegen': ['compiler/targets', 'compiler/codegen', 'ir'],
  'compiler/codegen/wasm/assembler': ['compiler/codegen/wasm/assembler'],
  'compiler/codegen/gpu': [
    'compiler/codegen/gpu',
    'compiler/codegen/cascade.ts',
    'compiler/codegen/code.ts',
    'compiler/codegen/contraction-groups.ts',
    'compiler/codegen/unnamed.ts',
    'compiler/codegen/work.ts',
    'ir',
  ],
  'compiler/codegen/gpu/wgsl': [
    'compiler/codegen/gpu/wgsl',
    'compiler/codegen/gpu/dialect.ts',
    'compiler/codegen/gpu/indent.ts',
    'compiler/codegen/polynomials.ts',
    'ir',
  ],
  'compiler/verify': [
    'compiler/verify',
    'compiler/codegen',
    'compiler/targets',
    'compiler/version.ts',
    'ir',
  ],
  'compiler/profile': [
    'compiler/profile',
    'compiler/codegen',
    'compiler/targets',
    'compiler/targets',
    'compiler/plan-search',
    'compiler/memory',
    'compiler/diagnostics.ts',
    'compiler/nearest.ts',
    'compiler/version.ts',
    'ir',
  ],
  'compiler/decompose': [
    'compiler/decompose',
    'compiler/factorised',
    'compiler/reporting',
    'compiler/contract/tree.ts',
    'compiler/diagnostics.ts',
    'ir',
    'npm:ml-matrix',
  ],
  'compiler/interchange': [
    'compiler/interchange',
    'compiler/frontend',
    'compiler/language.ts',
    'compiler/diagnostics.ts',
    'compiler/version.ts',
    'ir',
  ],
  'compiler/interchange/onnx': [
    'compiler/interchange/onnx',
    'compiler/frontend',
    'compiler/language.ts',
    'compiler/diagnostics.ts',
    'compiler/version.ts',
    'ir',
    'npm:@bufbuild/protobuf',
  ],
  'compiler/load': [
    'compiler/load',
    'compiler/frontend',
    'compiler/reporting',
    'compiler/nearest.ts',
    'compiler/diagnostics.ts',
    'compiler/signatures.json',
    'ir',
    'node/alive.ts',
    'node/make-folder.ts',
    'npm:typescript',
    'npm:import-meta-resolve',
    'npm:@jridgewell/trace-mapping',
  ],
  'compiler/web': ['compiler', 'ir'],
  'compiler/web/typescript': ['compiler/web/typescript', 'npm:@babel/parser'],
  'compiler/editor': [
    'compiler',
    'ir',
    'npm:typescript',
    'npm:vscode-languageserver',
    'npm:vscode-languageserver-textdocument',
  ],
  'compiler/cli': [
    'view/data',
    'compiler',
    'ir',
    'npm:commander',
    'npm:picocolors',
    'node',
    'npm:typescript',
    'npm:btc-compiler',
  ],
  'compiler/explain': ['compiler/explain', 'compiler/diagnostics.ts'],
  'compiler/interchange/graph': ['compiler/interchange/graph', 'ir'],
  'compiler/interchange/stablehlo': [
    'compiler/interchange/stablehlo',
    'compiler/interchange/graph',
    'compiler/codegen/polynomials.ts',
    'ir',
  ],
  'compiler/interchange/onnx-export': [
    'compiler/interchange/onnx-export',
    'compiler/interchange/graph',
    'compiler/interchange/onnx/schema',
    'ir',
    'npm:@bufbuild/protobuf',
  ],
  'compiler/plan-search/exact': ['compiler', 'ir', 'npm:highs'],
  'compiler/inspect': ['compiler', 'ir', 'npm:@dagrejs/graphlib'],
  view: ['view', 'compiler/format.ts', 'ir'],
  'view/data': ['view/data', 'compiler/inspect', 'compiler/liveness', 'compiler/format.ts', 'ir'],
};

function sourceFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name).split(sep).join('/'));
}

/** What a file imports: paths below the root, packages as `npm:name`, Node's own modules as `node:name`. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const { importedFiles } = ts.preProcessFile(text, true, true);
  return importedFiles.map(({ fileName }) => resolved(file, fileName));
}

function resolved(file: string, specifier: string): string {
  if (specifier.startsWith('.'))
    return relative(ROOT, join(ROOT, dirname(file), specifier))
      .split(sep)
      .join('/');
  if (specifier.startsWith('node:')) return specifier;
  const [scope, name] = specifier.split('/');
  return `npm:${scope.startsWith('@') ? `${scope}/${name}` : scope}`;
}

/** Folders that others enter by one file alone, each with that file. The first of them that holds an imported file counts. */
const ENTRANCES: readonly (readonly [folder: string, entrance: string])[] = [
  ['compiler/codegen/gpu/wgsl', 'compiler/codegen/gpu/wgsl/dialect.ts'],
  ['compiler/codegen/gpu', 'compiler/codegen/gpu/index.ts'],
];

const FILES = ['ir', 'runtime', 'node', 'compiler', 'view'].flatMap(sourceFiles);
const isBelow = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

test('imports point one way', () => {
  const wrong = FILES.flatMap((file) => {
    const rule = Object.keys(ALLOWED)
      .filter((folder) => isBelow(file, folder))
      .sort((a, b) => b.length - a.length)[0];
    return importsOf(file)
      .filter((path) => !path.startsWith('node:'))
      .filter((path) => !ALLOWED[rule].some((allowed) => isBelow(path, allowed)))
      .map((path) => `${file} imports ${path}`);
  });
  expect(wrong).toEqual([]);
});

test('folders with an entrance are entered by it', () => {
  const wrong = FILES.flatMap((file) =>
    importsOf(file).flatMap((path) => {
      const [folder, entrance] = ENTRANCES.find(([inner]) => isBelow(path, inner)) ?? [];
      if (folder === undefined || isBelow(file, folder) || path === entrance) return [];
      return [`${file} imports ${path}, not ${entrance}`];
    }),
  );
  expect(wrong).toEqual([]);
});

test('GPU kernels know no shading language: their entrance alone imports one', () => {
  const importers = FILES.filter(
    (file) =>
      !isBelow(file, 'compiler/codegen/gpu/wgsl') &&
      importsOf(file).some((path) => isBelow(path, 'compiler/codegen/gpu/wgsl')),
  );
  expect(importers).toEqual(['compiler/codegen/gpu/index.ts']);
});

test('targets and dtypes are asked of their tables', () => {
  // Where there is an adapter WebGPU is tried first, and WebAssembly where there is none: that is about these two.
  const mayName = ['runtime/built.ts'];
  // A conversion to the dtype that a value has is the value; targets of a loss are labels or probabilities.
  const mayCompare = ['compiler/simplify/rules.ts', 'compiler/frontend/losses.ts'];
  const wrong = FILES.flatMap((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const target = !mayName.includes(file) && /[!=]== '(?:webgpu|wasm)'/.exec(text);
    const dtype = !mayCompare.includes(file) && /dtype [!=]== '\w+' \?/.exec(text);
    return [target, dtype].flatMap((found) => (found ? [`${file}: ${found[0]}`] : []));
  });
  expect(wrong).toEqual([]);
});

describe('what a browser loads', () => {
  const browserFiles = FILES.filter((file) =>
    ['ir', 'runtime', 'view'].some((folder) => isBelow(file, folder)),
  );

  test('imports nothing of Node and no package', () => {
    const wrong = browserFiles.flatMap((file) =>
      valueImports(file).filter((path) => path.startsWith('node:') || path.startsWith('npm:')),
    );
    expect(wrong).toEqual([]);
  });

  test('evaluates no text', () => {
    for (const file of browserFiles)
      expect(readFileSync(join(ROOT, file), 'utf8')).not.toMatch(/\beval\s*\(|new Function\b/);
  });
});

test('what a page loads of the compiler imports nothing of Node, at no remove', () => {
  const reached = new Map<string, string>();
  const waiting = ['compiler/web/index.ts', 'compiler/web/worker.ts'];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop())
    for (const path of valueImports(file, true)) {
      if (reached.has(path)) continue;
      reached.set(path, file);
      if (FILES.includes(path)) waiting.push(path);
    }
  expect(reached.size).toBeGreaterThan(300);
  const packages = ['@babel/parser', '@bufbuild/protobuf', '@dagrejs/graphlib', 'ml-matrix'];
  const wrong = [...reached].filter(
    ([path]) =>
      path.startsWith('node:') ||
      (path.startsWith('npm:') && !packages.includes(path.slice('npm:'.length))),
  );
  expect(wrong).toEqual([]);
});

test('no file imports itself by way of others', () => {
  const graph = new Map(
    FILES.map((file) => [file, valueImports(file).filter((path) => FILES.includes(path))]),
  );
  // The language is one circle by nature: tensors have methods that are its functions.
  for (const file of FILES) if (isBelow(file, 'compiler/frontend')) graph.delete(file);
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]) => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    state.set(file, 'open');
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    state.set(file, 'done');
  };
  for (const file of graph.keys()) visit(file, []);
  expect(cycles).toEqual([]);
});

/** Imports that stay when types are erased (`verbatimModuleSyntax`: those that do not say `type`), at the start or also later. */
function valueImports(file: string, withLater = false): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022);
  const later = [...text.matchAll(/\bimport\('([^']+)'\)/g)].map(([, path]) =>
    resolved(file, path),
  );
  const found = source.statements.flatMap((statement) => {
    const typeOnly =
      (ts.isImportDeclaration(statement) && statement.importClause?.isTypeOnly) ||
      (ts.isExportDeclaration(statement) && statement.isTypeOnly);
    const from =
      ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)
        ? statement.moduleSpecifier
        : undefined;
    return from && ts.isStringLiteral(from) && !typeOnly ? [resolved(file, from.text)] : [];
  });
  return withLater ? [...found, ...later] : found;
}
