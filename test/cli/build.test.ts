import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PASS_NAMES } from '../../compiler/driver/pass-names.ts';
import { btc } from '../support/btc.ts';
import { createProject, SMALL_MODEL as MODEL, type Project } from '../support/project.ts';

let project: Project;
let folder: string;
beforeEach(() => {
  project = createProject();
  ({ folder } = project);
});
afterEach(() => project.remove());

const write = (name: string, text: string) => project.write(name, text);
const build = (...args: string[]) => project.btc('build', ...args);

describe('btc build', () => {
  test('prints five planted mistakes, each at its expression, and writes nothing', () => {
    const { code, stdout } = btc([
      'build',
      'test/fixtures/five-mistakes.ts',
      '--outDir',
      join(folder, 'out'),
      '--no-pretty',
    ]);
    expect(code).toBe(1);
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringMatching(
        /^test\/fixtures\/five-mistakes\.ts\(19,13\): error BTC1003: input 'weight' is not used/,
      ),
      expect.stringMatching(
        /^test\/fixtures\/five-mistakes\.ts\(24,27\): error BTC2014: 'linear': the input has 784 features, the layer was made for 748/,
      ),
      "  in 'hidden'",
      expect.stringMatching(
        /^test\/fixtures\/five-mistakes\.ts\(25,19\): error BTC2007: einsum 'bi,ij->bk': letter 'i' is 784 in operand 0 and 32 in operand 1/,
      ),
      expect.stringMatching(
        /^test\/fixtures\/five-mistakes\.ts\(26,33\): error BTC2010: 'reshape': dimension 1/,
      ),
      expect.stringMatching(
        /^test\/fixtures\/five-mistakes\.ts\(30,38\): error BTC2003: 'crossEntropy' takes i32 labels, not f32/,
      ),
    ]);
    expect(readdirSync(folder)).toEqual(['node_modules']);
  });

  test('cuts the batch where that is asked for, and says what it means', () => {
    write('src/model.ts', MODEL);
    const { code, stdout } = build('src/model.ts', '--micro-batch', '2', '--target', 'wasm');
    expect(code).toBe(0);
    expect(stdout).toContain('in 2 micro-batches; sums are rounded differently');
    const plan = JSON.parse(readFileSync(join(folder, 'out/model.wasm.plan.json'), 'utf8'));
    expect(plan.microBatches).toEqual({ parts: 2, norm: 'whole' });
    const refused = build('src/model.ts', '--micro-batch', '3', '--target', 'wasm');
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/error BTC402[0-2]: .*3/);
  });

  test('stores halves where that is asked for, and says so', () => {
    write('src/model.ts', MODEL);
    const { code, stdout } = build('src/model.ts', '--precision', 'f16');
    expect(code).toBe(0);
    expect(stdout).toContain('activations, gradients and copies of weights are f16');
    const plan = JSON.parse(readFileSync(join(folder, 'out/model.webgpu.plan.json'), 'utf8'));
    expect([plan.precision, plan.features]).toEqual(['f16', ['shader-f16']]);
    const { stdout: inspected } = project.btc('inspect', 'out/model.webgpu.plan.json');
    expect(inspected).toMatch(/f16.*shader-f16/);
    for (const option of ['--precision', '--half']) {
      const refused = build('src/model.ts', option, 'bf16');
      expect(refused.code).toBe(1);
      expect(refused.stderr + refused.stdout).toMatch(
        new RegExp(`'${option}' is 'bf16'; it must be`),
      );
    }
  });

  test('writes both plans, the module, the parameters and a loader that type-checks', () => {
    write('src/model.ts', MODEL);
    const { code, stdout } = build('src/model.ts');
    expect(stdout).toContain('src/model.ts → out/model.*');
    expect(code).toBe(0);
    expect(readdirSync(join(folder, 'out')).sort()).toEqual([
      'model.cjs',
      'model.d.cts',
      'model.d.ts',
      'model.js',
      'model.safetensors',
      'model.wasm',
      'model.wasm.plan.json',
      'model.webgpu.plan.json',
      'model.worker.js',
      'package.json',
    ]);
    write(
      'use.ts',
      `import { load, type ModelSession } from './out/model.js';
const session: ModelSession = await load({ target: 'wasm' });
const { loss } = await session.run('train', { x: new Float32Array(12), y: new Int32Array(4) });
const values: Float32Array = loss;
// @ts-expect-error there is no such program
await session.run('fly', {});
// @ts-expect-error x is missing
await session.run('predict', {});
console.log(values.length);
`,
    );
    const program = ts.createProgram([join(folder, 'use.ts')], {
      strict: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      moduleDetection: ts.ModuleDetectionKind.Force,
      skipLibCheck: false,
      types: [],
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
    });
    // A file of ours takes the format of its package; this folder has none, so the import of an ES module is told so.
    const messages = ts
      .getPreEmitDiagnostics(program)
      .filter(({ code: number }) => number !== 1309 && number !== 1479)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
    expect(messages).toEqual([]);
  });

  test('a model of several files, with JSON, a package of its own and import.meta.url', () => {
    write(
      'node_modules/widths/package.json',
      '{ "name": "widths", "type": "module", "exports": "./index.js" }',
    );
    write('node_modules/widths/index.js', 'export const width = 5;');
    write('node_modules/widths/index.d.ts', 'export declare const width: number;');
    write('sizes.json', '{ "outputs": 2 }');
    write(
      'layers/head.ts',
      `import { linear, type Tensor } from 'btc-compiler';
import { width } from 'widths';
import sizes from '../sizes.json' with { type: 'json' };
export const head = (x: Tensor): Tensor => linear(width, sizes.outputs, { name: import.meta.url.endsWith('/layers/head.ts') ? 'head' : 'wrong' })(x);
`,
    );
    write(
      'model.ts',
      `import { defineModel, tensor } from 'btc-compiler';
import { head } from './layers/head.ts';
export default defineModel({ name: 'parts', inputs: { x: tensor([1, 5]) }, build: ({ x }) => ({ y: head(x) }) });
`,
    );
    const { code, stdout } = build('model.ts', '--target', 'webgpu', '--no-pretty');
    expect(stdout).not.toContain('error');
    expect(code).toBe(0);
    const plan = JSON.parse(readFileSync(join(folder, 'out/model.webgpu.plan.json'), 'utf8'));
    expect(plan.tensors.map(({ name }: { name: string }) => name)).toContain('head.weight');
  });

  test("TypeScript's errors and btc's come in one stream, ordered by position", () => {
    write(
      'model.ts',
      `import { defineModel, matmul, tensor } from 'btc-compiler';
const text: number = 'seven';
export default defineModel({
  name: 'mixed',
  inputs: { x: tensor([2, 3]) },
  build: ({ x }) => ({ y: matmul(x, x) }),
});
`,
    );
    const { code, stdout } = build('model.ts', '--no-pretty');
    expect(code).toBe(1);
    expect(stdout.trim().split('\n')).toEqual([
      "model.ts(2,7): error TS2322: Type 'string' is not assignable to type 'number'.",
      'model.ts(6,27): error BTC2004: matmul: inner dimensions differ: [2, 3] by [2, 3] (3 against 2)',
    ]);
  });

  test('pretty diagnostics show the line and underline the expression', () => {
    write('model.ts', MODEL.replace('linear(3, 2)(x)', 'linear(4, 2)(x)'));
    const { stdout } = build('model.ts', '--pretty');
    expect(stdout).toContain('model.ts:6:32 - error BTC2014:');
    expect(stdout).toMatch(/6 {3}build: .*\n +~+\n/);
    expect(stdout).toContain('Found 1 error in model.ts:6');
  });

  test('an exception of the user’s code is reported at its line', () => {
    write(
      'model.ts',
      `import { defineModel, tensor } from 'btc-compiler';
export default defineModel({
  name: 'throws',
  inputs: { x: tensor([2]) },
  build: ({ x }) => {
    if (x.rank === 1) throw new RangeError('no vectors here');
    return { x };
  },
});
`,
    );
    const { code, stdout } = build('model.ts', '--no-pretty');
    expect(code).toBe(1);
    expect(stdout).toContain(
      'model.ts(6,29): error BTC1002: the model could not be evaluated: RangeError: no vectors here',
    );
  });

  test('options are set, and unknown or ill-typed ones are refused', () => {
    write('model.ts', MODEL);
    expect(build('model.ts', '--set', 'batch=8').code).toBe(0);
    const plan = JSON.parse(readFileSync(join(folder, 'out/model.wasm.plan.json'), 'utf8'));
    expect(plan.programs.predict.inputs[0].shape).toEqual([8, 3]);
    expect(build('model.ts', '--set', 'batches=8', '--no-pretty').stdout).toContain(
      "error BTC1005: option 'batches' is set but model 'small' declares no such option; it declares batch",
    );
    expect(build('model.ts', '--set', 'batch=many', '--no-pretty').stdout).toContain(
      "model.ts(2,15): error BTC1006: option 'batch' takes a number, not 'many'",
    );
  });

  test('options that are declared while the model is traced are set, for each target', () => {
    const inner = MODEL.replace(
      'build: ({ x }) => ({ logits: linear(3, 2)(x) })',
      "build: ({ x }) => ({ logits: linear(option('width', 7), 2)(linear(3, option('width', 7))(x)) })",
    );
    expect(inner).not.toBe(MODEL);
    write('inner.ts', inner);
    const { code, stdout } = build('inner.ts', '--set', 'width=5', '--set', 'batch=8');
    expect({ code, stdout }).toMatchObject({ code: 0 });
    for (const target of ['wasm', 'webgpu']) {
      const plan = JSON.parse(readFileSync(join(folder, `out/inner.${target}.plan.json`), 'utf8'));
      expect(plan.programs.predict.inputs[0].shape).toEqual([8, 3]);
      const { shape } = plan.tensors.find(
        ({ name }: { name: string }) => name === 'linear1.weight',
      );
      expect(shape).toEqual([3, 5]);
    }
    const refused = build('inner.ts', '--set', 'widht=5', '--no-pretty').stdout;
    expect(refused.match(/BTC1005.*/g)).toEqual([
      expect.stringContaining("it declares batch, width; did you mean 'width'?"),
    ]);
    expect(build('inner.ts', '--set', 'width=x', '--no-pretty').stdout).toContain(
      "inner.ts(6,39): error BTC1006: option 'width' takes a number, not 'x'",
    );
  });

  test('a budget that is too small names the peak and what lives there; earlier outputs stay', () => {
    write('model.ts', MODEL);
    expect(build('model.ts').code).toBe(0);
    const before = readFileSync(join(folder, 'out/model.webgpu.plan.json'), 'utf8');
    const { code, stdout } = build(
      'model.ts',
      '--target',
      'webgpu',
      '--budget',
      '1KiB',
      '--set',
      'batch=64',
      '--no-pretty',
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /error BTC4001: the webgpu plan needs .* over the budget of 1\.00 KiB by .*; the peak is at step \d+ of 'train'/,
    );
    expect(stdout).toMatch(/live there: 'train\/x' \[64, 3\], 768 B/);
    expect(readFileSync(join(folder, 'out/model.webgpu.plan.json'), 'utf8')).toBe(before);
    expect(build('model.ts', '--budget', '1MiB').code).toBe(0);
  });

  test('exit code 2 when one file of two was built; --noEmit writes nothing', () => {
    write('good.ts', MODEL);
    write('bad.ts', MODEL.replace('linear(3, 2)', 'linear(0, 2)'));
    expect(build('good.ts', '--noEmit').code).toBe(0);
    expect(readdirSync(folder)).not.toContain('out');
    expect(build('good.ts', 'bad.ts').code).toBe(2);
    expect(readdirSync(join(folder, 'out')).some((name) => name.startsWith('bad'))).toBe(false);
  });

  test('bad usage is explained', () => {
    expect(build().stderr).toContain("missing required argument 'files'");
    expect(build('model.ts', '--target', 'cuda').stderr).toContain(
      "BTC6001: unknown target 'cuda'; the targets are webgpu and wasm",
    );
    expect(build('model.ts', '--budget', '12 parsecs').stderr).toContain(
      "BTC4004: '12 parsecs' is not a byte size",
    );
    const missing = build('nowhere.ts', '--no-pretty');
    expect(missing.code).toBe(1);
    expect(missing.stdout).toContain("error BTC6003: 'nowhere.ts' does not exist");
    const help = build('--help').stdout;
    expect(help).toMatch(/separated by commas\s+\(default:\s+webgpu,wasm\)/);
    expect(help).not.toMatch(/default: (\{|false)/);
  });

  test('--print-after shows the program as text', () => {
    write('model.ts', MODEL);
    expect(build('model.ts', '--target', 'wasm', '--print-after', 'gradient').stdout).toContain(
      'graph train {',
    );
    const printed = (pass: string) =>
      build('model.ts', '--target', 'wasm', '--noEmit', '--print-after', pass).stdout;
    expect(printed('allocate')).toContain('schedule small');
    expect(printed('codegen')).toContain('(module');
    // What the pass was called before.
    expect(printed('levers').split('\n')[0]).toBe('schedule small');
  });

  test('--timings shows what every pass took, and its verification', () => {
    write('model.ts', MODEL);
    const { stdout } = build('model.ts', '--target', 'wasm', '--noEmit', '--timings');
    const rows = stdout.split('\n').slice(3);
    expect(stdout).toMatch(/^ {2}pass +runs +reused +time +verification$/m);
    expect(rows.flatMap((row) => /^ {2}([\w-]+) +1 /.exec(row)?.[1] ?? [])).toEqual(PASS_NAMES);
    expect(rows.find((row) => row.startsWith('  all '))).toMatch(
      new RegExp(`^ {2}all +${PASS_NAMES.length} +`),
    );
  });
});
