import { join } from 'node:path';
import ts from 'typescript';
import { beforeAll, describe, expect, test } from 'vitest';
import { loaderFiles } from '../../compiler/cli/loader-emit.ts';
import type { Plan, PlanInput, PlanProgram } from '../../ir/plan.ts';
import { ROOT } from '../support/btc.ts';
import { smallPlan } from '../support/small-plan.ts';

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  allowImportingTsExtensions: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
};

/** The plan of the tests of the runtime, with inputs and outputs of more shapes and dtypes. */
function examplePlan(): Plan {
  const plan = smallPlan();
  const { train, predict } = plan.programs;
  const entry = (name: string, dtype: 'f32' | 'i32', shape: number[]) => ({
    name,
    dtype,
    shape,
    tensor: 0,
  });
  const input = (name: string, dtype: 'f32' | 'i32', shape: number[]): PlanInput => ({
    ...entry(name, dtype, shape),
    default: null,
    counter: false,
  });
  const programs: Record<string, PlanProgram> = {
    train,
    predict,
    classify: {
      ...predict,
      inputs: [input('image', 'f32', [2, 3, 4]), input('label', 'i32', [3])],
      outputs: [entry('logits', 'f32', [3]), entry('hidden', 'f32', [3, 4])],
    },
    draw: { ...predict, inputs: [], outputs: [entry('picture', 'f32', [1, 1])] },
    warm: { ...predict, inputs: [input('heat', 'f32', [1, 1])] },
  };
  // All of these were once the same identifier with a capital letter.
  for (const [name, extent] of [['Predict', 5] as const, ['a_b', 6] as const, ['aB', 7] as const])
    programs[name] = { ...predict, inputs: [input('x', 'f32', [extent])] };
  programs['a-b'] = { ...predict, inputs: [input('only', 'f32', [8])] };
  programs['2 "d"'] = predict;
  return { ...plan, programs };
}

/** TypeScript's messages on files that are only here, by path below the root; they see the package as it was built. */
function check(
  texts: Readonly<Record<string, string>>,
  options: ts.CompilerOptions,
): ts.Diagnostic[] {
  const files = new Map(Object.entries(texts).map(([name, text]) => [join(ROOT, name), text]));
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.getSourceFile = (name, settings, ...rest) => {
    const text = files.get(name);
    return text === undefined
      ? getSourceFile(name, settings, ...rest)
      : ts.createSourceFile(name, text, settings);
  };
  return [...ts.getPreEmitDiagnostics(ts.createProgram([...files.keys()], options, host))];
}

const message = ({ messageText }: ts.Diagnostic) =>
  ts.flattenDiagnosticMessageText(messageText, '\n');
