import { mountView } from 'btc-compiler/view';
import { compileSource } from 'btc-compiler/web/source';
import { bytesText, createChart } from '../pages/chart.mjs';
import { failureNote, findGpu, runsOn, TARGETS } from '../pages/gpu.mjs';
import { createEditor } from './editor.mjs';
import { keep, keptHere } from './kept.mjs';
import blockTerm from './models/block-term.ts?raw';
import cnn from './models/cnn.ts?raw';
import digits from './models/digits.ts?raw';
import gpt from './models/gpt.ts?raw';
import lstm from './models/lstm.ts?raw';
import { linkOf, sharedBy } from './share.mjs';
import { notTrainable, trainOnDigits } from './training.mjs';

const EXAMPLES = {
  'Digits (perceptron)': digits,
  'Small CNN': cnn,
  'LSTM over rows': lstm,
  'Tiny GPT over rows': gpt,
  'Block-term layer': blockTerm,
};
const FILE = 'model.ts';
const PAUSE_MS = 400;
const LONGEST_MS = 60_000;
/** Of what a plan without a budget takes: where the slider begins until a smaller plan has been met. */
const FIRST_SHARE = 0.5;
/** The position of the slider that means none. */
const NO_BUDGET = 100;

const at = (id) => document.getElementById(id);
const state = {
  /** What the text began as. */
  example: null,
  built: null,
  /** Between which budgets there is something to choose, and for which target and text. */
  range: null,
  budget: null,
  view: null,
  building: null,
  /** What seeks the range goes on while plans of other budgets are built. */
  ranging: null,
  training: null,
  /** Counts what was opened: of two addresses the later one is shown. */
  opened: 0,
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
function showStage() {
  const stage = state.building ? 'waits' : state.ranging ? 'told' : 'idle';
  document.body.dataset.stage = stage;
}

/** What is built now is ended: one plan at a time. */
function endBuild() {
  clearTimeout(timer);
  state.building?.abort();
  state.building = null;
}

function buildSoon() {
  endBuild();
  document.body.dataset.stage = 'waits';
  timer = setTimeout(build, PAUSE_MS);
}

/** Another text or target: what is sought for the last one is of no use. */
function buildAnother() {
  state.ranging?.abort();
  state.ranging = null;
  state.range = null;
  showBudget();
  buildSoon();
}

async function build() {
  endBuild();
  if (!at('stranger').hidden) return;
  const building = new AbortController();
  state.building = building;
  showStage();
  const source = editor.text();
  const target = at('target').value;
  const key = `${target} ${source}`;
  const asksRange = state.range?.key !== key;
  // One worker makes the plan and seeks the range: what ends the build would end that too.
  const given = {
    targets: [target],
    isolation: 'frame',
    timeoutMs: LONGEST_MS,
    signal: asksRange ? seekRange(key).signal : building.signal,
    ...(asksRange ? { onRange: (range) => showRange(key, range) } : {}),
    ...(state.budget === null ? {} : { budgetBytes: state.budget }),
  };
  say('Building…');
  try {
    const started = performance.now();
    const { plans, module, parameters, diagnostics } = await compileSource(
      { [FILE]: source },
      given,
    );
    if (building.signal.aborted) return;
    const plan = plans[target];
    showProblems(diagnostics);
    state.built = plan ? { plan, module, parameters } : null;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    say(
      plan
        ? `Built in ${seconds} s.`
        : `Not built: see the problems below.${state.view ? ' The picture is of the last plan.' : ''}`,
    );
    showPlan(source);
  } catch (error) {
    if (!building.signal.aborted && !given.signal.aborted)
      say(`btc itself failed: ${error.message}`);
  } finally {
    // One that was ended leaves the word to the next.
    if (state.building === building) {
      state.building = null;
      showStage();
    }
  }
}

/** Begins anew with the range of budgets, for another text or target. */
function seekRange(key) {
  state.ranging?.abort();
  state.ranging = new AbortController();
  state.range = { key, least: 0, most: 0, isFinal: false };
  showBudget();
  return state.ranging;
}

function showRange(key, range) {
  if (state.range?.key !== key) return;
  const { leastBytes = 0, mostBytes = 0, isFinal = true } = range ?? {};
  const isFirst = !isFinal && leastBytes === mostBytes;
  const least = isFirst ? Math.ceil(FIRST_SHARE * mostBytes) : leastBytes;
  state.range = { key, least, most: mostBytes, isFinal };
  if (isFinal) state.ranging = null;
  // A budget below the least gives no plan.
  if (isFinal && state.budget !== null && mostBytes > 0 && state.budget < least) {
    state.budget = least;
    buildSoon();
  }
  showBudget();
  if (!state.building) showStage();
}

function say(text) {
  at('status').textContent = text;
}

function budgetAt(position) {
  if (position >= NO_BUDGET || !state.range) return null;
  const { least, most } = state.range;
  return Math.ceil(least * (most / least) ** (position / (NO_BUDGET - 1)));
}

function positionOf(budget, { least, most }) {
  if (budget === null) return NO_BUDGET;
  const share = Math.log(budget / least) / Math.log(most / least);
  return Math.round((NO_BUDGET - 1) * Math.min(1, Math.max(0, share)));
}

function showBudget() {
  const { budget, range } = state;
  const hasRange = range !== null && range.least < range.most;
  at('budget').disabled = !hasRange;
  if (hasRange) at('budget').value = positionOf(budget, range);
  at('budget-text').textContent =
    (budget === null ? 'none' : bytesText(budget)) + (range ? rangeText(range) : '');
}

function rangeText({ least, most, isFinal }) {
  if (most === 0) return '';
  const without = `without one ${bytesText(most)}`;
  if (least >= most) return ` (${without}, and no plan takes less)`;
  return isFinal
    ? ` (the least is ${bytesText(least)}, ${without})`
    : ` (${without}; the least is being looked for)`;
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
  const reason = built
    ? notTrainable(built.plan)
    : 'Nothing to train: the last build failed. Mend the problems first.';
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

/** Without WebGPU, or where its device is lost or too small, the same model is trained by WebAssembly. */
async function train() {
  const training = new AbortController();
  state.training = training;
  at('train').disabled = true;
  at('stop').disabled = false;
  chart.set([]);
  at('train-status').textContent = 'Loading the digits and the kernels…';
  let failure = null;
  try {
    await trainHere(training);
    at('train-status').textContent = training.signal.aborted ? 'Stopped.' : 'Trained.';
  } catch (error) {
    failure = error;
    at('train-status').textContent = `Training failed: ${error.message}`;
  }
  at('stop').disabled = true;
  at('train').disabled = state.built === null || notTrainable(state.built.plan) !== null;
  if (failure && state.training === training && state.built?.plan.target === 'webgpu')
    await trainInstead(failure);
}

async function trainInstead(error) {
  at('target').value = 'wasm';
  keepModel();
  tellTarget(failureNote('training began again on WebAssembly', error));
  state.range = null;
  await build();
  if (state.built?.plan.target === 'wasm') await train();
}

function tellTarget(text) {
  at('target-note').textContent = text;
}

async function trainHere(training) {
  let shown = null;
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
      ['Runs on', runsOn(now.session)],
      ['Really allocated', bytesText(now.session.allocatedBytes)],
    ]);
  });
}

