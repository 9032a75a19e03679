import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';
import { applyDecisions } from '../../../dist/compiler/plan-search/apply.js';
import { liveCurve } from '../../../dist/compiler/plan-search/curve.js';
import { namedDecisions } from '../../../dist/compiler/plan-search/memory-actions.js';
import { ModuleSearch } from '../../../dist/compiler/plan-search/sequence/module-search.js';
import { table } from './in-process.mjs';

/** The paper's peak with all three techniques: what the backward step of the first normalisation touches. */
const PAPER = { mebibytes: 886.23, bytes: 929280000, recomputed: 17 };

/** Rates of a card of 2013, of the kind that the paper's figures are from. */
const CARD = { operationsPerSecond: 2e12, bytesPerSecond: 2.5e11 };
const COSTS = {
  deviceToHostBytesPerSecond: 8e9,
  hostToDeviceBytesPerSecond: 8e9,
  transferSeconds: 1e-5,
  overlap: 1,
};
/** Operands of one output of the layers that contract. */
const FAN_IN = {
  ...{ conv1: 11 * 11 * 3, conv2: 5 * 5 * 96, conv3: 3 * 3 * 256, conv4: 3 * 3 * 384 },
  ...{ conv5: 3 * 3 * 384, fc1: 6 * 6 * 256, fc2: 4096, fc3: 4096 },
};

const support = async (name) =>
  (await runnerImport(fileURLToPath(new URL(`../../support/${name}.ts`, import.meta.url)))).module;

/** The layers' program with the time of each step on the card, by arithmetic or by bytes. */
function timed(program, layers) {
  const steps = program.steps.map((step, index) => {
    const layer = layers[Math.min(index, 2 * layers.length - 1 - index)];
    const outputs = layer.shape.reduce((product, extent) => product * extent, 1);
    const touched = [...new Set([...step.reads, ...step.writes])];
    const bytes = touched.reduce((sum, value) => sum + program.values[value].bytes, 0);
    const passes = index < layers.length ? 1 : 2;
    const operations = 2 * passes * outputs * (FAN_IN[layer.name] ?? 0);
    return {
      ...step,
      seconds: Math.max(operations / CARD.operationsPerSecond, bytes / CARD.bytesPerSecond),
    };
  });
  return { ...program, steps };
}

/** AlexNet at batch 200 as the paper counts: the search with the paper's peak as its budget, beside the paper's strategies. */
export async function alexnet() {
  const { layerProgram } = await support('layer-list');
  const { alexNet } = await support('paper-networks');
  const layers = alexNet(200);
  const program = timed(layerProgram(layers, [200, 3, 227, 227]), layers);
  console.log('\n(a) AlexNet, batch 200, in the accounting of the paper');
  console.log(`    paper: ${PAPER.mebibytes} MiB with ${PAPER.recomputed} steps run again`);
  const row = table(['plan', 'MiB', 'again', 'again, ms', 'moved, MiB']);
  const nowhere = () => false;
  const show = (name, decisions) => showApplied(name, applyDecisions(program, decisions, nowhere));
  const showApplied = (name, result) => {
    const again = result.ops.filter((op) => op.kind === 'step' && op.recomputed);
    const moved = result.ops
      .filter((op) => op.kind !== 'step')
      .map((op) => program.values[result.versions[op.version].value].bytes);
    row([
      name,
      (liveCurve(program, result, nowhere).peak / 2 ** 20).toFixed(3),
      again.length,
      (1e3 * again.reduce((sum, op) => sum + program.steps[op.step].seconds, 0)).toFixed(1),
      (moved.reduce((sum, bytes) => sum + bytes, 0) / 2 ** 20).toFixed(0),
    ]);
  };
  for (const recompute of ['speed', 'memory', 'cost'])
    show(`paper: ${recompute}`, namedDecisions(program, { recompute, swap: 'none' }, Infinity));
  const module = {
    programs: [program],
    persistentOf: [new Int32Array(program.values.length).fill(-1)],
    persistentBytes: new Float64Array(),
  };
  for (const [name, ways] of [
    ['recompute', { mayRecompute: true, mayCopy: false }],
    ['both', { mayRecompute: true, mayCopy: true }],
  ])
    showApplied(
      `search: ${name}`,
      new ModuleSearch(module, COSTS).improve(ways, PAPER.bytes, 200_000).applied(0),
    );
}
