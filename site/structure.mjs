// Where pages of the repository are on the site, and in which order the sidebar has them. test/site/pages.test.ts holds that no page of
// docs/ is left out.

/** A page: its file in the repository, its place on the site, and its title in the sidebar. */
const page = (file, place, text) => ({ file, place, text });
const guide = (name, text) => page(`docs/${name}.md`, `guide/${name}`, text);
const extending = (name, text) => page(`docs/extending/${name}.md`, `extending/${name}`, text);

export const SECTIONS = [
  {
    text: 'Start',
    pages: [guide('getting-started', 'Start in five minutes')],
  },
  {
    text: 'Guide',
    pages: [
      guide('models', 'Models'),
      guide('budgets', 'Budgets'),
      guide('compact-weights', 'Compact weights'),
      guide('sessions', 'Sessions and loops'),
      guide('bundlers', 'Browsers and bundlers'),
      guide('wasm', 'WebAssembly'),
      guide('device', 'Devices'),
      guide('pytorch', 'From PyTorch'),
      guide('weights', 'Weights from elsewhere'),
      guide('fine-tuning', 'Fine-tune in a page'),
      guide('onnx', 'From ONNX'),
      guide('export', 'Export'),
      guide('numerics', 'Numbers'),
      guide('safety', 'Safety'),
      guide('view', 'The picture of a plan'),
      guide('editor', 'Editors'),
      guide('web', 'The compiler in a page'),
      guide('traces', 'Traces'),
    ],
  },
  {
    text: 'How btc works',
    pages: [
      page('ARCHITECTURE.md', 'how/architecture', 'Architecture'),
      page('docs/passes.md', 'how/passes', 'Passes'),
      page('docs/actions.md', 'how/actions', 'Memory actions'),
      page('docs/plan-format.md', 'how/plan-format', 'Plan format'),
      page('docs/compile-time.md', 'how/compile-time', 'Compile time'),
      page('BENCHMARKS.md', 'how/benchmarks', 'Benchmarks'),
      page('CHANGELOG.md', 'how/changelog', 'Changes'),
    ],
  },
  {
    text: 'Extending',
    pages: [
      page('CONTRIBUTING.md', 'extending/contributing', 'Contributing'),
      extending('op', 'An op'),
      extending('layer', 'A layer'),
      extending('pass', 'A pass'),
      extending('action', 'A memory action'),
      extending('dtype', 'A dtype'),
      extending('target', 'A target'),
      extending('exporter', 'An exporter'),
      extending('testing', 'A test'),
    ],
  },
];

/** What the chapters of the API reference are made of. */
export const API = [
  {
    ...{ file: 'compiler/index.ts', name: 'btc-compiler' },
    is: 'The language of models, and the compiler: from a model to a plan.',
  },
  {
    ...{ file: 'runtime/index.ts', name: 'btc-compiler/runtime' },
    is: 'Loads a plan, runs it, keeps its parameters; in browsers, Node and Deno.',
  },
  {
    ...{ file: 'runtime/weights/index.ts', name: 'btc-compiler/runtime/weights' },
    is: 'Files of weights of whatever origin: what is in them, and how they fit a plan.',
  },
  {
    ...{ file: 'node/index.ts', name: 'btc-compiler/node' },
    is: 'What only Node has: a GPU, files that are written as a whole, progress on a terminal.',
  },
  {
    ...{ file: 'compiler/web/index.ts', name: 'btc-compiler/web' },
    is: 'The compiler in a page, for models that are text.',
  },
  {
    ...{ file: 'view/index.ts', name: 'btc-compiler/view' },
    is: 'The picture of a plan, as a part of a page.',
  },
  {
    ...{ file: 'ir/index.ts', name: 'btc-compiler/ir' },
    is: 'The representations: graphs, kernels, schedules and plans; printed, parsed, verified, interpreted.',
  },
];

/** Messages by their first digit, as compiler/diagnostics.ts says. */
export const GROUPS = {
  1: 'The model and its loading',
  2: 'Tensors, shapes and dtypes',
  3: 'Gradients and training',
  4: 'Memory and targets',
  5: 'Plans and files',
  6: 'The command line',
};
