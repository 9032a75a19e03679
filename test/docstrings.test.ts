import ts from 'typescript';
import { beforeAll, expect, test } from 'vitest';

// What the entries of the package export is documented where it is declared. Editors show these comments, so they say what a caller
// needs: shapes of tensors, and the codes of the errors that the function itself reports.

const ENTRIES = [
  'compiler/index.ts',
  'runtime/index.ts',
  'node/index.ts',
  'ir/index.ts',
  'view/index.ts',
];

interface Exported {
  /** `compiler/index.ts: linear`. */
  readonly name: string;
  readonly comment: string;
  readonly symbol: ts.Symbol;
}

let checker: ts.TypeChecker;
const exported: Exported[] = [];

beforeAll(() => {
  const path = (file: string) => new URL(`../${file}`, import.meta.url).pathname;
  const { config } = ts.readConfigFile(path('tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, path('.'));
  const program = ts.createProgram(ENTRIES.map(path), { ...options, noEmit: true });
  checker = program.getTypeChecker();
  for (const entry of ENTRIES) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(path(entry))!)!;
    collect(`${entry}: `, module);
  }
});

function collect(prefix: string, module: ts.Symbol): void {
  for (const one of checker.getExportsOfModule(module)) {
    const isAlias = (one.flags & ts.SymbolFlags.Alias) !== 0;
    const symbol = isAlias ? checker.getAliasedSymbol(one) : one;
    const name = prefix + one.name;
    exported.push({ name, comment: commentOn(symbol), symbol });
    if (symbol.flags & ts.SymbolFlags.ValueModule) collect(`${name}.`, symbol);
  }
}

/** A namespace has its comment in front of the first statement of its file. */
function commentOn(symbol: ts.Symbol): string {
  const [declaration] = symbol.declarations ?? [];
  if (declaration && ts.isSourceFile(declaration))
    return /^\/\*\*[\s\S]*?\*\//.exec(declaration.text)?.[0] ?? '';
  const tags = symbol
    .getJsDocTags(checker)
    .map(({ name, text }) => `@${name} ${ts.displayPartsToString(text)}`);
  return [ts.displayPartsToString(symbol.getDocumentationComment(checker)), ...tags].join('\n');
}

/** The comments are of the declarations, or of what they say errors and shapes are as of. */
function withReferences({ comment }: Exported): string {
  const names = [...comment.matchAll(/(?:as for|As|as) \{@link (\w+)\}/g)].map(([, name]) => name);
  const others = exported.filter(({ name }) => names.includes(name.split(/[ .]/).at(-1)!));
  return [comment, ...others.map((other) => other.comment)].join('\n');
}

const signaturesOf = (symbol: ts.Symbol): readonly ts.Signature[] => {
  const declaration = symbol.valueDeclaration;
  if (!declaration || symbol.flags & ts.SymbolFlags.Class) return [];
  return checker.getTypeOfSymbolAtLocation(symbol, declaration).getCallSignatures();
};

const takesTensors = (symbol: ts.Symbol) =>
  signaturesOf(symbol).some(({ parameters }) =>
    parameters.some((parameter) => {
      const type = checker.typeToString(
        checker.getTypeOfSymbolAtLocation(parameter, parameter.valueDeclaration!),
      );
      return /\bTensor(Like)?\b/.test(type);
    }),
  );

/** The codes that stand in the text of a declaration: `report(2015, …)`, `new RuntimeError('plan-mismatch', …)`. */
function ownCodes(symbol: ts.Symbol): string[] {
  const codes = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const [first] = node.arguments ?? [];
      const called = node.expression.getText();
      if (first && /^(report|mistake|diagnostic|warn)$/.test(called) && ts.isNumericLiteral(first))
        codes.add(`BTC${first.text}`);
      if (first && called === 'RuntimeError' && ts.isStringLiteral(first)) codes.add(first.text);
    }
    ts.forEachChild(node, visit);
  };
  for (const declaration of symbol.declarations ?? [])
    if (ts.isFunctionDeclaration(declaration) || ts.isVariableDeclaration(declaration))
      visit(declaration);
  return [...codes];
}

test('every export has a comment', () => {
  expect(exported.length).toBeGreaterThan(400);
  expect(
    exported.filter(({ comment }) => comment.trim().length < 5).map(({ name }) => name),
  ).toEqual([]);
});

test('functions that take tensors say which shapes', () => {
  const taking = exported.filter(({ symbol }) => takesTensors(symbol));
  expect(taking.length).toBeGreaterThan(80);
  const said =
    /\[[^\]]*\]|\bshapes?\b|elementwise|broadcast|\b(every|each) element|\baxis\b|\baxes\b|\bscalar\b/i;
  expect(taking.filter((one) => !said.test(withReferences(one))).map(({ name }) => name)).toEqual(
    [],
  );
});

test('functions name the codes of the errors that they report', () => {
  const reporting = exported.flatMap((one) => ownCodes(one.symbol).map((code) => ({ one, code })));
  expect(reporting.length).toBeGreaterThan(20);
  expect(
    reporting
      .filter(({ one, code }) => !withReferences(one).includes(code))
      .map(({ one, code }) => `${one.name}: ${code}`),
  ).toEqual([]);
});
