import { mountView } from 'btc-compiler/view';
import { compileSource, sweepSource } from 'btc-compiler/web/source';
import { bytesText, createChart } from '../pages/chart.mjs';
import { createEditor } from './editor.mjs';
import blockTerm from './models/block-term.ts?raw';
import cnn from './models/cnn.ts?raw';
import digits from './models/digits.ts?raw';
import gpt from './models/gpt.ts?raw';
import { linkOf, sharedBy } from './share.mjs';
import { notTrainable, trainOnDigits } from './training.mjs';

const EXAMPLES = {
  'Digits (perceptron)': digits,
  'Small CNN': cnn,
  'Tiny GPT over rows': gpt,
  'Block-term layer': blockTerm,
};
const TARGETS = { wasm: 'WebAssembly', webgpu: 'WebGPU' };
const FILE = 'model.ts';
const PAUSE_MS = 400;
const LONGEST_MS = 60_000;
const SEEKING = ' (looking for the least that it can be…)';
const NOT_FOUND = ' (the least was not found in time)';
/** The position of the slider that means none. */
const NO_BUDGET = 100;

const at = (id) => document.getElementById(id);
const state = {
  built: null,
  sweep: null,
  budget: null,
  view: null,
  building: null,
  training: null,
};
const chart = createChart(at('loss'), {
  format: (value) => value.toFixed(2),
  label: 'Loss',
  empty: 'The loss of each step appears here.',
});
let timer;
let editor;

function fillSelect(select, names, texts = {}) {
  select.replaceChildren(...names.map((name) => new Option(texts[name] ?? name, name)));
}

/** `waits` for the text to be built, then `told` what came of it while its budgets are sought, then `idle`. */
function stage(name) {
  document.body.dataset.stage = name;
}

function buildSoon() {
  stage('waits');
  state.building?.abort();
  state.building = null;
  clearTimeout(timer);
  timer = setTimeout(build, PAUSE_MS);
}

/** What is built now is ended: one model at a time. */
async function build() {
  clearTimeout(timer);
  if (!at('stranger').hidden) return;
  stage('waits');
  state.building?.abort();
  const building = new AbortController();
  state.building = building;
  const source = editor.text();
  const target = at('target').value;
  const given = {
    targets: [target],
    isolation: 'frame',
    timeoutMs: LONGEST_MS,
    signal: building.signal,
  };
  say('Building…');
  try {
    const started = performance.now();
    const { plans, module, parameters, diagnostics } = await compileSource(
      { [FILE]: source },
      { ...given, ...(state.budget === null ? {} : { budgetBytes: state.budget }) },
    );
    const plan = plans[target];
    showProblems(diagnostics);
    state.built = plan ? { plan, module, parameters } : null;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    say(
      plan
        ? `Built in ${seconds} s.`
        : 'Not built: see the problems below. The picture is of the last plan.',
    );
    showPlan(source);
    const key = `${target} ${source}`;
    if (state.sweep?.key === key) return;
    stage('told');
    state.sweep = null;
    showBudget(SEEKING);
    const { sweep } = await sweepSource({ [FILE]: source }, { ...given, points: 2 });
    if (sweep) state.sweep = { key, ...rangeOf(sweep) };
    showBudget(plan ? NOT_FOUND : '');
  } catch (error) {
    if (!building.signal.aborted) say(`btc itself failed: ${error.message}`);
  } finally {
    // One that was ended leaves the word to the next.
    if (state.building === building) {
      state.building = null;
      stage('idle');
    }
  }
}

function say(text) {
  at('status').textContent = text;
}

/** From the least that any plan takes to what one without a budget takes. */
function rangeOf({ points }) {
  const most = points.at(-1).plan.deviceBytes;
  return { most, least: points[0].budgetBytes ?? most };
}

function budgetAt(position) {
  if (position >= NO_BUDGET || !state.sweep) return null;
  const { least, most } = state.sweep;
  return Math.ceil(least * (most / least) ** (position / (NO_BUDGET - 1)));
}

function showBudget(otherwise = '') {
  const { budget, sweep } = state;
  at('budget').disabled = !sweep || sweep.least >= sweep.most;
  if (sweep && sweep.most > sweep.least)
    at('budget').value =
      budget === null
        ? NO_BUDGET
        : Math.round(
            ((NO_BUDGET - 1) * Math.log(budget / sweep.least)) / Math.log(sweep.most / sweep.least),
          );
  const range = sweep
    ? ` (the least is ${bytesText(sweep.least)}, without one ${bytesText(sweep.most)})`
    : otherwise;
  at('budget-text').textContent = (budget === null ? 'none' : bytesText(budget)) + range;
}

