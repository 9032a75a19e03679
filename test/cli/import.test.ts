import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { load } from '../../runtime/index.ts';
import {
  externalTensor,
  INT64,
  onnxModel,
  onnxNode,
  onnxTensor,
  onnxValue,
} from '../support/onnx.ts';
import { imageModel, numbers } from '../support/onnx-models.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

let project: Project;
const path = (name: string) => join(project.folder, name);

beforeAll(() => {
  project = createProject();
  writeFileSync(path('net.onnx'), imageModel());
});
afterAll(() => project.remove());

describe('btc import', () => {
  test('writes a model that builds, and weights that it takes', async () => {
    const { code, stdout, stderr } = project.btc('import', 'net.onnx', '-o', 'made');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(`net.onnx → made/net.ts, made/net.safetensors
  model       images
  nodes       14
  parameters  489
  options     batch
`);
    expect(project.list('made')).toEqual(['net.safetensors', 'net.ts']);
    const { tensors } = decodeSafetensors(readFileSync(path('made/net.safetensors')));
    expect([...tensors.keys()].sort()).toEqual([
      'deep.weight',
      'fc.bias',
      'fc.weight',
      'norm.runningMean',
      'norm.runningVariance',
      'norm.scale',
      'norm.shift',
      'stem.bias',
      'stem.weight',
    ]);
    const built = project.btc(
      ...['build', 'made/net.ts', '--outDir', 'out', '--target', 'wasm', '--set', 'batch=2'],
    );
    expect({ code: built.code, stderr: built.stderr }).toEqual({ code: 0, stderr: '' });
    const session = await load(JSON.parse(readFileSync(path('out/net.wasm.plan.json'), 'utf8')), {
      module: readFileSync(path('out/net.wasm')),
      parameters: new Uint8Array(readFileSync(path('made/net.safetensors'))),
    });
    const image = Float32Array.from(numbers(2 * 3 * 64));
    const { logits } = await session.run('predict', { image });
    expect((logits as unknown as Float32Array).length).toBe(10);
    session.destroy();
  });

  const small = (last: ReturnType<typeof onnxNode>, outputs: readonly string[] = ['y']) =>
    onnxModel({
      inputs: [onnxValue('targets', ['n', 3, 4, 4])],
      outputs,
      weights: [onnxTensor('w', [5, 3, 1, 1], numbers(15))],
      nodes: [onnxNode('Conv', ['targets', 'w'], ['c']), last],
    });
  test.each<[string, Uint8Array, string, string, Record<string, ArrayLike<number>>]>([
    [
      'classes of images',
      imageModel(),
      'crossEntropy',
      'loss: ({ logits }, { targets }) => crossEntropy(logits, targets)',
      { image: Float32Array.from(numbers(2 * 3 * 64)), targets: Int32Array.of(1, 4) },
    ],
    [
      'numbers',
      imageModel(),
      'mse',
      'loss: ({ logits }, { targets }) => meanSquaredError(logits, targets)',
      { image: Float32Array.from(numbers(2 * 3 * 64)), targets: Float32Array.from(numbers(10)) },
    ],
    [
      'classes of pixels, of which an input has the name that targets would',
      small(onnxNode('Identity', ['c'], ['y'])),
      'crossEntropy',
      'loss: ({ y }, { targets2 }) => crossEntropy(transpose(y, [0, 2, 3, 1]), targets2)',
      {
        targets: Float32Array.from(numbers(2 * 48)),
        targets2: Int32Array.from({ length: 32 }, (_, k) => k % 5),
      },
    ],
    [
      'classes whose shares come out',
      small(onnxNode('Softmax', ['c'], ['y'], { axis: 1 })),
      'crossEntropy',
      'loss: ({ y }, { targets2 }) => crossEntropy(transpose(log(y), [0, 2, 3, 1]), targets2)',
      {
        targets: Float32Array.from(numbers(2 * 48)),
        targets2: Int32Array.from({ length: 32 }, (_, k) => k % 5),
      },
    ],
  ])('--train makes it learn: %s', async (_, bytes, loss, line, given) => {
    writeFileSync(path('learns.onnx'), bytes);
    const args = ['--train', loss, '--overwrite', '-o', 'learns'];
    const { code, stderr } = project.btc('import', 'learns.onnx', ...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const text = readFileSync(path('learns/learns.ts'), 'utf8');
    expect(text).toContain(line);
    const [open] = /(?<=const )\w+(?= = option)/.exec(text)!;
    const built = project.btc(
      ...['build', 'learns/learns.ts', '--outDir', 'taught', '--target', 'wasm'],
      ...['--set', `${open}=2`],
    );
    expect({ code: built.code, stdout: built.stdout.includes('error') }).toEqual({
      ...{ code: 0, stdout: false },
    });
    const plan = JSON.parse(readFileSync(path('taught/learns.wasm.plan.json'), 'utf8'));
    const session = await load(plan, {
      module: readFileSync(path('taught/learns.wasm')),
      parameters: new Uint8Array(readFileSync(path('learns/learns.safetensors'))),
    });
    const losses: number[] = [];
    for (let step = 0; step < 40; step++) {
      const made = await session.run('train', { ...given, learningRate: 0.02 } as never);
      losses.push(made.loss[0]);
    }
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]);
    session.destroy();
  });

  test('--train that fits no output is refused', () => {
    writeFileSync(path('counts.onnx'), small(onnxNode('ArgMax', ['c'], ['y'], { axis: 1 })));
    const { code, stderr } = project.btc('import', 'counts.onnx', '--train', 'mse');
    expect(code).toBe(1);
    expect(stderr).toContain("BTC5119: 'mse' has no output to be of: it takes floats, and");
    const scalar = small(onnxNode('ReduceMean', ['c'], ['y'], { keepdims: 0 }));
    writeFileSync(path('scalar.onnx'), scalar);
    const wanted = project.btc('import', 'scalar.onnx', '--train', 'crossEntropy');
    expect(wanted.stderr).toContain('BTC5119');
    expect(project.list('.')).not.toContain('scalar.ts');
    expect(project.btc('import', 'scalar.onnx', '--train', 'hinge').stderr).toContain('BTC6011');
  });

  test('replaces no file unasked', () => {
    const again = project.btc('import', 'net.onnx', '-o', 'made');
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("BTC5015: 'made/net.ts' would be overwritten");
    const asked = project.btc('import', 'net.onnx', '-o', 'made', '--overwrite', '--json');
    expect(JSON.parse(asked.stdout)).toEqual({
      ...{ file: 'net.onnx', model: 'made/net.ts', weights: 'made/net.safetensors' },
      ...{ name: 'images', nodes: 14, parameters: 489, options: ['batch'], fixed: [] },
    });
  });

  test('takes axes and the values of inputs', () => {
    const bytes = onnxModel({
      inputs: [onnxValue('x', ['n', 6]), onnxValue('shape', [2], INT64)],
      outputs: ['y'],
      nodes: [onnxNode('Reshape', ['x', 'shape'], ['y'])],
    });
    writeFileSync(path('shape.onnx'), bytes);
    const refused = project.btc('import', 'shape.onnx');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('error BTC5111: ');
    expect(project.list('.')).not.toContain('shape.ts');
    const wrong = project.btc('import', 'shape.onnx', '--value', 'shape=2,many');
    expect(wrong.stderr).toContain("BTC5117: the values of input 'shape' are '2,many'");
    const made = project.btc('import', 'shape.onnx', '--value', 'shape=3,-1', '--set', 'n=4');
    expect({ code: made.code, stderr: made.stderr }).toEqual({ code: 0, stderr: '' });
    const text = readFileSync(path('shape.ts'), 'utf8');
    expect(text).toContain("const n = option('n', 4);");
    expect(text).toContain('[3, n * 2]');
  });

  test('reads data beside the model, and none that a link leads out to', () => {
    mkdirSync(path('inner'));
    const bytes = onnxModel({
      inputs: [onnxValue('x', [2])],
      outputs: ['y'],
      nodes: [onnxNode('Mul', ['x', 'w'], ['y'])],
      weights: [externalTensor('w', [2], { location: 'w.bin', offset: '4', length: '8' })],
    });
    writeFileSync(path('inner/m.onnx'), bytes);
    writeFileSync(path('secret.bin'), Float32Array.of(9, 9, 9));
    symlinkSync('../secret.bin', path('inner/w.bin'));
    const refused = project.btc('import', 'inner/m.onnx', '-o', 'inner');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('it is outside of the folder of the model');
    project.write('beside/readme', '');
    writeFileSync(path('beside/m.onnx'), bytes);
    writeFileSync(path('beside/w.bin'), Float32Array.of(9, 2, 3));
    const { code } = project.btc('import', 'beside/m.onnx', '-o', 'beside');
    expect(code).toBe(0);
    const { tensors } = decodeSafetensors(readFileSync(path('beside/m.safetensors')));
    const { data } = tensors.get('w')!;
    expect(Array.from(new Float32Array(data.slice().buffer))).toEqual([2, 3]);
  });

  test('says of a file that it is none', () => {
    project.write('no.onnx', 'not a model');
    const { code, stderr } = project.btc('import', 'no.onnx');
    expect(code).toBe(1);
    expect(stderr).toContain("error BTC5100: 'no.onnx' is no model of ONNX: ");
    expect(project.btc('import', 'nowhere.onnx').stderr).toContain("BTC6003: 'nowhere.onnx'");
  });
});

