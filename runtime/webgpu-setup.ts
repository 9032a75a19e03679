import type { Plan, PlanProgram, PlanStep } from '../ir/plan.ts';
import { boundRanges } from '../ir/plan-spans.ts';
import { readbackBuffers } from '../ir/plan-staging.ts';
import { errorText, RuntimeError } from './errors.ts';
import { BUFFER_USAGE } from './webgpu-constants.ts';
import { type CompiledKernel, type OnCompiled, Pipelines, setNumbers } from './webgpu-pipelines.ts';

export interface Dispatch extends CompiledKernel {
  readonly bindings: GPUBindGroup;
  readonly grid: readonly [number, number, number];
}

/** All device memory of a plan. */
export interface Buffers {
  readonly slabs: readonly GPUBuffer[];
  /** What outputs and persistent tensors are read through. */
  readonly readback: readonly GPUBuffer[];
  /** What swapped tensors are copied out through. */
  readonly swap: readonly GPUBuffer[];
  /** What inputs go up through; mapped. */
  readonly uploads: readonly GPUBuffer[];
}

/** Runs `action`, collecting the first error of one kind that it causes on the device. */
export async function inErrorScope<T>(
  device: GPUDevice,
  filter: GPUErrorFilter,
  action: () => T,
): Promise<{ result: T; error: string | null }> {
  device.pushErrorScope(filter);
  const result = action();
  const error = await device.popErrorScope();
  return { result, error: error ? error.message : null };
}

/** Error: `out-of-memory`, after which nothing stays allocated. */
export async function allocateBuffers(plan: Plan, device: GPUDevice): Promise<Buffers> {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ, MAP_WRITE } = BUFFER_USAGE;
  const buffers: GPUBuffer[] = [];
  const create = (label: string, size: number, usage: number, mappedAtCreation = false) => {
    const descriptor = { label: `${plan.name} ${label}`, size, usage, mappedAtCreation };
    const buffer = device.createBuffer(descriptor);
    buffers.push(buffer);
    return buffer;
  };
  const attempt = (): Buffers => {
    const slabs = plan.slabs.map(({ bytes }, i) =>
      create(`slab ${i}`, bytes, STORAGE | COPY_SRC | COPY_DST),
    );
    const readback = readbackBuffers(plan).map((bytes) =>
      create('readback', bytes, MAP_READ | COPY_DST),
    );
    const { buffers: count, bytes } = plan.swap?.staging ?? { buffers: 0, bytes: 0 };
    const swap = Array.from({ length: count }, (_, i) =>
      create(`swap ${i}`, bytes, MAP_READ | COPY_DST),
    );
    const up = plan.uploads ?? { buffers: 0, bytes: 0 };
    const uploads = Array.from({ length: up.buffers }, (_, i) =>
      create(`upload ${i}`, up.bytes, MAP_WRITE | COPY_SRC, true),
    );
    return { slabs, readback, swap, uploads };
  };
  let failure: string | null;
  try {
    const { result, error } = await inErrorScope(device, 'out-of-memory', attempt);
    if (error === null) return result;
    failure = error;
  } catch (error) {
    failure = errorText(error);
  }
  for (const buffer of buffers) buffer.destroy();
  throw new RuntimeError(
    'out-of-memory',
    `the device cannot allocate the ${plan.memory.deviceBytes} bytes of the plan (${failure}); build it with a smaller --budget`,
  );
}

/** Compiles the kernels of a program and binds its steps. Error: `kernel-rejected`. */
export async function bindProgram(
  plan: Plan,
  { steps }: PlanProgram,
  device: GPUDevice,
  slabs: readonly GPUBuffer[],
  pipelines: Pipelines,
  onCompiled?: OnCompiled,
): Promise<Dispatch[]> {
  const compiled = await pipelines.compile(
    steps.map(({ kernel }) => kernel),
    onCompiled,
  );
  const groups = new Map<string, GPUBindGroup>();
  const groupOf = (step: PlanStep) => {
    const ranges = boundRanges(plan, step);
    const key = ranges.map(({ slab, offset, bytes }) => `${slab}:${offset}:${bytes}`).join();
    let group = groups.get(key);
    if (!group) {
      const entries = ranges.map(({ slab, offset, bytes }, binding) => ({
        binding,
        resource: { buffer: slabs[slab!], offset, size: bytes },
      }));
      group = device.createBindGroup({ layout: pipelines.layoutOf(ranges.length), entries });
      groups.set(key, group);
    }
    return group;
  };
  const { result, error } = await inErrorScope(device, 'validation', () =>
    steps.map((step) => ({
      ...compiled.get(step.kernel)!,
      bindings: groupOf(step),
      grid: step.grid,
    })),
  );
  if (error) throw new RuntimeError('kernel-rejected', `the device refuses a binding: ${error}`);
  return result;
}

/** All programs, each kernel compiled from its own code: for those who dispatch steps by themselves, to measure them. */
export async function bindPrograms(
  plan: Plan,
  device: GPUDevice,
  slabs: readonly GPUBuffer[],
): Promise<Map<PlanProgram, Dispatch[]>> {
  const pipelines = new Pipelines(plan, device, false);
  const programs = new Map<PlanProgram, Dispatch[]>();
  for (const program of Object.values(plan.programs))
    programs.set(program, await bindProgram(plan, program, device, slabs, pipelines));
  return programs;
}

/** Encodes steps `first` to `end`, exclusive, in one pass. */
export function dispatch(
  encoder: GPUCommandEncoder,
  dispatches: readonly Dispatch[],
  first: number,
  end: number,
  descriptor?: GPUComputePassDescriptor,
): void {
  if (first === end) return;
  const pass = encoder.beginComputePass(descriptor);
  let pipeline: GPUComputePipeline | null = null;
  let set: Int32Array | null = null;
  for (let step = first; step < end; step++) {
    const { pipeline: next, numbers, bindings, grid } = dispatches[step];
    if (next !== pipeline) {
      pipeline = next;
      pass.setPipeline(pipeline);
    }
    set = setNumbers(pass, numbers, set);
    pass.setBindGroup(0, bindings);
    pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
  }
  pass.end();
}

/** Submits what `encode` encodes. */
export function submitted(device: GPUDevice, encode: (encoder: GPUCommandEncoder) => void): void {
  const encoder = device.createCommandEncoder();
  encode(encoder);
  device.queue.submit([encoder.finish()]);
}
