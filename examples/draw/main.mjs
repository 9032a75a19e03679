import { bytesText, createChart } from '../pages/chart.mjs';
import { batches, fetchDigits, generator, largest, PIXELS, SIDE } from '../pages/digits.mjs';
import { openSession } from '../pages/session.mjs';
import { createPad } from './pad.mjs';

const DIGITS = 10;
const STEPS = 120;
const at = (id) => document.getElementById(id);
const fetched = async (name, as) => (await fetch(`./${name}`))[as]();

const TARGETS = { wasm: 'WebAssembly', webgpu: 'WebGPU' };
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
let parameters = null;
/** Counts what was drawn and cleared: an answer to what is no longer there is not shown. */
let drawing = 0;
let labels = Array.from({ length: DIGITS }, (_, k) => String(k));
const pad = createPad(at('pad'), recognise);
const [live, digits] = await Promise.all([
  fetched('live.json', 'json'),
  fetchDigits('./digits.bin'),
]);

async function open(target) {
  at('target').disabled = true;
  if (session) parameters = await session.saveParameters();
  session?.destroy();
  const plan = await fetched(`${target}.plan.json`, 'json');
  const module =
    target === 'wasm' ? new Uint8Array(await fetched('model.wasm', 'arrayBuffer')) : null;
  session = await openSession({ plan, module, parameters });
  const { budgetBytes } = plan.memory;
  at('budget').textContent = bytesText(budgetBytes);
  memoryChart.set(live[target], budgetBytes);
  showMemory();
  at('target').disabled = false;
  at('guess').textContent = 'Draw something.';
  await recognise();
  document.body.dataset.ready = target;
}

function showMemory(more = []) {
  const { plan, allocatedBytes, hostBytes, description } = session;
  const { deviceBytes, budgetBytes } = plan.memory;
  const entries = [
    ['Budget', bytesText(budgetBytes)],
    ['The plan takes', bytesText(deviceBytes)],
    [
      'Really allocated',
      `${bytesText(allocatedBytes)} (${((100 * allocatedBytes) / budgetBytes).toFixed(0)} % of the budget)`,
    ],
    ['On the host', bytesText(hostBytes)],
    ['Runs on', description],
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
  const { predict } = session.plan.programs;
  const [batch, classes] = shapeOf(predict, 'logits');
  const images = new Float32Array(batch * PIXELS);
  images.set(image);
  const { logits } = await session.run('predict', { image: images });
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
  at('tune').disabled = !session || kept.length === 0;
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

/** Half of each batch are the person's drawings, a little moved; the other half are digits, so that those stay known. */
async function tune() {
  at('tune').disabled = true;
  at('target').disabled = true;
  lossChart.set([]);
  const [batch] = shapeOf(session.plan.programs.train, 'image');
  const old = batches(digits.train, batch, random);
  let spent = 0;
  try {
    for (let step = 1; step <= STEPS; step++) {
      const { images, labels: wanted } = old.next().value;
      for (let k = 0; k < batch / 2; k++) {
        const { image, label } = kept[Math.floor(random() * kept.length)];
        images.set(moved(image), k * PIXELS);
        wanted[k] = label;
      }
      const before = performance.now();
      const { loss } = await session.run('train', { image: images, label: wanted });
      spent += performance.now() - before;
      lossChart.push(loss[0]);
      at('status').textContent = `Step ${step} of ${STEPS}`;
      at('status').dataset.loss = String(loss[0]);
      showMemory([
        ['Steps a second', ((1000 * step) / spent).toFixed(1)],
        ['Loss', loss[0].toFixed(4)],
      ]);
    }
    at('status').textContent = 'Fine-tuned. Draw again.';
  } catch (error) {
    at('status').textContent = `It failed: ${error.message}`;
  }
  at('target').disabled = false;
  allow();
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
const hasGpu = (await navigator.gpu?.requestAdapter().catch(() => null)) != null;
for (const target of hasGpu ? ['wasm', 'webgpu'] : ['wasm'])
  at('target').append(new Option(TARGETS[target], target));
at('target').onchange = () => open(at('target').value);
at('clear').onclick = clear;
at('label').oninput = allow;
at('keep').onclick = keep;
at('tune').onclick = tune;
parameters = new Uint8Array(await fetched('model.safetensors', 'arrayBuffer'));
await open('wasm');
