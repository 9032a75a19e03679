import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { applyEdits } from '../../compiler/web/typescript/edits.ts';
import { parseSource } from '../../compiler/web/typescript/parse.ts';
import { stripTypes } from '../../compiler/web/typescript/strip.ts';
import { ROOT } from '../support/btc.ts';

// What is left of a file without its types, against what TypeScript itself leaves of it.

/** Models, and sources of the project's own. */
const FOLDERS = ['examples', 'create-btc-compiler', 'compiler/frontend', 'runtime', 'node', 'view'];
const OTHERS = /node_modules|\.d\.ts$|(^|\/)(out|dist|\.build-)/;

function sourcesOf(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !OTHERS.test(name))
    .map((name) => `${folder}/${name}`);
}

function stripped(text: string): string {
  const { program, problems } = parseSource('a.ts', text);
  expect(problems).toEqual([]);
  const { edits, unsupported } = stripTypes(text, program!);
  expect(unsupported).toEqual([]);
  return applyEdits(text, edits).text;
}

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  moduleDetection: ts.ModuleDetectionKind.Force,
  removeComments: true,
};

const transpiled = (text: string) =>
  ts.transpileModule(text, { compilerOptions: OPTIONS }).outputText;

const isEmptyList = (node: ts.Node) => ts.isNamedExports(node) && node.elements.length === 0;

/** Kinds and texts of a program of JavaScript, a line each. Parentheses around what was a cast mean nothing. */
function shapeOf(text: string): string[] {
  const file = ts.createSourceFile('a.js', text, ts.ScriptTarget.ESNext, false, ts.ScriptKind.JS);
  const lines: string[] = [];
  const waiting: ts.Node[] = [file];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    const children: ts.Node[] = [];
    node.forEachChild((child) => void children.push(child));
    waiting.push(...children.reverse());
    if (
      ts.isParenthesizedExpression(node) ||
      ts.isEmptyStatement(node) ||
      ts.isSemicolonClassElement(node)
    )
      continue;
    // TypeScript's marks of a module that has nothing else to say so.
    if (ts.isExportDeclaration(node) && children.length === 1 && isEmptyList(children[0])) {
      waiting.pop();
      continue;
    }
    const own = children.length === 0 && 'text' in node ? ` ${node.text}` : '';
    lines.push(`${ts.SyntaxKind[node.kind]}${own}`);
  }
  return lines;
}

/** Both go through TypeScript: imports that name types alone are modules.ts's, and are the same in both. */
const expectSame = (text: string) => {
  const ours = stripped(text);
  const { diagnostics } = ts.transpileModule(ours, {
    compilerOptions: { ...OPTIONS, allowJs: true },
    fileName: 'a.mjs',
    reportDiagnostics: true,
  });
  const reasons = diagnostics!.map(({ messageText }) => String(messageText));
  expect(reasons.filter((reason) => !/^'(import|export)(\.\.\.| )type/.test(reason))).toEqual([]);
  expect(shapeOf(transpiled(ours))).toEqual(shapeOf(transpiled(text)));
};

test.each(FOLDERS)('%s', (folder) => {
  const names = sourcesOf(folder);
  expect(names.length).toBeGreaterThan(3);
  for (const name of names)
    try {
      expectSame(readFileSync(join(ROOT, name), 'utf8'));
    } catch (error) {
      throw new Error(name, { cause: error });
    }
});

test.each([
  'const a = (b + c) as number;',
  'const a = ((b ? c : d)) as unknown as number, e = 1;',
  'const a = (b /* ) */ /* as */) /* ) */ as number;',
  'const a = (b // )\n) satisfies number;',
  'const a = (b ?? c)!.d;',
  'const a = b![0]!.c!(d!);',
  'const a = <number>(b + c);',
  'const a = <Array<number>> /* > */ (b);',
  'const a = (f)<number>(1), b = new Map<string, Map<number, number>>(), c = f<string>`x`;',
  'const a = b as any\n;(c as any)(d);',
  'for (const a of (b as number[])) c((a));',
  'const f = async <T,>(x: T, y?: number, ...z: T[]): Promise<T> => (x as T);',
  'const f = (x: unknown): x is string => true, g = (x: unknown):\n  asserts x => {};',
  'const f = ({ a, b = 2 as number }: { a: number; b?: number } = { a: (1) as number }) => a;',
  'function f(this: Date, x: number): number; function f(this: Date, x: any): any { return (this as Date); }',
  'try { a(); } catch (e: unknown) { b((e as Error).message); }',
  'abstract class A<T> extends (mixin(B) as any)<T> implements C, D<T> { abstract x: T; abstract f(): T; }',
  'class A { static readonly x: number = 1; private y?: string; declare z: number; w!: number; [key: string]: any; f?(): void; }',
  'class A extends B { protected override readonly x: number = 1; public static override async f(): Promise<void> {} }',
  'class A { get x(): number { return (1) as number; } set x(v: number) {} async *g<T>(): AsyncGenerator<T> {} }',
  'type A<T> = T extends (infer U)[] ? U : never; interface B { c(): void } declare const d: number; declare function e(): void;',
  'namespace N { export type T = number } const a: N.T = 1;',
  'let x: number, y!: string; x = 1, y = (x as any);',
  'const o = { f<T>(this: void, x: T): T { return x; }, get g(): number { return 1; }, [(a as any)]: 1 };',
])('%s', expectSame);

const resultOf = (script: string): unknown =>
  new Function(`${script.replace('export {};', '')}\nreturn value;`)();

test.each([
  'enum A { B, C = 5, D, E = C * 2 + (D as number), F = "x" as any, "g h" = 7 } const value = A;',
  'enum A { B = (1 + 2) * 3, C = (4), D = "a" } enum E { F = A.C } const value = [A, E, A[4], A[A.B]];',
  'enum A { B = ("x"), C = "y" + B, D = `z`, E = 1 + "w", F = C, G = 1 + 2, H = ("v" as any) } const value = A;',
  'class A { z = 3; constructor(private readonly x: number, public y = 2, w?: number) {} } const value = new A(1);',
  'class B { b = 1 } class A extends B { constructor(public x: number) { super(); this.x *= 2; } } const value = new A(4);',
])('what it makes is what TypeScript makes: %s', (text) => {
  expect(resultOf(stripped(text))).toEqual(resultOf(transpiled(text)));
});
