// Times the kernels of WebGPU on the GPU of this machine: contractions, and kernels that move memory, in every variant that the
// compiler has for them, and marks the one that it takes by a profile's rates. For tuning compiler/codegen/gpu/tuning.ts.
//   npm run build && node test/bench/wgsl.mjs [contractions|memory] [m,n,k ...]
// PROFILE is a shipped profile's name (h100). It needs nothing but dist/ and the package `webgpu`.

import {
  chooseVariant,
  emitWgsl,
  variantsOf,
  variantText,
} from '../../dist/compiler/codegen/gpu/index.js';
import { codeModel } from '../../dist/compiler/profile/code-model.js';
import { profileOf } from '../../dist/compiler/profile/shipped.js';
import { WEBGPU_DEFAULT_LIMITS } from '../../dist/ir/schedule.js';
import { findNodeGpu } from '../../dist/node/gpu.js';

const SHAPES = [
  [32, 128, 784],
  [64, 512, 128],
  [128, 128, 28],
  [8, 4096, 4096],
  [512, 512, 512],
  [784, 128, 64],
  [2048, 2048, 2048],
  [4096, 4096, 1024],
];
/** Seconds for which each variant runs. */
const ENOUGH = 0.02;

const { gpu, reason } = await findNodeGpu();
if (!gpu) throw new Error(reason);
const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
const requiredLimits = Object.fromEntries(
  [
    'maxStorageBufferBindingSize',
    'maxBufferSize',
    'maxComputeWorkgroupStorageSize',
    'maxComputeInvocationsPerWorkgroup',
    'maxComputeWorkgroupSizeX',
  ].map((name) => [name, adapter.limits[name]]),
);
const requiredFeatures = ['subgroups'].filter((name) => adapter.features.has(name));
const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
const limits = {
  ...WEBGPU_DEFAULT_LIMITS,
  maxWorkgroupBytes: requiredLimits.maxComputeWorkgroupStorageSize,
  maxWorkgroupInvocations: requiredLimits.maxComputeInvocationsPerWorkgroup,
  ...(requiredFeatures.length > 0 ? { minSubgroupSize: adapter.info.subgroupMinSize } : {}),
};
const model = codeModel(profileOf(process.env.PROFILE ?? 'h100'));
const [what = 'all', ...given] = process.argv.slice(2);
console.log(adapter.info.device || adapter.info.description);
const shapes = given.length > 0 ? given.map((text) => text.split(',').map(Number)) : SHAPES;
if (what !== 'memory')
  for (const [m, n, k] of shapes)
    await report(`${m}x${n}x${k}`, contractionKernel(m, n, k), (2 * m * n * k) / 1e9, 'GFLOP/s');
if (what !== 'contractions')
  for (const [name, kernel] of memoryKernels()) {
    const bytes = kernel.buffers.reduce((sum, { elements }) => sum + elements * 4, 0);
    await report(name, kernel, bytes / 1e9, 'GB/s');
  }
process.exit(0);

/** One line per variant, the fastest first. */
async function report(name, kernel, work, unit) {
  const chosen = variantText(chooseVariant(kernel, limits, model));
  const rows = [];
  for (const variant of variantsOf(kernel, limits)) {
    const text = variantText(variant);
    const time = await seconds(kernel, emitWgsl(kernel, variant, limits));
    rows.push({ text, time });
  }
  console.log(`${name} (* chosen by ${process.env.PROFILE ?? 'h100'})`);
  for (const { text, time } of rows.sort((a, b) => a.time - b.time)) {
    const rate = (work / time).toFixed(work / time < 10 ? 1 : 0).padStart(7);
    console.log(
      `  ${rate} ${unit} ${(time * 1e6).toFixed(0).padStart(8)} us  ${text}${text === chosen ? ' *' : ''}`,
    );
  }
}

/** Seconds of one dispatch, from enough dispatches in one pass to make timing sure; the best of three. */
async function seconds(kernel, { wgsl, grid }) {
  const module = device.createShaderModule({ code: wgsl });
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module, entryPoint: 'main' },
  });
  const buffers = kernel.buffers.map(({ elements }) =>
    device.createBuffer({ size: elements * 4, usage: 0x80 }),
  );
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const run = async (count) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < count; i++) pass.dispatchWorkgroups(...grid);
    pass.end();
    const start = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / 1000 / count;
  };
  await run(1);
  const first = await run(1);
  const count = Math.max(1, Math.min(2000, Math.round(ENOUGH / first)));
  const times = [await run(count), await run(count), await run(count)];
  for (const buffer of buffers) buffer.destroy();
  return Math.min(...times);
}

function load(buffer, coefficients) {
  return { kind: 'load', dtype: 'f32', buffer, index: { offset: 0, coefficients }, bounds: [] };
}

function buffersOf(counts) {
  return counts.map((elements) => ({ dtype: 'f32', access: 'read_write', elements }));
}

function store(buffer, coefficients, value) {
  return { buffer, index: { offset: 0, coefficients }, value, accumulate: false };
}

/** The kernel of a sum of `value`, a node, behind which its accumulator stands. */
function sum(axes, buffers, nodes, stored) {
  const accumulator = { kind: 'accumulator', dtype: 'f32', reduction: 0 };
  return {
    ...{ name: 'sum', axes, buffers, nodes: [...nodes, accumulator] },
    reductions: [{ combiner: 'sum', value: nodes.length - 1 }],
    stores: [store(buffers.length - 1, stored, nodes.length)],
  };
}

function contractionKernel(m, n, k) {
  const axes = [
    { extent: m, kind: 'parallel' },
    { extent: n, kind: 'parallel' },
    { extent: k, kind: 'reduced' },
  ];
  const product = { kind: 'apply', dtype: 'f32', op: 'mul', operands: [0, 1] };
  const nodes = [load(0, [k, 0, 1]), load(1, [0, 1, n]), product];
  return sum(axes, buffersOf([m * k, k * n, m * n]), nodes, [n, 1, 0]);
}

function memoryKernels() {
  const size = 4096;
  const parallel = (extent) => ({ extent, kind: 'parallel' });
  const reduced = (extent) => ({ extent, kind: 'reduced' });
  const points = (name, axes, buffers, nodes, stored) => [
    name,
    {
      ...{ name: 'points', axes, buffers: buffersOf(buffers), nodes, reductions: [] },
      stores: [store(buffers.length - 1, stored, nodes.length - 1)],
    },
  ];
  const reduction = (name, axes, coefficients, outputs) => [
    name,
    sum(
      axes,
      buffersOf([size * size, outputs]),
      [load(0, coefficients)],
      axes.map(({ kind }) => Number(kind === 'parallel')),
    ),
  ];
  const add = { kind: 'apply', dtype: 'f32', op: 'add', operands: [0, 1] };
  const all = size * size;
  return [
    points('add', [parallel(all)], [all, all, all], [load(0, [1]), load(1, [1]), add], [1]),
    points(
      'transposed copy',
      [parallel(size), parallel(size)],
      [all, all],
      [load(0, [1, size])],
      [size, 1],
    ),
    reduction('row sums', [parallel(size), reduced(size)], [size, 1], size),
    reduction('column sums', [parallel(size), reduced(size)], [1, size], size),
    reduction('sum of all', [reduced(all)], [1], 1),
  ];
}
