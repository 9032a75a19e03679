// Times the WGSL kernels on the GPU of this machine: each contraction in every tiling, and memory-bound kernels of the
// usual forms. For tuning compiler/codegen/gpu/tuning.ts.
//   npm run build && node test/bench/wgsl.mjs [contractions|memory] [m,n,k ...]

import { emitContraction } from '../../dist/compiler/codegen/gpu/contraction.js';
import {
  classifyContraction,
  matchContraction,
} from '../../dist/compiler/codegen/gpu/contraction-match.js';
import { emitWgsl } from '../../dist/compiler/codegen/gpu/index.js';
import { emitReduction } from '../../dist/compiler/codegen/gpu/reduction.js';
import { TUNING } from '../../dist/compiler/codegen/gpu/tuning.js';
import { WGSL } from '../../dist/compiler/codegen/gpu/wgsl/dialect.js';
import { WEBGPU_DEFAULT_LIMITS } from '../../dist/ir/schedule.js';
import { findNodeGpu } from '../../dist/node/gpu.js';

const limits = WEBGPU_DEFAULT_LIMITS;
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

const { gpu, reason } = await findNodeGpu();
if (!gpu) throw new Error(reason);
const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
const device = await adapter.requestDevice();
const [what = 'all', ...given] = process.argv.slice(2);
console.log(adapter.info.device || adapter.info.description);
const shapes = given.length > 0 ? given.map((text) => text.split(',').map(Number)) : SHAPES;
if (what !== 'memory') for (const [m, n, k] of shapes) await contraction(m, n, k);
if (what !== 'contractions')
  for (const [name, kernel] of memoryKernels()) await memory(name, kernel);
process.exit(0);

function wgslOf({ code, grid }) {
  return { wgsl: code, grid };
}

async function contraction(m, n, k) {
  const kernel = contractionKernel(m, n, k);
  const groups = classifyContraction(kernel);
  const chosen = matchContraction(kernel, limits)?.tiling ?? null;
  const row = [];
  const report = (name, seconds, mark) =>
    row.push(
      `${name} ${(seconds * 1e6).toFixed(0)}us ${((2 * m * n * k) / seconds / 1e9).toFixed(0)}G${mark ? '*' : ''}`,
    );
  report(
    'plain',
    await seconds(kernel, wgslOf(emitReduction(WGSL, kernel, limits))),
    chosen === null,
  );
  for (const tiling of TUNING.contraction.tilings) {
    const { memory, tileM, tileN, tileK } = tiling;
    const emitted = wgslOf(emitContraction(WGSL, kernel, { ...groups, tiling }, limits));
    const name = `${memory === 'registers' ? 'r' : ''}${tileM}x${tileN}x${tileK}`;
    report(name, await seconds(kernel, emitted), tiling === chosen);
  }
  console.log(`${m}x${n}x${k} (* chosen): ${row.join(', ')}`);
}

async function memory(name, kernel) {
  const time = await seconds(kernel, emitWgsl(kernel, limits));
  const bytes = kernel.buffers.reduce((sum, { elements }) => sum + elements * 4, 0);
  console.log(`${name}: ${(time * 1e6).toFixed(0)}us, ${(bytes / time / 1e9).toFixed(0)} GB/s`);
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
  const count = Math.max(1, Math.min(2000, Math.round(0.02 / first)));
  const times = [await run(count), await run(count), await run(count)];
  for (const buffer of buffers) buffer.destroy();
  return Math.min(...times);
}

function load(buffer, coefficients) {
  return { kind: 'load', dtype: 'f32', buffer, index: { offset: 0, coefficients }, bounds: [] };
}

function contractionKernel(m, n, k) {
  return {
    name: 'contraction',
    axes: [
      { extent: m, kind: 'parallel' },
      { extent: n, kind: 'parallel' },
      { extent: k, kind: 'reduced' },
    ],
    buffers: [m * k, k * n, m * n].map((elements) => ({
      dtype: 'f32',
      access: 'read_write',
      elements,
    })),
    nodes: [
      load(0, [k, 0, 1]),
      load(1, [0, 1, n]),
      { kind: 'apply', dtype: 'f32', op: 'mul', operands: [0, 1] },
      { kind: 'accumulator', dtype: 'f32' },
    ],
    reduction: { combiner: 'sum', value: 2 },
    stores: [
      { buffer: 2, index: { offset: 0, coefficients: [n, 1, 0] }, value: 3, accumulate: false },
    ],
  };
}

function memoryKernels() {
  const size = 4096;
  const parallel = (extent) => ({ extent, kind: 'parallel' });
  const reduced = (extent) => ({ extent, kind: 'reduced' });
  const buffers = (...counts) =>
    counts.map((elements) => ({ dtype: 'f32', access: 'read_write', elements }));
  const store = (buffer, coefficients, value) => ({
    buffer,
    index: { offset: 0, coefficients },
    value,
    accumulate: false,
  });
  const accumulator = { kind: 'accumulator', dtype: 'f32' };
  const reduction = (name, axes, coefficients, outputs) => [
    name,
    {
      name: 'reduction',
      axes,
      buffers: buffers(size * size, outputs),
      nodes: [load(0, coefficients), accumulator],
      reduction: { combiner: 'sum', value: 0 },
      stores: [
        store(
          1,
          axes.map(({ kind }) => Number(kind === 'parallel')),
          1,
        ),
      ],
    },
  ];
  const add = { kind: 'apply', dtype: 'f32', op: 'add', operands: [0, 1] };
  return [
    [
      'add',
      {
        name: 'add',
        axes: [parallel(size * size)],
        buffers: buffers(size * size, size * size, size * size),
        nodes: [load(0, [1]), load(1, [1]), add],
        reduction: null,
        stores: [store(2, [1], 2)],
      },
    ],
    [
      'transposed copy',
      {
        name: 'transpose',
        axes: [parallel(size), parallel(size)],
        buffers: buffers(size * size, size * size),
        nodes: [load(0, [1, size])],
        reduction: null,
        stores: [store(1, [size, 1], 0)],
      },
    ],
    reduction('row sums', [parallel(size), reduced(size)], [size, 1], size),
    reduction('column sums', [parallel(size), reduced(size)], [1, size], size),
    reduction('sum of all', [reduced(size * size)], [1], 1),
  ];
}