function showProblems(diagnostics) {
  editor.mark(diagnostics.filter(({ source }) => source?.file === FILE));
  at('problems').replaceChildren(
    ...diagnostics.map((diagnostic) => {
      const { source, code, category, message, related = [] } = diagnostic;
      const place = source ? `${source.file}:${source.line}:${source.column} ` : '';
      const button = document.createElement('button');
      button.type = 'button';
      button.className = category;
      const lines = [`${place}${code}: ${message}`, ...related.map((one) => `  ${one.message}`)];
      button.textContent = lines.join('\n');
      button.onclick = () => source && editor.goTo(source);
      const item = document.createElement('li');
      item.append(button);
      return item;
    }),
  );
}

function facts(list, entries) {
  list.replaceChildren(
    ...entries.flatMap(([name, value]) => {
      const [term, description] = ['dt', 'dd'].map((tag) => document.createElement(tag));
      term.textContent = name;
      description.textContent = value;
      return [term, description];
    }),
  );
}

function showPlan(source) {
  const { built } = state;
  state.training?.abort();
  const reason = built ? notTrainable(built.plan) : 'Build a model first.';
  at('train').disabled = reason !== null;
  at('train-status').textContent = reason ?? '';
  if (!built) return;
  const { memory, programs, kernels } = built.plan;
  const swapped = Object.values(programs).flatMap(({ transfers = [] }) => transfers).length;
  const recomputed = Object.values(programs).flatMap(({ steps }) =>
    steps.filter((step) => step.recomputed),
  );
  facts(at('facts'), [
    ['On the device', bytesText(memory.deviceBytes)],
    ['On the host', bytesText(memory.hostBytes)],
    ['Kernels', String(kernels.length)],
    [
      'Steps',
      Object.entries(programs)
        .map(([name, { steps }]) => `${name} ${steps.length}`)
        .join(', '),
    ],
    [
      'To keep the budget',
      memory.budgetBytes === null
        ? 'nothing'
        : `${recomputed.length} steps recomputed, ${swapped} transfers`,
    ],
  ]);
  const input = { plans: [{ plan: built.plan, sources: { [FILE]: source } }] };
  at('view').hidden = false;
  if (state.view) state.view.update(input);
  else state.view = mountView(at('view'), input);
}

async function train() {
  const training = new AbortController();
  state.training = training;
  at('train').disabled = true;
  at('stop').disabled = false;
  chart.set([]);
  at('train-status').textContent = 'Loading the digits and the kernels…';
  let shown = null;
  try {
    await trainOnDigits(state.built, training.signal, (now) => {
      chart.push(now.loss);
      shown = { ...shown, ...now };
      at('train-status').textContent = `Step ${now.step} of ${now.steps}`;
      facts(at('train-facts'), [
        ['Loss', now.loss.toFixed(4)],
        [
          'Accuracy on other digits',
          shown.accuracy === undefined ? '…' : `${(100 * shown.accuracy).toFixed(1)} %`,
        ],
        ['Steps a second', now.stepsPerSecond.toFixed(1)],
        ['Runs on', now.session.description],
        ['Really allocated', bytesText(now.session.allocatedBytes)],
      ]);
    });
    at('train-status').textContent = training.signal.aborted ? 'Stopped.' : 'Trained.';
  } catch (error) {
    at('train-status').textContent = `Training failed: ${error.message}`;
  } finally {
    at('stop').disabled = true;
    at('train').disabled = state.built === null || notTrainable(state.built.plan) !== null;
  }
}

async function share() {
  const shared = { source: editor.text(), target: at('target').value, budget: state.budget };
  history.replaceState(null, '', await linkOf(shared));
  const copied = await navigator.clipboard?.writeText(location.href).then(
    () => true,
    () => false,
  );
  say(copied ? 'The link is in the clipboard.' : 'The link is in the address bar.');
}

// Last, when all that it uses is there.
const link = await sharedBy(location.hash, Object.keys(TARGETS));
editor = createEditor(at('editor'), link?.source ?? digits, () => {
  // A stranger's model waits for the button, also while it is edited.
  if (at('stranger').hidden) buildSoon();
});
fillSelect(at('example'), Object.keys(EXAMPLES));
fillSelect(at('target'), Object.keys(TARGETS), TARGETS);
at('target').value = link?.target ?? 'wasm';
state.budget = link?.budget ?? null;
showBudget();

at('example').onchange = () => {
  at('stranger').hidden = true;
  state.budget = null;
  editor.replace(EXAMPLES[at('example').value]);
};
at('build').onclick = () => {
  at('stranger').hidden = true;
  build();
};
at('target').onchange = () => {
  state.sweep = null;
  build();
};
at('budget').oninput = () => {
  state.budget = budgetAt(Number(at('budget').value));
  showBudget();
  buildSoon();
};
at('share').onclick = share;
at('train').onclick = train;
at('stop').onclick = () => state.training?.abort();

if (link) at('stranger').hidden = false;
else build();