test('what btc export writes comes back as the layers that it was', () => {
  const model = SMALL_MODEL.replace(
    'linear(3, 2)(x)',
    "linear(8, 2, { name: 'out' })(relu(linear(3, 8, { name: 'in' })(x)))",
  );
  project.write('round/net.ts', model.replace('linear, option', 'linear, option, relu'));
  expect(
    project.btc('export', 'round/net.ts', '--format', 'onnx', '-o', 'round/net.onnx').code,
  ).toBe(0);
  expect(
    project.btc('build', 'round/net.ts', '--target', 'wasm', '--outDir', 'round/first').code,
  ).toBe(0);
  const { code } = project.btc('import', 'round/net.onnx', '--outDir', 'round/back');
  expect(code).toBe(0);
  const text = readFileSync(join(project.folder, 'round/back/net.ts'), 'utf8');
  expect(text).toContain("linear(3, 8, { name: 'in' })");
  expect(text).toContain("linear(8, 2, { name: 'out' })");
  expect(text).toMatch(/ = relu\(/);
  expect(text).not.toMatch(/maximum|add\(|param\(/);
  const tensorsOf = (name: string) =>
    decodeSafetensors(readFileSync(join(project.folder, name))).tensors;
  const [first, back] = ['round/first/net', 'round/back/net'].map((name) =>
    tensorsOf(`${name}.safetensors`),
  );
  expect([...back.keys()].sort()).toEqual(['in.bias', 'in.weight', 'out.bias', 'out.weight']);
  for (const [name, { shape, data }] of back)
    expect([name, shape, [...data]]).toEqual([
      name,
      first.get(name)!.shape,
      [...first.get(name)!.data],
    ]);
  expect(project.btc('build', 'round/back/net.ts', '--target', 'wasm', '--noEmit').code).toBe(0);
});
