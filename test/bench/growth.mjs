// How the time and memory of compilation grow with the model: chains of up to 100,000 operations, each compiled in a process of its
// own, in processor time, so that other work on the machine counts little.
//   node test/bench/growth.mjs [--most 100000] [--svg FILE]
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const SIZES = [1_000, 3_000, 10_000, 30_000, 100_000];

/** Programs of `depth` layers. Operations are those of all programs, with gradients and updates. */
const CHAINS = {
  elementwise: {
    title: 'prediction, tanh and scaling in turn',
    model: ({ defineModel, tanh, tensor }, depth) =>
      defineModel({
        name: 'elementwise',
        inputs: { x: tensor([4, 8]) },
        build({ x }) {
          let h = x;
          for (let k = 0; k < depth; k++) h = k % 2 ? tanh(h) : h.mul(0.5);
          return { h };
        },
      }),
  },
  training: {
    title: 'training, linear and relu with weights of their own',
    model: ({ defineModel, linear, meanSquaredError, relu, sgd, tensor }, depth) =>
      defineModel({
        name: 'training',
        inputs: { x: tensor([4, 8]), y: tensor([4, 8]) },
        build({ x }) {
          let h = x;
          for (let k = 0; k < depth; k++) h = relu(linear(8, 8, { name: `layer${k}` })(h));
          return { h };
        },
        train: {
          loss: ({ h }, { y }) => meanSquaredError(h, y),
          optimizer: sgd({ learningRate: 0.1 }),
        },
      }),
  },
};

const { values } = parseArgs({
  options: {
    most: { type: 'string', default: '100000' },
    svg: { type: 'string' },
    one: { type: 'string' },
  },
});
const btc = await import('../../dist/compiler/index.js');

/** Operations of all programs, as they are lowered. */
async function operations(chain, depth) {
  let count = 0;
  const printAfter = (pass, text) => {
    if (pass === 'simplify-gradients') count = text.match(/^ *%\d+ =/gm).length;
  };
  await btc.planModel(CHAINS[chain].model(btc, depth), { printAfter });
  return count;
}

/** In the child: compiles one chain and says what it took. */
async function measure(chain, depth) {
  const started = process.cpuUsage();
  const result = await btc.compile(CHAINS[chain].model(btc, depth));
  const { user, system } = process.cpuUsage(started);
  if (!result.plan) throw new Error(result.diagnostics[0].message);
  const steps = Object.values(result.plan.programs).reduce((sum, one) => sum + one.steps.length, 0);
  const mebibytes = process.resourceUsage().maxRSS / 1024;
  console.log(JSON.stringify({ seconds: (user + system) / 1e6, mebibytes, steps }));
}

if (values.one) {
  const [chain, depth] = values.one.split(':');
  await measure(chain, Number(depth));
} else await table();

async function table() {
  const rows = [];
  console.log('| chain | operations | steps | processor, s | ms per operation | memory, MiB |');
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
  for (const chain of Object.keys(CHAINS)) {
    const few = [40, 80];
    const [low, high] = [await operations(chain, few[0]), await operations(chain, few[1])];
    const perLayer = (high - low) / (few[1] - few[0]);
    for (const size of SIZES.filter((one) => one <= Number(values.most))) {
      const depth = Math.ceil((size - low) / perLayer) + few[0];
      const count = low + perLayer * (depth - few[0]);
      const { stdout, stderr, status } = spawnSync(
        process.execPath,
        [fileURLToPath(import.meta.url), '--one', `${chain}:${depth}`],
        { encoding: 'utf8' },
      );
      if (status !== 0) throw new Error(stderr);
      const { seconds, mebibytes, steps } = JSON.parse(stdout);
      rows.push({ chain, count, seconds, mebibytes });
      const cells = [
        count.toLocaleString('en'),
        steps.toLocaleString('en'),
        seconds.toFixed(1),
        ((seconds / count) * 1e3).toFixed(3),
        mebibytes.toFixed(0),
      ];
      console.log(`| ${chain} | ${cells.join(' | ')} |`);
    }
  }
  if (values.svg) writeFileSync(values.svg, chartOf(rows));
}

/** Seconds against operations, both in powers of ten: what grows linearly is parallel to the dashed lines. */
function chartOf(rows) {
  const [width, height, left, top, right, bottom] = [640, 420, 64, 24, 150, 48];
  const [xs, ys] = [
    [3, 5],
    [-1, 2],
  ];
  const x = (count) =>
    left + ((Math.log10(count) - xs[0]) / (xs[1] - xs[0])) * (width - left - right);
  const y = (seconds) =>
    height - bottom - ((Math.log10(seconds) - ys[0]) / (ys[1] - ys[0])) * (height - top - bottom);
  const at = (value) => value.toFixed(1);
  const line = (points, attributes) =>
    `<polyline points="${points.map(([a, b]) => `${at(x(a))},${at(y(b))}`).join(' ')}" fill="none" ${attributes}/>`;
  const text = (px, py, content, anchor) =>
    `<text x="${at(px)}" y="${at(py)}" text-anchor="${anchor}">${content}</text>`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#444">`,
    '<title>Processor time of compilation against operations</title>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
  ];
  for (let power = xs[0]; power <= xs[1]; power++) {
    const label = (10 ** power).toLocaleString('en');
    parts.push(
      line(
        [
          [10 ** power, 0.1],
          [10 ** power, 100],
        ],
        'stroke="#ddd"',
      ),
    );
    parts.push(text(x(10 ** power), height - bottom + 18, label, 'middle'));
  }
  for (let power = ys[0]; power <= ys[1]; power++) {
    parts.push(
      line(
        [
          [1e3, 10 ** power],
          [1e5, 10 ** power],
        ],
        'stroke="#ddd"',
      ),
    );
    parts.push(text(left - 8, y(10 ** power) + 4, String(10 ** power), 'end'));
  }
  for (const start of [0.1, 1])
    parts.push(
      line(
        [
          [1e3, start],
          [1e5, start * 100],
        ],
        'stroke="#bbb" stroke-dasharray="4 4"',
      ),
    );
  const colours = ['#1f6fb4', '#c8501e'];
  for (const [k, chain] of Object.keys(CHAINS).entries()) {
    const own = rows.filter((row) => row.chain === chain);
    const points = own.map(({ count, seconds }) => [count, seconds]);
    parts.push(line(points, `stroke="${colours[k]}" stroke-width="2"`));
    for (const [count, seconds] of points)
      parts.push(
        `<circle cx="${at(x(count))}" cy="${at(y(seconds))}" r="3" fill="${colours[k]}"/>`,
      );
    const last = own.at(-1);
    const label = `${chain}, ${last.mebibytes.toFixed(0)} MiB`;
    parts.push(text(x(last.count) + 8, y(last.seconds) + 4, label, 'start'));
  }
  parts.push(text((left + width - right) / 2, height - 10, 'operations', 'middle'));
  parts.push(text(left - 40, 14, 'processor time, s', 'start'));
  return `${parts.join('\n')}\n</svg>\n`;
}
