import { calls, commands, type Explanation } from './example.ts';

/** A call of `compileSource` with files, each an array of lines. */
const source = (
  files: Readonly<Record<string, readonly string[]>>,
  options: readonly string[] = [],
): string => {
  const texts = Object.entries(files).map(
    ([name, lines]) => `${JSON.stringify(name)}: \`${lines.join('\n')}\n\`,`,
  );
  const list = options.length > 0 ? `, { ${options.join(', ')} }` : '';
  return `import { compileSource } from 'btc-compiler/web';

const { diagnostics } = await compileSource({\n${texts.join('\n')}\n}${list});
`;
};

const model = (
  expression: string,
  head: readonly string[] = [],
  language = 'defineModel, exp, tensor',
) => [
  `import { ${language} } from 'btc-compiler';`,
  ...head,
  "export default defineModel({ name: 'm', inputs: { x: tensor([2]) },",
  `  build: ({ x }) => ({ y: ${expression} }) });`,
];

const sources = (
  title: string,
  means: string,
  wrong: Readonly<Record<string, readonly string[]>>,
  right: Readonly<Record<string, readonly string[]>>,
): Explanation => calls(title, means, source(wrong), source(right));

const IMPORTING = `${model('twice(x)', ["import { twice } from './layers.js';"], 'defineModel, tensor').join('\n')}\n`;

const PLAIN = { 'model.ts': model('exp(x)') };

/** 52xx: models whose types nobody reads: those that a page compiles, with `compileSource` of `btc-compiler/web`, and JavaScript. */
export const WEB_PAGES = {
  5201: sources(
    'A mistake of syntax',
    'In a page there is no TypeScript compiler, so types are left out and not checked. What is no TypeScript at all is told here, at its place.',
    { 'model.ts': model('exp(x') },
    PLAIN,
  ),
  5202: sources(
    'An import that a page does not have',
    "A model in a page may import 'btc-compiler' and the files that are given with it. Packages and modules of Node are not there.",
    {
      'model.ts': model('exp(x)', [
        "import { readFileSync } from 'node:fs';",
        "readFileSync('sizes.json');",
      ]),
    },
    PLAIN,
  ),
  5203: sources(
    'A file that is not given',
    'Relative imports name files of the first argument of `compileSource`. The message lists them.',
    { 'model.ts': model('twice(x)', ["import { twice } from './layer.ts';"]) },
    {
      'model.ts': model('twice(x)', ["import { twice } from './layers.ts';"]),
      'layers.ts': [
        "import { add, type Tensor } from 'btc-compiler';",
        'export const twice = (x: Tensor) => add(x, x);',
      ],
    },
  ),
  5204: sources(
    'A name that is not exported',
    'The module has no export of that name. With `btc build`, TypeScript finds this first.',
    { 'model.ts': model('expp(x)', [], 'defineModel, expp, tensor') },
    PLAIN,
  ),
  5205: sources(
    'More than types',
    'In a page types are left out of the text, and what is left is run. A namespace with values, `export =` and `import … = require(…)` make code of their own; write them as modules and objects.',
    { 'model.ts': model('exp(x)', ['namespace sizes { export const small = 2; }']) },
    { 'model.ts': model('exp(x)', ['const sizes = { small: 2 } as const;']) },
  ),
  5206: sources(
    'Imports that go in a circle',
    'A page loads one file after the other, each behind those that it imports. Move what both need to a third file.',
    {
      'model.ts': model('twice(x)', [
        "import { twice } from './layers.ts';",
        'export const factor = 2;',
      ]),
      'layers.ts': [
        "import { mul, type Tensor } from 'btc-compiler';",
        "import { factor } from './model.ts';",
        'export const twice = (x: Tensor) => mul(x, factor);',
      ],
    },
    {
      'model.ts': model('twice(x)', ["import { twice } from './layers.ts';"]),
      'layers.ts': [
        "import { mul, type Tensor } from 'btc-compiler';",
        "import { factor } from './sizes.ts';",
        'export const twice = (x: Tensor) => mul(x, factor);',
      ],
      'sizes.ts': ['export const factor = 2;'],
    },
  ),
  5209: sources(
    'An argument that is none, in a page',
    'In a page nothing reads the types of a model, but what is written out in calls of the language is held against its declarations: names of options, numbers, texts, and how many arguments there are. The place is that of the argument.',
    {
      'model.ts': model(
        'relu(linear(2, 3, { nmae: "a" })(x.reshape([1, 2])))',
        [],
        'defineModel, linear, relu, tensor',
      ),
    },
    {
      'model.ts': model(
        'relu(linear(2, 3, { name: "a" })(x.reshape([1, 2])))',
        [],
        'defineModel, linear, relu, tensor',
      ),
    },
  ),
  5221: sources(
    'A tensor used as a number',
    'A tensor stands for values that exist when the plan runs. Operators of JavaScript, template strings and JSON would make a text or a number of it: there is a function for each operator. A condition (`if (tensor)`, `tensor ? a : b`, `tensor && a`) is always true and cannot be caught: write `select`.',
    { 'model.ts': model('x > 0 ? x : exp(x)', [], 'defineModel, exp, greater, select, tensor') },
    {
      'model.ts': model(
        'select(greater(x, 0), x, exp(x))',
        [],
        'defineModel, exp, greater, select, tensor',
      ),
    },
  ),
  5222: sources(
    'More arguments than are taken',
    'Without types nothing else tells of arguments that a method of a tensor or a layer has no use for.',
    { 'model.ts': model('x.sum(0, {}, 1)', [], 'defineModel, tensor') },
    { 'model.ts': model('x.sum(0, {})', [], 'defineModel, tensor') },
  ),
  5230: commands(
    'An import that leads nowhere',
    'The place is what is imported: a file or a package that is not there, a folder, or a file that Node does not import. The message says where it was looked for, and what is there of a like name. In a TypeScript file, `btc build` shows what TypeScript says of it.',
    'build lost.js --noEmit',
    'build found.js --noEmit',
    {
      'layers.js': "import { add } from 'btc-compiler';\nexport const twice = (x) => add(x, x);\n",
      'lost.js': IMPORTING.replace('layers.js', 'layer.js'),
      'found.js': IMPORTING,
    },
  ),
  5207: {
    title: 'A model that takes too long in a page',
    means:
      'The time that `compileSource` was given (`timeoutMs`) went by, and its worker was ended. A loop in the model may not end, or the network is large: give more time, or none.',
    wrong: {
      kind: 'call',
      text: source({ 'model.ts': model('exp(x)', ['for (;;);']) }, ['timeoutMs: 500']),
    },
    right: { kind: 'call', text: source(PLAIN) },
  } satisfies Explanation,
  5208: {
    title: 'The worker of a build ended',
    means:
      'The browser ended the worker in which the model is built, most often because a page may take no more memory, or it could not be started: a policy of the page forbids workers, or the file of the worker is not where `worker` says.',
    wrong: {
      kind: 'call',
      text: source(PLAIN, ["worker: () => new Worker('/nowhere.js', { type: 'module' })"]),
    },
    right: { kind: 'call', text: source(PLAIN) },
  } satisfies Explanation,
};
