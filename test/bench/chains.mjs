// Times prediction with factorised layers on the wasm target with and without chains of contractions, run by run in turn
// and in processor time, so that other work on the machine counts little.
//   node test/bench/chains.mjs [rounds]
import {
  blockTerm,
  compile,
  cp,
  defineModel,
  linear,
  lstm,
  tensor,
  tensorTrain,
} from '../../dist/compiler/index.js';
import { load } from '../../dist/runtime/index.js';

const rounds = Number(process.argv[2] ?? 40);
const CALLS = 2;

const layer = (weight) => ({
  x: tensor([64, 1024]),
  build: ({ x }) => ({ y: linear(1024, 1024, { name: 'layer', weight })(x) }),
});
const recurrent = (inputWeight) => ({
  x: tensor([16, 1, 57600]),
  build: ({ x }) => ({ y: lstm(57600, 256, { name: 'reader', inputWeight })(x).state.hidden }),
});
const square = { inputModes: [4, 8, 8, 4], outputModes: [4, 8, 8, 4] };
const video = { inputModes: [8, 20, 20, 18], outputModes: [4, 4, 4, 4] };
const MODELS = {
  'block-term LSTM': recurrent(blockTerm({ ...video, rank: 4, blocks: 2 })),
  'tensor-train LSTM': recurrent(tensorTrain({ ...video, rank: 4 })),
  'cp LSTM': recurrent(cp({ ...video, rank: 16 })),
  'tensor-train 1024': layer(tensorTrain({ ...square, rank: 8 })),
  'block-term 1024': layer(blockTerm({ ...square, rank: 4, blocks: 2 })),
  'cp 1024': layer(cp({ ...square, rank: 16 })),
};

async function open({ x, build }, limits) {
  const model = defineModel({ name: 'chains', inputs: { x }, build });
  const { plan, module, parameters } = await compile(model, { target: 'wasm', limits });
  const session = await load(plan, { module, parameters });
  const [input] = plan.programs.predict.inputs;
  const count = input.shape.reduce((product, extent) => product * extent, 1);
  const data = Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 101) / 101 - 0.5);
  return { plan, run: () => session.run('predict', { x: data }), destroy: () => session.destroy() };
}

/** Milliseconds of processor time per call. */
async function time(run) {
  const before = process.cpuUsage();
  for (let call = 0; call < CALLS; call++) await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / CALLS;
}

const quantile = (values, q) =>
  values.toSorted((a, b) => a - b)[Math.round(q * (values.length - 1))];
const show = (value) => value.toFixed(2);

for (const [name, model] of Object.entries(MODELS)) {
  const apart = await open(model, { maxWorkgroupBytes: 0 });
  const chained = await open(model, {});
  for (let call = 0; call < 6; call++) for (const { run } of [apart, chained]) await run();
  const times = [[], []];
  for (let round = 0; round < rounds; round++)
    for (const k of round % 2 ? [1, 0] : [0, 1]) times[k].push(await time([apart, chained][k].run));
  const ratios = times[0].map((ms, round) => times[1][round] / ms);
  const peaks = [apart, chained].map(({ plan }) => show(plan.memory.peakLiveBytes / 2 ** 20));
  const steps = [apart, chained].map(({ plan }) => plan.programs.predict.steps.length);
  console.log(
    `${name.padEnd(18)} ${show(quantile(times[0], 0.5))} -> ${show(quantile(times[1], 0.5))} ms, ` +
      `ratio ${show(quantile(ratios, 0.5))} (quartiles ${show(quantile(ratios, 0.25))} to ${show(quantile(ratios, 0.75))}), ` +
      `steps ${steps.join(' -> ')}, peak ${peaks.join(' -> ')} MiB`,
  );
  apart.destroy();
  chained.destroy();
}