async function share() {
  const shared = { source: editor.text(), target: at('target').value, budget: state.budget };
  history.replaceState(history.state, '', await linkOf(shared));
  keepModel();
  const copied = await navigator.clipboard?.writeText(location.href).then(
    () => true,
    () => false,
  );
  say(copied ? 'The link is in the clipboard.' : 'The link is in the address bar.');
}

function keepModel() {
  keep({
    source: editor.text(),
    example: at('example').value,
    target: at('target').value,
    budget: state.budget,
    isStranger: !at('stranger').hidden,
  });
}

/** By text that was undone to, or is written out in full: the example that it is of. */
const exampleOf = new Map(Object.entries(EXAMPLES).map(([name, text]) => [text, name]));

function edited(text) {
  state.example = exampleOf.get(text) ?? state.example;
  at('example').value = state.example;
  keepModel();
  // A stranger's model waits for the button, also while it is edited.
  if (at('stranger').hidden) buildAnother();
}

/** Shows the model that the address says, as it was left in this tab. */
async function openAddress() {
  const turn = ++state.opened;
  const link = await sharedBy(location.hash, Object.keys(TARGETS));
  if (turn !== state.opened) return;
  const kept = keptHere();
  const source = kept?.source ?? link?.source ?? digits;
  const isFirst = !editor;
  at('stranger').hidden = !(kept ? kept.isStranger : link);
  // A task of its own: the scripts of the page have just taken as long.
  if (isFirst) await new Promise((resolve) => setTimeout(resolve));
  if (turn !== state.opened) return;
  if (isFirst) editor = createEditor(at('editor'), source, edited);
  const { kind, reason } = await gpu;
  if (turn !== state.opened) return;
  state.example = kept?.example ?? Object.keys(EXAMPLES)[0];
  at('example').value = state.example;
  at('target').value = kept?.target ?? (kind === 'gpu' ? (link?.target ?? 'webgpu') : 'wasm');
  tellTarget(kind === 'gpu' || at('target').value === 'webgpu' ? '' : reason);
  state.budget = (kept ?? link)?.budget ?? null;
  showBudget();
  if (!isFirst) {
    endBuild();
    state.ranging?.abort();
    state.ranging = null;
    say('');
    showStage();
    editor.replace(source);
  } else if (at('stranger').hidden) build();
}

// Last, when all that it uses is there.
const gpu = findGpu();
fillSelect(at('example'), Object.keys(EXAMPLES));
fillSelect(at('target'), Object.keys(TARGETS), TARGETS);
addEventListener('hashchange', openAddress);
// Between two entries of one address.
addEventListener('popstate', openAddress);
await openAddress();

at('example').onchange = () => {
  at('stranger').hidden = true;
  state.budget = null;
  // Undoing brings back what was there, and its name.
  exampleOf.set(editor.text(), state.example);
  state.example = at('example').value;
  editor.replace(EXAMPLES[state.example]);
};
at('build').onclick = () => {
  at('stranger').hidden = true;
  keepModel();
  build();
};
at('target').onchange = () => {
  tellTarget('');
  keepModel();
  buildAnother();
};
at('budget').oninput = () => {
  state.budget = budgetAt(Number(at('budget').value));
  keepModel();
  showBudget();
  buildSoon();
};
at('share').onclick = share;
at('train').onclick = train;
at('stop').onclick = () => state.training?.abort();