const ofFile = ({ file }: ts.Diagnostic) => file?.fileName.slice(ROOT.length).replace(/^\//, '');

const declarations = () =>
  loaderFiles('model', examplePlan(), ['webgpu', 'wasm']).find(({ path }) =>
    path.endsWith('.d.ts'),
  )!.content as string;

const HEAD = `import { load, programs, type ModelSession, type Programs } from './model.js';
declare const session: ModelSession;
const x = new Float32Array(12);
const y = new Float32Array(3);
`;
/** Stands in a text before the expression that TypeScript shall complain about. */
const MARK = '▸';

const RIGHT: Readonly<Record<string, string>> = {
  'typed arrays': "await session.run('train', { x, y, learningRate: new Float32Array(1) });",
  'nested arrays and numbers': `
const row = [1, 2, 3, 4];
const rows: number[][] = [row, row, row];
await session.run('train', { x: rows, y: [1, 2, 3], learningRate: 0.1, step: 3 });
await session.run('warm', { heat: 1 });`,
  'i32 for i32': `
await session.run('classify', { image: new Float32Array(24), label: Int32Array.of(1, 2, 3) });`,
  'an output as an input of its shape': `
const { hidden, logits } = await session.run('classify', { image: new Float32Array(24), label: [0, 1, 2] });
await session.run('train', { x: hidden, y: logits });`,
  'a copy of an output has no shape of its own': `
const { hidden } = await session.run('classify', { image: new Float32Array(24), label: [0, 1, 2] });
await session.run('classify', { image: hidden.slice(), label: [0, 1, 2] });`,
  'outputs are plain typed arrays': `
const { loss, finished } = await session.run('train', { x, y });
const values: Float32Array = loss;
const steps: Int32Array = finished;
void [values[0].toFixed(), steps];`,
  'only what is read': `
const { loss } = await session.run('train', { x, y }, { read: ['loss'] });
const both = await session.run('train', { x, y }, { read: ['loss', 'finished'] });
const all = await session.run('train', { x, y }, {});
void [loss[0], both.loss, both.finished[0], all.finished];
await session.run('train', { x, y }, { read: false });`,
  'a list of names that is known later may lack any of them': `
declare const names: ('loss' | 'finished')[];
const { loss } = await session.run('train', { x, y }, { read: names });
void loss?.[0];`,
  'a program without inputs': "void (await session.run('draw', {})).picture[0];",
  'names that are one identifier': `
const given: [Programs['Predict']['inputs'], Programs['a-b']['inputs']] = [{ x }, { only: x }];
await session.run('Predict', given[0]);
await session.run('a-b', given[1]);
await session.run('2 "d"', { x });
const five: 5 = programs.Predict.inputs.x.shape[0];
const type: 'i32' = programs.train.outputs.finished.dtype;
void [five, type];`,
  'the options of load': `
const loaded = await load({ target: 'wasm', parameters: { weight: [1, 2, 3, 4] }, onFallback: () => {} });
const bytes: Uint8Array = await loaded.saveCheckpoint();
void bytes;`,
};

/** Each with one mistake. */
const WRONG: Readonly<Record<string, string>> = {
  'an unknown program': "session.run(▸'fly', {});",
  'a missing input': "session.run('train', ▸{ x });",
  'an unknown input': "session.run('train', { x, y, ▸z: 1 });",
  'an input of a program without inputs': "session.run('draw', { ▸z: 1 });",
  'i32 for f32': "session.run('train', { ▸x: new Int32Array(12), y });",
  'f32 for i32': "session.run('classify', { image: x, ▸label: y });",
  'nested arrays of too low a rank': "session.run('train', { x: [▸1, ▸2], y });",
  'nested arrays of too high a rank': "session.run('train', { x, y: [▸[1, 2, 3]] });",
  'a number for an array': "session.run('train', { x, ▸y: 1 });",
  text: "session.run('train', { x, y: [▸'1'] });",
  'an output of another shape': `
const { logits } = await session.run('classify', { image: x, label: [1, 2, 3] });
session.run('train', { ▸x: logits, y });`,
  'an output of another dtype': `
const { finished } = await session.run('train', { x, y });
session.run('train', { x, y, ▸learningRate: finished });`,
  'an unknown output to read': "session.run('train', { x, y }, { read: [▸'lss'] });",
  'the output of another program to read': "session.run('train', { x, y }, { read: [▸'logits'] });",
  'an output that was not read': `
const some = await session.run('train', { x, y }, { read: ['loss'] });
void some.▸finished;`,
  'an output where none is read': `
const none = await session.run('train', { x, y }, { read: false });
void none.▸loss;`,
  'an output where an empty list is read': `
const none = await session.run('train', { x, y }, { read: [] });
void none.▸loss;`,
  'an output that one of two names may not have read': `
declare const name: 'loss' | 'finished';
const some = await session.run('train', { x, y }, { read: [name] });
void some.▸loss;`,
  'a name of a list that is known later': `
declare const names: ('loss' | 'finished')[];
const { loss } = await session.run('train', { x, y }, { read: names });
void ▸loss[0];`,
  'the inputs of a program whose name differs in a capital letter': `
const { picture } = await session.run('draw', {});
session.run('Predict', { ▸x: picture });`,
  'the inputs of a program whose name differs in a hyphen':
    "session.run('a-b', { ▸x: new Float32Array(8) });",
  'a target that was not built': "load({ ▸target: 'cuda' });",
};

describe('the types of a loader', () => {
  const fileOf = (name: string) => `test/cli/${name.replaceAll(/\W+/g, '-')}.ts`;
  let errors: ts.Diagnostic[];

  // One program for all texts: the types of the language are read once.
  beforeAll(() => {
    const texts = Object.entries({ ...RIGHT, ...WRONG }).map(([name, text]) => [
      fileOf(name),
      (HEAD + text).replaceAll(MARK, ''),
    ]);
    errors = check(
      { 'test/cli/model.d.ts': declarations(), ...Object.fromEntries(texts) },
      { ...OPTIONS, paths: { 'btc-compiler/runtime': [join(ROOT, 'runtime/index.ts')] } },
    );
  });
  const errorsIn = (name: string) =>
    errors
      .filter((error) => ofFile(error) === name)
      .map((error) => ({ start: error.start, text: message(error) }));

  test('are themselves right', () => {
    const [generated] = check(
      { 'test/cli/model.d.ts': declarations() },
      { ...OPTIONS, skipLibCheck: false },
    );
    expect(generated && message(generated)).toBeUndefined();
  });

  test.each(Object.keys(RIGHT))('accept %s', (name) => {
    expect(errorsIn(fileOf(name))).toEqual([]);
  });

  test.each(Object.entries(WRONG))('refuse %s', (name, text) => {
    const before = (HEAD + text).split(MARK).slice(0, -1);
    const marks = before.map((_, k) => before.slice(0, k + 1).join('').length);
    expect(errorsIn(fileOf(name))).toEqual(
      marks.map((start) => ({ start, text: expect.any(String) })),
    );
  });
});

// Against dist/, as its users have it.
describe('the declarations of the package need no others', () => {
  const EVERYTHING = `
import * as compiler from 'btc-compiler';
import * as runtime from 'btc-compiler/runtime';
import * as node from 'btc-compiler/node';
import * as ir from 'btc-compiler/ir';
import { load } from './model.js';
export { compiler, runtime, node, ir, load };
`;
  const messages = (text: string, lib: string[]) =>
    check(
      { 'test/cli/use.ts': text, 'test/cli/model.d.ts': declarations() },
      { ...OPTIONS, skipLibCheck: false, lib: lib.map((name) => `lib.${name}.d.ts`) },
    ).map((error) => `${ofFile(error)}: ${message(error)}`);

  test('without lib.dom', () => {
    const text = `${EVERYTHING}
const { gpu } = await node.findNodeGpu();
const session = await runtime.load({} as runtime.Plan, gpu ? { gpu } : {});
const device = await runtime.requestDevice(session.plan);
void (await load({ device })).run('train', { x: new Float32Array(12), y: [1, 2, 3] });
`;
    expect(messages(text, ['es2023'])).toEqual([]);
  });

  test('with lib.dom, whose GPU and GPUDevice they take and give', () => {
    const text = `${EVERYTHING}
const plan = {} as runtime.Plan;
const adapter = (await navigator.gpu.requestAdapter())!;
const device: GPUDevice = await adapter.requestDevice();
await runtime.load(plan, { device });
await runtime.load(plan, { gpu: navigator.gpu });
await load({ device });
const requested: GPUDevice[] = [
  await runtime.requestDevice(plan),
  await runtime.requestDevice(plan, navigator.gpu),
];
const found: GPU | null = (await node.findNodeGpu()).gpu;
void [requested, found];
// @ts-expect-error an adapter is no device
await runtime.load(plan, { device: adapter });
// @ts-expect-error nor is it a GPU
await runtime.load(plan, { gpu: adapter });
// @ts-expect-error a GPU is no device
await load({ device: navigator.gpu });
`;
    expect(messages(text, ['es2023', 'dom'])).toEqual([]);
  });
});
