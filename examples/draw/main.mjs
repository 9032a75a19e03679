import { bytesText, createChart } from '../pages/chart.mjs';
import { batches, fetchDigits, generator, largest, PIXELS, SIDE } from '../pages/digits.mjs';
import { failureNote, findGpu, runsOn, TARGETS } from '../pages/gpu.mjs';
import { openSession } from '../pages/session.mjs';
import { createPad } from './pad.mjs';

const DIGITS = 10;
const STEPS = 120;
const at = (id) => document.getElementById(id);
const fetched = async (name, as) => (await fetch(`./${name}`))[as]();

const random = generator(7);
const kept = [];
const lossChart = createChart(at('loss'), {
  format: (value) => value.toFixed(2),
  label: 'Loss',
  empty: 'The loss of each step appears here.',
});
const memoryChart = createChart(at('memory'), {
  format: bytesText,
  steps: true,
  label: 'Live bytes',
  empty: 'The network is loading.',
});
let session = null;
/** As they were when the session was opened, switched or tuned: those that are left where a GPU is lost. */
let parameters = null;
/** The change from WebGPU to WebAssembly while it goes on: what fails with the GPU waits for one. */
let rescue = null;
let tuning = false;
/** Counts what was drawn and cleared: an answer to what is no longer there is not shown. */
let drawing = 0;
let labels = Array.from({ length: DIGITS }, (_, k) => String(k));
const pad = createPad(at('pad'), recognise);
const [live, digits] = await Promise.all([
  fetched('live.json', 'json'),
  fetchDigits('./digits.bin'),
]);

async function open(target) {
  const last = session;
  session = null;
  allow();
  await saveParameters(last);
  last?.destroy();
  const plan = await fetched(`${target}.plan.json`, 'json');
  const module =
    target === 'wasm' ? new Uint8Array(await fetched('model.wasm', 'arrayBuffer')) : null;
  session = await openSession({ plan, module, parameters });
  const { budgetBytes } = plan.memory;
  at('target').value = target;
  at('budget').textContent = bytesText(budgetBytes);
  memoryChart.set(live[target], budgetBytes);
  showMemory();
  at('guess').textContent = 'Draw something.';
  allow();
  document.body.dataset.ready = target;
}

/** A GPU that was lost gives none: those that were saved before stay. */
async function saveParameters(of = session) {
  parameters = (await of?.saveParameters().catch(() => null)) ?? parameters;
}

/** Shows the target, or where WebGPU cannot be used, WebAssembly and why. */
async function show(target) {
  tellTarget('');
  try {
    await open(target);
  } catch (error) {
    if (target !== 'webgpu') throw error;
    await goOnWithout(error);
  }
  await recognise();
}

/** What fails by the change itself is not why there is one. */
async function change(error) {
  await open('wasm');
  tellTarget(failureNote('the page goes on with WebAssembly', error));
}

async function goOnWithout(error) {
  rescue ??= change(error).finally(() => {
    rescue = null;
  });
  await rescue;
}

/** Does what needs a session; where the GPU is lost meanwhile, anew without it. */
async function run(work) {
  const used = session;
  try {
    return await work(used);
  } catch (error) {
    if (used.plan.target !== 'webgpu') throw error;
    if (session === used || rescue) await goOnWithout(error);
    return work(session);
  }
}

function tellTarget(text) {
  at('target-note').textContent = text;
}

function showMemory(more = []) {
  const { plan, allocatedBytes, hostBytes } = session;
  const { deviceBytes, budgetBytes } = plan.memory;
  const entries = [
    ['Budget', bytesText(budgetBytes)],
    ['The plan takes', bytesText(deviceBytes)],
    [
      'Really allocated',
      `${bytesText(allocatedBytes)} (${((100 * allocatedBytes) / budgetBytes).toFixed(0)} % of the budget)`,
    ],
    ['On the host', bytesText(hostBytes)],
    ['Runs on', runsOn(session)],
    ...more,
  ];
  at('facts').dataset.allocated = String(allocatedBytes);
  at('facts').dataset.budget = String(budgetBytes);
  at('facts').replaceChildren(
    ...entries.flatMap((pair) =>
      pair.map((text, k) =>
        Object.assign(document.createElement(k ? 'dd' : 'dt'), { textContent: text }),
      ),
    ),
  );
}

function shapeOf(program, name) {
  return [...program.inputs, ...program.outputs].find((one) => one.name === name).shape;
}

