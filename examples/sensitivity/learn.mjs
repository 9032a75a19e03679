// Learns one 64 x 64 matrix with a few numbers, in the four shapes of the paper's sensitivity experiment, and plots what
// came out.
//   node examples/sensitivity/learn.mjs [--steps 1500]
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { buildModel } from '../data/building.mjs';
import { generator, loadDigits } from '../data/digits.mjs';

const SIZE = 64;
const SHAPES = [
  { form: 'block-term', rank: 1, blocks: 1 },
  { form: 'block-term', rank: 4, blocks: 1 },
  { form: 'block-term', rank: 1, blocks: 2 },
  { form: 'low-rank', rank: 3, blocks: 1 },
];
const { values } = parseArgs({ options: { steps: { type: 'string', default: '1500' } } });
const steps = Number(values.steps);

const truth = enlarged(loadDigits().train.images.subarray(0, 28 * 28));
plot('the matrix, 4,096 numbers: a handwritten digit', truth);
for (const shape of SHAPES) await learn(shape);

async function learn({ form, rank, blocks }) {
  const { load } = await buildModel(new URL('./model.ts', import.meta.url), {
    outDir: new URL(`./out/${form}-${rank}-${blocks}/`, import.meta.url),
    target: 'wasm',
    set: { form, rank, blocks },
  });
  const session = await load({ target: 'wasm' });
  const random = generator(7);
  for (let step = 0; step < steps; step++) {
    const x = Float32Array.from({ length: SIZE * SIZE }, () => (2 * random() - 1) / 8);
    const learningRate = 2e-2 * (1 - step / steps) + 1e-4;
    await session.run('train', { x, wanted: times(x, truth), learningRate }, { read: false });
  }
  const identity = Float32Array.from({ length: SIZE * SIZE }, (_, k) =>
    k % (SIZE + 1) === 0 ? 1 : 0,
  );
  const { product } = await session.run('predict', { x: identity });
  const parameters = session.plan.tensors
    .filter(({ role }) => role === 'parameter')
    .reduce((sum, { bytes }) => sum + bytes / 4, 0);
  session.destroy();
  const error = Math.sqrt(sumOfSquares(product, truth) / sumOfSquares(truth));
  const name = form === 'low-rank' ? `rank ${rank}` : `${blocks} block(s) of rank ${rank}`;
  plot(`P = ${parameters}: ${form}, ${name}; relative error ${error.toFixed(3)}`, product);
}

/** A 28 x 28 image as 64 x 64, by linear interpolation. */
function enlarged(image) {
  const at = (row, column) => image[Math.min(27, row) * 28 + Math.min(27, column)];
  return Float32Array.from({ length: SIZE * SIZE }, (_, k) => {
    const y = (Math.floor(k / SIZE) * 27) / (SIZE - 1);
    const x = ((k % SIZE) * 27) / (SIZE - 1);
    const [row, column] = [Math.floor(y), Math.floor(x)];
    const [down, right] = [y - row, x - column];
    const above = (1 - right) * at(row, column) + right * at(row, column + 1);
    const below = (1 - right) * at(row + 1, column) + right * at(row + 1, column + 1);
    return (1 - down) * above + down * below;
  });
}

function times(a, b) {
  const result = new Float32Array(SIZE * SIZE);
  for (let i = 0; i < SIZE; i++)
    for (let k = 0; k < SIZE; k++) {
      const factor = a[i * SIZE + k];
      for (let j = 0; j < SIZE; j++) result[i * SIZE + j] += factor * b[k * SIZE + j];
    }
  return result;
}

function sumOfSquares(a, b = new Float32Array(a.length)) {
  return a.reduce((sum, value, k) => sum + (value - b[k]) ** 2, 0);
}

/** Two rows of the matrix are one line of the terminal. */
function plot(title, matrix) {
  const shades = ' .:-=+*#%@';
  console.log(`\n${pc.bold(title)}`);
  for (let row = 0; row < SIZE; row += 2) {
    let line = '';
    for (let column = 0; column < SIZE; column++) {
      const value = (matrix[row * SIZE + column] + matrix[(row + 1) * SIZE + column]) / 2;
      line += shades[Math.max(0, Math.min(shades.length - 1, Math.round(9 * value)))];
    }
    console.log(`  ${line}`);
  }
}
