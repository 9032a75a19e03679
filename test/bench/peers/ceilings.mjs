// What the machine can do at best, in a process of its own: multiplications and additions in registers, and a copy.
//   node ceilings.mjs wasm|gpu THREADS cpu|wall
import { writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openGpu } from './gpu.mjs';
import { clockOf } from './timing.mjs';

const ROUNDS = 6;
const [kind, threads, timedBy] = process.argv.slice(2);
const clock = clockOf({ cpu: timedBy === 'cpu' });

/** Independent sums of four, each multiplied and added to in every turn of the loop: so many that none waits for itself. */
const SUMS = 12;

async function wasmLoops() {
  const { default: wabt } = await import('wabt');
  const sums = Array.from({ length: SUMS }, (_, k) => `$s${k}`);
  const text = `(module (memory (export "memory") 2048)
    (func (export "multiply") (param $turns i32) (result f32)
      (local $x v128) ${sums.map((s) => `(local ${s} v128)`).join(' ')}
      (local.set $x (f32x4.splat (f32.const 0.999)))
      (loop $again
        ${sums.map((s) => `(local.set ${s} (f32x4.add (f32x4.mul (local.get ${s}) (local.get $x)) (local.get $x)))`).join('\n')}
        (br_if $again (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
      (f32x4.extract_lane 0 ${sums.slice(1).reduce((sum, s) => `(f32x4.add ${sum} (local.get ${s}))`, '(local.get $s0)')}))
    (func (export "copy") (param $bytes i32)
      (memory.copy (local.get $bytes) (i32.const 0) (local.get $bytes))))`;
  const module = (await wabt()).parseWat('ceilings.wat', text, { simd: true, bulk_memory: true });
  const { instance } = await WebAssembly.instantiate(module.toBinary({}).buffer);
  return instance.exports;
}

function best(run) {
  let least = Number.POSITIVE_INFINITY;
  for (let k = 0; k < ROUNDS; k++) {
    const started = clock();
    run();
    least = Math.min(least, clock() - started);
  }
  return least / 1e3;
}

const TURNS = 2_000_000;
const COPIED = 2 ** 26;

async function wasmCeilings() {
  const { multiply, copy, memory } = await wasmLoops();
  new Uint8Array(memory.buffer).fill(1);
  const flops = 2 * 4 * SUMS * TURNS;
  return {
    gflops: flops / best(() => multiply(TURNS)) / 1e9,
    gbs: (2 * COPIED) / best(() => copy(COPIED)) / 1e9,
  };
}

/** The threads' sum, each with memory of its own. */
async function threadedCeilings(count) {
  const one = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: 'measure' });
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  const all = await Promise.all(Array.from({ length: count }, one));
  const sum = (name) => all.reduce((total, each) => total + each[name], 0);
  return { gflops: sum('gflops'), gbs: sum('gbs') };
}

async function gpuCeilings() {
  const opened = await openGpu();
  const device = await opened.requestDevice();
  const seconds = async (code, sizes, grid) => {
    const module = device.createShaderModule({ code });
    const pipeline = await device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    });
    const buffers = sizes.map((size) => device.createBuffer({ size, usage: 0x80 }));
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const run = async (dispatches) => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      for (let k = 0; k < dispatches; k++) pass.dispatchWorkgroups(grid);
      pass.end();
      const started = performance.now();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      return (performance.now() - started) / 1e3 / dispatches;
    };
    const once = await run(1);
    // So many that waiting for them does not count.
    const dispatches = Math.max(1, Math.min(100, Math.round(0.05 / once)));
    let least = Number.POSITIVE_INFINITY;
    for (let k = 0; k < ROUNDS; k++) least = Math.min(least, await run(dispatches));
    for (const buffer of buffers) buffer.destroy();
    return least;
  };
  const software = /swiftshader|llvmpipe/i.test(`${opened.adapter} ${opened.driver}`);
  const [groups, turns] = software ? [64, 256] : [8192, 2048];
  const names = Array.from({ length: 8 }, (_, k) => `s${k}`);
  const multiply = `@group(0) @binding(0) var<storage, read_write> a: array<vec4f>;
@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = a[id.x]; ${names.map((s, k) => `var ${s} = x * ${k}.5;`).join(' ')}
  for (var turn = 0; turn < ${turns}; turn++) { ${names.map((s) => `${s} = ${s} * x + x;`).join(' ')} }
  a[id.x] = ${names.join(' + ')};
}`;
  const words = software ? 2 ** 22 : 2 ** 24;
  const copy = `@group(0) @binding(0) var<storage, read_write> a: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> b: array<vec4f>;
@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < ${words}u; i += groups.x * 256u) { b[i] = a[i]; }
}`;
  const flops = 2 * 4 * 8 * turns * groups * 256;
  return {
    gflops: flops / (await seconds(multiply, [groups * 256 * 16], groups)) / 1e9,
    gbs:
      (2 * 16 * words) /
      (await seconds(
        copy,
        [16 * words, 16 * words],
        software ? 256 : Math.min(65535, words / 256),
      )) /
      1e9,
    adapter: opened.adapter,
    driver: opened.driver,
  };
}

if (!isMainThread && workerData === 'measure') parentPort.postMessage(await wasmCeilings());
else {
  const measured =
    kind === 'gpu'
      ? await gpuCeilings()
      : await (Number(threads) > 1 ? threadedCeilings(Number(threads)) : wasmCeilings());
  writeSync(3, `${JSON.stringify(measured)}\n`);
  process.exit(0);
}
