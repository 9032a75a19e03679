import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { beforeAll, describe, expect, test } from 'vitest';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  allowImportingTsExtensions: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
  paths: { 'btc-compiler': [path('../../compiler/index.ts')] },
};

/** Stands in a text before the expression that TypeScript shall complain about. */
const MARK = '▸';
const HEAD = "import * as btc from 'btc-compiler';\n";

const model = (parts: { build?: string; loss?: string; optimizer?: string; more?: string }) => `
export default btc.defineModel({
  name: 'm',
  inputs: { image: btc.tensor([8, 784]), label: btc.tensor([8], 'i32') },
  build: ${parts.build ?? '({ image }) => ({ logits: btc.linear(784, 10)(image) })'},
  train: {
    loss: ${parts.loss ?? '({ logits }, { label }) => btc.crossEntropy(logits, label)'},
    optimizer: ${parts.optimizer ?? 'btc.adam({ learningRate: 1e-3, clipNorm: 1 })'},
    ${parts.more ?? ''}
  },
});`;
const build = (statement: string) =>
  model({ build: `({ image, label }) => { ${statement}; return { logits: image, label }; }` });

const RIGHT: Readonly<Record<string, string>> = {
  'a model with training': model({}),
  'metrics over outputs and inputs': model({
    more: `metrics: ({ logits }, { label }) => ({
      accuracy: btc.mean(btc.equal(btc.argmax(logits), label).cast('f32')),
    }),`,
  }),
  'a context and several outputs': model({
    build: `({ image }, { training }) => {
      const hidden: btc.Tensor = btc.dropout(image, training ? 0.5 : 0);
      return { hidden, logits: btc.linear(784, 10, { bias: false, weightInit: btc.init.heNormal })(hidden) };
    }`,
    loss: '({ logits, hidden }, { label }) => btc.crossEntropy(logits, label).add(hidden.mean())',
  }),
  'a recurrent layer and its state': build(
    'const { outputs, state } = btc.lstm(28, 16)(image.reshape([8, 28, 28])); btc.add(outputs.sum(), state.hidden)',
  ),
  'options of the type of their default': `
const size: number = btc.option('size', 4);
const kind: string = btc.option('kind', 'relu');
const deep: boolean = btc.option('deep', false);
export default [size, kind, deep];`,
  'further programs and a default seed': `
export default btc.defineModel({
  name: 'm', seed: 3, inputs: { x: btc.tensor([4]) },
  build: ({ x }) => ({ y: x.exp() }),
  programs: { double: ({ x }, { training }) => ({ z: training ? x : x.mul(2) }) },
});`,
  'compiling, and using what comes of it': `
const make = () => btc.defineModel({ name: 'm', inputs: { x: btc.tensor([4]) }, build: ({ x }) => ({ x }) });
const { plan, diagnostics } = await btc.compile(make, { target: 'wasm', budgetBytes: 1e6, set: { size: 4, kind: 'relu' } });
for (const { code, source } of diagnostics) void [code satisfies string, source?.line.toFixed()];
if (plan) btc.inspectPlan(plan);`,
};