async function recognise() {
  allow();
  const asked = ++drawing;
  const image = pad.image();
  if (!image || !session) return;
  // Both plans are of one model.
  const [batch, classes] = shapeOf(session.plan.programs.predict, 'logits');
  const images = new Float32Array(batch * PIXELS);
  images.set(image);
  const { logits } = await run((on) => on.run('predict', { image: images }));
  if (asked !== drawing) return;
  const most = Math.max(...logits.subarray(0, classes));
  // Symbols that nobody has named yet are none.
  const scores = Array.from(logits.subarray(0, labels.length), (value) => Math.exp(value - most));
  const sum = scores.reduce((a, b) => a + b, 0);
  const best = largest(scores, 0, scores.length);
  at('guess').textContent =
    `It looks like ${labels[best]} (${((100 * scores[best]) / sum).toFixed(0)} %)`;
  const order = scores.map((_, k) => k).sort((a, b) => scores[b] - scores[a]);
  at('bars').replaceChildren(
    ...order.slice(0, 4).map((k) => {
      const [row, name, bar] = ['div', 'span', 'i'].map((tag) => document.createElement(tag));
      name.textContent = labels[k];
      bar.style.width = `${(100 * scores[k]) / sum}%`;
      row.append(name, bar);
      return row;
    }),
  );
}

function clear() {
  drawing++;
  pad.clear();
  at('bars').replaceChildren();
  at('guess').textContent = 'Draw something.';
  allow();
}

function allow() {
  const name = at('label').value.trim();
  const room = session && labels.length < shapeOf(session.plan.programs.predict, 'logits')[1];
  at('keep').disabled = !session || !pad.image() || name === '' || !(labels.includes(name) || room);
  at('tune').disabled = !session || tuning || kept.length === 0;
  at('target').disabled = !session || tuning;
}

function keep() {
  const name = at('label').value.trim();
  if (!labels.includes(name)) labels = [...labels, name];
  kept.push({ image: pad.image(), label: labels.indexOf(name) });
  showKept();
  clear();
  at('status').textContent = `${kept.length} drawings kept.`;
}

function showKept() {
  at('kept').replaceChildren(
    ...kept.map((drawing, k) => {
      const [item, button, canvas, name] = ['li', 'button', 'canvas', 'span'].map((tag) =>
        document.createElement(tag),
      );
      Object.assign(canvas, { width: SIDE, height: SIDE });
      const picture = new ImageData(SIDE, SIDE);
      for (const [pixel, value] of drawing.image.entries()) {
        const grey = 255 - 255 * value;
        picture.data.set([grey, grey, grey, 255], 4 * pixel);
      }
      canvas.getContext('2d').putImageData(picture, 0, 0);
      name.textContent = labels[drawing.label];
      button.type = 'button';
      button.title = 'Remove this drawing';
      button.onclick = () => {
        kept.splice(k, 1);
        showKept();
        allow();
      };
      button.append(canvas, name);
      item.append(button);
      return item;
    }),
  );
}

async function tune() {
  tuning = true;
  allow();
  try {
    await saveParameters();
    await run(tuneOn);
    await saveParameters();
    at('status').textContent = 'Fine-tuned. Draw again.';
  } catch (error) {
    at('status').textContent = `It failed: ${error.message}`;
  }
  tuning = false;
  allow();
}

/** Half of each batch are the person's drawings, a little moved; the other half are digits, so that those stay known. */
async function tuneOn(on) {
  lossChart.set([]);
  const [batch] = shapeOf(on.plan.programs.train, 'image');
  const old = batches(digits.train, batch, random);
  let spent = 0;
  for (let step = 1; step <= STEPS; step++) {
    const { images, labels: wanted } = old.next().value;
    for (let k = 0; k < batch / 2; k++) {
      const { image, label } = kept[Math.floor(random() * kept.length)];
      images.set(moved(image), k * PIXELS);
      wanted[k] = label;
    }
    const before = performance.now();
    const { loss } = await on.run('train', { image: images, label: wanted });
    spent += performance.now() - before;
    lossChart.push(loss[0]);
    at('status').textContent = `Step ${step} of ${STEPS}`;
    at('status').dataset.loss = String(loss[0]);
    at('status').dataset[on.plan.target] = String(step);
    showMemory([
      ['Steps a second', ((1000 * step) / spent).toFixed(1)],
      ['Loss', loss[0].toFixed(4)],
    ]);
  }
}

function moved(image) {
  const [down, right] = [0, 1].map(() => Math.floor(random() * 5) - 2);
  const result = new Float32Array(PIXELS);
  for (let row = 0; row < SIDE; row++)
    for (let column = 0; column < SIDE; column++) {
      const [y, x] = [row - down, column - right];
      if (y >= 0 && x >= 0 && y < SIDE && x < SIDE)
        result[row * SIDE + column] = image[y * SIDE + x];
    }
  return result;
}

// Last, when all that it uses is there.
for (const [target, name] of Object.entries(TARGETS)) at('target').append(new Option(name, target));
at('target').onchange = () => show(at('target').value);
at('clear').onclick = clear;
at('label').oninput = allow;
at('keep').onclick = keep;
at('tune').onclick = tune;
parameters = new Uint8Array(await fetched('model.safetensors', 'arrayBuffer'));
const { kind, reason } = await findGpu();
await show(kind === 'gpu' ? 'webgpu' : 'wasm');
if (kind !== 'gpu') tellTarget(reason);
