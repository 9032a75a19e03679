import { planInProcess, table } from './in-process.mjs';

/** The deepest residual network at batch 16 in 12 GiB of the paper (section 4.2), and of the frameworks that it was compared with. */
const PAPER = { SuperNeurons: 1920, TensorFlow: 592, MXNet: 480, Torch: 152, Caffe: 148 };
const DEPTHS = [200, 500, 1000, 1922, 5000, 10000];
const CHART_WIDTH = 50;

/** Blocks of the third stage, of a network with about so many layers: 3 · (6 + 32 + n3 + 6) + 2. */
const thirdStage = (layers) => Math.round((layers - 2) / 3) - 44;

export function deepest({ depths = DEPTHS, budget = true, planSeconds = 0, ...options }) {
  console.log('\n(c) The deepest ResNet, batch 16, 12 GiB');
  console.log(
    `    paper: ${Object.entries(PAPER)
      .map(([name, layers]) => `${name} ${layers}`)
      .join(', ')}`,
  );
  if (budget)
    console.log(`    ${planSeconds} nominal seconds of local search behind the portfolio`);
  const row = table(['layers', 'plan, s', 'processor', 'host MiB', 'steps', 'GiB', 'step, s']);
  const known = [];
  for (const depth of depths) {
    const n3 = thirdStage(depth);
    const layers = 3 * (44 + n3) + 2;
    const set = { n3, batch: 16, image: 224, classes: 1000, width: 1 };
    const budgetBytes = budget ? { budgetBytes: 12 * 2 ** 30, planSeconds } : {};
    const made = planInProcess({ network: 'resnet-deep', set, ...budgetBytes }, options);
    if (made.problem) row([layers, made.problem]);
    else {
      known.push({ layers, seconds: made.processorSeconds });
      row([
        layers,
        made.seconds.toFixed(1),
        made.processorSeconds.toFixed(1),
        (made.hostBytes / 2 ** 20).toFixed(0),
        made.steps,
        (made.deviceBytes / 2 ** 30).toFixed(2),
        made.predictedSeconds.toFixed(2),
      ]);
    }
  }
  if (known.length > 1) chart(known);
}

/** Seconds of processor time per 1,000 layers: bars of one length are linear growth. */
function chart(known) {
  console.log('\n    seconds of processor time per 1,000 layers');
  const rates = known.map(({ layers, seconds }) => (seconds / layers) * 1e3);
  const most = Math.max(...rates);
  known.forEach(({ layers }, k) => {
    const bar = '█'.repeat(Math.max(1, Math.round((rates[k] / most) * CHART_WIDTH)));
    console.log(`    ${String(layers).padStart(6)} ${bar} ${rates[k].toFixed(1)}`);
  });
  const [first, last] = [known[0], known.at(-1)];
  const growth = Math.log(last.seconds / first.seconds) / Math.log(last.layers / first.layers);
  console.log(
    `    from ${first.layers} to ${last.layers}: seconds grow as layers^${growth.toFixed(2)}`,
  );
}