/** Each with one mistake; the number is TypeScript's, what it is about stands in the message. */
const WRONG: Readonly<Record<string, readonly [code: number, about: string, text: string]>> = {
  'an unknown input in build': [
    2339,
    "'picture'",
    model({ build: '({ ▸picture }) => ({ logits: picture })' }),
  ],
  'an unknown input of loss': [
    2339,
    "'labels'",
    model({ loss: '({ logits }, { ▸labels }) => btc.crossEntropy(logits, labels)' }),
  ],
  'an unknown output in loss': [
    2339,
    "'logit'",
    model({ loss: '({ ▸logit }, { label }) => btc.crossEntropy(logit, label)' }),
  ],
  'an unknown output in metrics': [
    2339,
    "'scores'",
    model({ more: 'metrics: (outputs) => ({ largest: btc.max(outputs.▸scores) }),' }),
  ],
  'an unknown input of a program': [
    2339,
    "'z'",
    `export default btc.defineModel({
  name: 'm', inputs: { x: btc.tensor([4]) }, build: ({ x }) => ({ x }),
  programs: { late: ({ ▸z }) => ({ z }) },
});`,
  ],
  'a number as an output': [2322, "'number'", model({ build: '() => ({ ▸logits: 7 })' })],
  'a number as the loss': [2322, "'number'", model({ loss: '() => ▸0.5' })],
  'no build': [2345, "'build'", "btc.defineModel(▸{ name: 'm', inputs: {} });"],
  'a misspelt part of a model': [
    2561,
    "'input'",
    "btc.defineModel({ name: 'm', ▸input: {}, build: () => ({}) });",
  ],
  'training without an optimiser': [
    2322,
    "'optimizer'",
    `btc.defineModel({
  name: 'm', inputs: {}, build: () => ({}), ▸train: { loss: () => btc.zeros([]) },
});`,
  ],
  'an optimiser that was not called': [2322, 'Optimiser', model({ optimizer: '▸btc.adam' })],
  'an unknown dtype of an input': [2345, '"f16"', "btc.tensor([4], ▸'f16');"],
  'an unknown dtype of a cast': [2345, '"int"', build("label.cast(▸'int')")],
  'an unknown dtype of a constant': [2345, '"f64"', build("btc.zeros([4], ▸'f64')")],
  'a shape that is no list': [2345, "'number'", 'btc.tensor(▸4);'],
  'a shape of text': [2322, "'string'", "btc.tensor([▸'4']);"],
  'a string as an operand': [2345, 'TensorLike', build("image.mul(▸'2')")],
  'a number for matmul': [2345, "'number'", build('btc.matmul(image, ▸2)')],
  'an unknown method': [2551, "'softMax'", build('image.▸softMax()')],
  'an unknown setting of a layer': [
    2561,
    "'biased'",
    build('btc.linear(4, 2, { ▸biased: false })'),
  ],
  'a setting of another type': [2322, "'string'", build("btc.linear(4, 2, { ▸bias: 'no' })")],
  'an initialiser that was not called': [
    2322,
    'Initialiser',
    build('btc.linear(4, 2, { weightInit: ▸btc.init.normal })'),
  ],
  'a setting of another optimiser': [2353, "'momentum'", 'btc.adam({ ▸momentum: 0.9 });'],
  'a rate as text': [2322, "'string'", "btc.sgd({ ▸learningRate: '0.1' });"],
  'reductions over a named axis': [2345, '"rows"', build("image.sum(▸'rows')")],
  'an option used as another type': [
    2322,
    "'number'",
    "const ▸kind: string = btc.option('size', 4);",
  ],
  'an option of no simple type': [2345, "'number[]'", "btc.option('sizes', ▸[1, 2]);"],
  'an unknown target': [2322, '"cuda"', "btc.compile(({} as btc.Model), { ▸target: 'cuda' });"],
  'a plan that may be null': [
    2345,
    "'null'",
    'btc.inspectPlan(▸(await btc.compile({} as btc.Model)).plan);',
  ],
  'an assignment to the shape of a tensor': [2540, "'shape'", build('image.▸shape = [4]')],
};

const fileOf = (name: string) => path(`./${name.replaceAll(/\W+/g, '-')}.ts`);
let errors: ReadonlyMap<string, readonly ts.Diagnostic[]>;

// One program for all texts: the types of the language are read once.
beforeAll(() => {
  const texts = new Map(
    [
      ...Object.entries(RIGHT),
      ...Object.entries(WRONG).map(([name, [, , text]]) => [name, text]),
    ].map(([name, text]) => [fileOf(name), (HEAD + text).replace(MARK, '')]),
  );
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => texts.has(name) || fileExists(name);
  host.getSourceFile = (name, settings, ...rest) => {
    const text = texts.get(name);
    return text === undefined
      ? getSourceFile(name, settings, ...rest)
      : ts.createSourceFile(name, text, settings);
  };
  const program = ts.createProgram([...texts.keys()], OPTIONS, host);
  errors = new Map(
    [...texts.keys()].map((name) => {
      const file = program.getSourceFile(name);
      return [
        basename(name),
        [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)],
      ];
    }),
  );
});

function errorsIn(name: string) {
  return errors.get(basename(fileOf(name)))!.map(({ code, start, messageText }) => ({
    code,
    start,
    text: ts.flattenDiagnosticMessageText(messageText, '\n'),
  }));
}

describe('right models type-check', () => {
  test.each(Object.keys(RIGHT))('%s', (name) => {
    expect(errorsIn(name)).toEqual([]);
  });
});

describe('a wrong model is an error at the place of the mistake', () => {
  test.each(Object.entries(WRONG))('%s', (name, [code, about, text]) => {
    expect(errorsIn(name)).toEqual([
      { code, start: (HEAD + text).indexOf(MARK), text: expect.stringContaining(about) },
    ]);
  });
});
