import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SourceFiles } from '../../compiler/web/modules.ts';
import { btc } from '../support/btc.ts';
import {
  compileInPage,
  openWebPage,
  type SourceResult,
  type WebPage,
} from '../support/web-page.ts';

let web: WebPage;
let folder: string;

beforeAll(async () => {
  web = await openWebPage();
  folder = mkdtempSync(join(tmpdir(), 'btc-web-'));
});
afterAll(async () => {
  await web?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** `btc build` of the same files, in a folder of their own. */
function built(files: SourceFiles, args: readonly string[] = []) {
  const cwd = mkdtempSync(join(folder, 'build-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  const result = btc(['build', 'model.ts', '--outDir', 'out', '--no-pretty', ...args], { cwd });
  return { ...result, cwd };
}

/** Its own messages: those of TypeScript, which a page cannot have, left out. */
function messagesOf(output: string): string[] {
  return output.split('\n').filter((line) => /(error|warning) BTC\d/.test(line));
}

function formatted({ diagnostics }: SourceResult): string[] {
  const place = ({ source }: SourceResult['diagnostics'][number]) =>
    source ? `${source.file}(${source.line},${source.column}): ` : '';
  return diagnostics.map(
    (one) => `${place(one)}${one.category} ${one.code}: ${one.message.split('\n')[0]}`,
  );
}

const model = (build: string, rest = '', head = '') =>
  `import {
  adam, concat, conv2d, crossEntropy, defineModel, dense, gelu, linear, matmul, option, type Model, relu, scope, softmax, tensor, type Tensor,
} from 'btc-compiler';
${head}
const batch: number = option('batch', 4);

export default defineModel({
  name: 'm',
  inputs: { x: tensor([batch, 6]), y: tensor([batch], 'i32') },
  build({ x }) {
    ${build}
  },
  ${rest}
}) satisfies Model;
`.replace(/ dense,/, '');

const WRONG: Readonly<Record<string, SourceFiles>> = {
  'shapes of a layer': { 'model.ts': model('return { z: linear(7, 3)(relu(x as Tensor)) };') },
  'a method in a chain over lines': {
    'model.ts': model(
      'const w = x.reshape([6, batch]);\n    return { z: (x as any)\n      .relu()\n      .matmul(w!.transpose([1, 0])\n        .add(1)) };',
    ),
  },
  'a generic function, called twice': {
    'model.ts': model(
      'const one = twice<Tensor>(x, (t: Tensor): Tensor => linear(6, 6)(t));\n    return { z: twice(one, (t) => linear(5, 5)(t)) };',
      '',
      'function twice<T>(value: T, fn: (value: T) => T): T {\n  return fn(fn(value));\n}',
    ),
  },
  'classes, enums, parameter properties': {
    'model.ts': model(
      'return { z: new Block(Size.Large, 3).call(x) };',
      '',
      `enum Size { Small = 2, Large = Small * 4, Name = 'x' as any }
abstract class Base<T> { abstract call(x: T): T; protected readonly kept?: number; declare unused: string }
class Block extends Base<Tensor> implements Iterable<number> {
  constructor(private readonly size: Size, public depth: number) { super(); }
  override call(this: Block, x: Tensor): Tensor { return scope(\`block\${this.depth}\`, () => linear(this.size, 3)(x)); }
  *[Symbol.iterator](): Iterator<number> { yield 1; }
}`,
    ),
  },
  'an exception of the model': {
    'model.ts': model(
      "const sizes: Record<string, number[]> = {};\n    return { z: x.add(sizes['none']![0]) };",
    ),
  },
  'no default export': { 'model.ts': 'export const model = 1;\n' },
  'files that import each other': {
    'model.ts':
      "import { defineModel, tensor, type Tensor } from 'btc-compiler';\nimport { Head, type Wide } from './layers/head.js';\nimport type { Size } from './sizes';\n\nconst size: Size = 6;\nexport default defineModel({\n  name: 'm',\n  inputs: { x: tensor([4, size]) },\n  build: ({ x }: { x: Tensor }) => ({ z: new Head(8 satisfies Wide).call(x) }),\n});\n",
    'layers/head.ts':
      "import { linear, type Tensor } from 'btc-compiler';\nimport { SCALE } from '..';\nexport type Wide = number;\nexport class Head {\n  private width: Wide;\n  constructor(width: Wide) { this.width = width * SCALE; }\n  call(x: Tensor): Tensor {\n    return linear(this.width, 2)(x);\n  }\n}\n",
    'sizes.ts': 'export type Size = 6;\n',
    'index.ts':
      "import type { Size } from './sizes.ts';\nexport type { Size };\nexport const SCALE = 1;\n",
  },
  'two mistakes and a warning in training': {
    'model.ts': model(
      'const a = x.sum([5]);\n    return { logits: linear(6, 3)(x), a };',
      'train: {\n    loss: ({ logits }, { y }) => crossEntropy(logits, logits),\n    optimizer: adam({ learningRate: -1 }),\n  },',
    ),
  },
  'an operation outside of build': {
    'model.ts': model('return { z: x };', '', 'const t = relu(1 as any);'),
  },
  'an unused input': { 'model.ts': model('return { z: linear(6, 2)(x) };') },
};

describe('mistakes are told as btc build tells them', () => {
  test.each(Object.entries(WRONG))('%s', async (_, files) => {
    const wanted = messagesOf(built(files).stdout);
    expect(wanted.length).toBeGreaterThan(0);
    const result = await compileInPage(web.page, files);
    expect(formatted(result).sort()).toEqual(wanted.sort());
    const isWrong = wanted.some((line) => line.includes('error'));
    expect(Object.keys(result.plans)).toEqual(isWrong ? [] : ['webgpu', 'wasm']);
  });
});
