import type { Plan, PlanKernel, PlanProgram, PlanStep } from '../ir/plan.ts';
import { checkDevice } from './device.ts';
import { errorText, RuntimeError } from './errors.ts';
import type { Executor, TensorData } from './executor.ts';
import { readTensors } from './readback.ts';
import { BUFFER_USAGE, SHADER_STAGE_COMPUTE } from './webgpu-constants.ts';

interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroup;
  readonly grid: readonly [number, number, number];
}

/**
 * Allocates the slabs and the staging buffer of a plan on `device`, compiles its kernels in parallel and binds every
 * step. Errors: `limit-too-small`, `out-of-memory`, `kernel-rejected`, `device-lost`. After an error nothing stays allocated.
 */
export async function createWebGpuExecutor(plan: Plan, device: GPUDevice): Promise<Executor> {
  checkDevice(plan, device);
  let lost: string | null = null;
  void device.lost.then(({ message, reason }) => {
    lost = message || reason;
  });
  const checkLost = () => {
    if (lost !== null)
      throw new RuntimeError(
        'device-lost',
        `the GPU device was lost (${lost}); load the plan on a new device and restore a checkpoint`,
      );
  };
  const { slabs, staging } = await allocate(plan, device);
  const buffers = staging ? [...slabs, staging] : slabs;
  const free = () => {
    for (const buffer of buffers) buffer.destroy();
  };
  let programs: Map<PlanProgram, Dispatch[]>;
  try {
    programs = await bindPrograms(plan, device, slabs);
    checkLost();
  } catch (error) {
    free();
    checkLost();
    throw error;
  }
  // Some errors of validation show only at a dispatch, so the first run of each program is watched.
  const unproven = new Set(programs.keys());
  let proof: Promise<unknown> = Promise.resolve();

  return {
    plan,
    description: describe(device),
    allocatedBytes: buffers.reduce((sum, buffer) => sum + buffer.size, 0),
    write(tensor, data) {
      checkLost();
      device.queue.writeBuffer(
        slabs[tensor.slab!],
        tensor.offset,
        data as BufferSource & TensorData,
      );
    },
    run(program) {
      checkLost();
      const dispatches = programs.get(program)!;
      if (!unproven.delete(program)) {
        submit(device, dispatches);
        return;
      }
      proof = Promise.all([proof, watchedSubmit(device, dispatches)]);
      // The next read reports it; until then it is no unhandled rejection.
      proof.catch(() => {});
    },
    async read(tensors) {
      checkLost();
      try {
        await proof;
        return await readTensors(device, slabs, staging, tensors);
      } catch (error) {
        await settle();
        checkLost();
        throw error;
      }
    },
    destroy: free,
  };
}

/** Lets `device.lost` be seen before the errors that a loss causes are reported as something else. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function describe(device: GPUDevice): string {
  const { vendor = '', device: name = '', description = '' } = device.adapterInfo ?? {};
  return `${[vendor, name || description].filter(Boolean).join(' ') || 'GPU'} (WebGPU)`;
}

/** Runs `action`, collecting the first error of one kind that it causes on the device. */
async function inErrorScope<T>(
  device: GPUDevice,
  filter: GPUErrorFilter,
  action: () => T,
): Promise<{ result: T; error: string | null }> {
  device.pushErrorScope(filter);
  const result = action();
  const error = await device.popErrorScope();
  return { result, error: error ? error.message : null };
}

async function allocate(plan: Plan, device: GPUDevice) {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = BUFFER_USAGE;
  const { stagingBytes } = plan.memory;
  const buffers: GPUBuffer[] = [];
  const create = (label: string, size: number, usage: number) => {
    const buffer = device.createBuffer({ label, size, usage });
    buffers.push(buffer);
    return buffer;
  };
  const attempt = () => {
    const slabs = plan.slabs.map(({ bytes }, i) =>
      create(`${plan.name} slab ${i}`, bytes, STORAGE | COPY_SRC | COPY_DST),
    );
    const staging =
      stagingBytes > 0 ? create(`${plan.name} staging`, stagingBytes, MAP_READ | COPY_DST) : null;
    return { slabs, staging };
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

async function bindPrograms(
  plan: Plan,
  device: GPUDevice,
  slabs: readonly GPUBuffer[],
): Promise<Map<PlanProgram, Dispatch[]>> {
  const layouts = new Map<number, GPUBindGroupLayout>();
  const layoutOf = (count: number) => {
    let layout = layouts.get(count);
    if (!layout) {
      const entries = Array.from({ length: count }, (_, binding) => ({
        binding,
        visibility: SHADER_STAGE_COMPUTE,
        buffer: { type: 'storage' as const },
      }));
      layout = device.createBindGroupLayout({ entries });
      layouts.set(count, layout);
    }
    return layout;
  };
  const pipelines = await Promise.all(
    plan.kernels.map((kernel) => createPipeline(device, kernel, layoutOf(kernel.bindings.length))),
  );
  const groups = new Map<string, GPUBindGroup>();
  const groupOf = ({ kernel, bindings, offsets }: PlanStep) => {
    const ranges = plan.kernels[kernel].bindings.map(({ bytes }, binding) => {
      const { slab, offset } = plan.tensors[bindings[binding]];
      return { slab, offset: offset + (offsets?.[binding] ?? 0), bytes };
    });
    const key = ranges.map(({ slab, offset, bytes }) => `${slab}:${offset}:${bytes}`).join();
    let group = groups.get(key);
    if (!group) {
      const entries = ranges.map(({ slab, offset, bytes }, binding) => ({
        binding,
        resource: { buffer: slabs[slab!], offset, size: bytes },
      }));
      group = device.createBindGroup({ layout: layoutOf(ranges.length), entries });
      groups.set(key, group);
    }
    return group;
  };
  const programs = new Map<PlanProgram, Dispatch[]>();
  const { error } = await inErrorScope(device, 'validation', () => {
    for (const program of Object.values(plan.programs)) {
      const dispatches = program.steps.map((step) => ({
        pipeline: pipelines[step.kernel],
        bindings: groupOf(step),
        grid: step.grid,
      }));
      programs.set(program, dispatches);
    }
  });
  if (error) throw new RuntimeError('kernel-rejected', `the device refuses a binding: ${error}`);
  return programs;
}

async function createPipeline(
  device: GPUDevice,
  kernel: PlanKernel,
  layout: GPUBindGroupLayout,
): Promise<GPUComputePipeline> {
  const { result: module, error } = await inErrorScope(device, 'validation', () =>
    device.createShaderModule({ label: kernel.name, code: kernel.wgsl! }),
  );
  let reason = error;
  if (reason === null) {
    try {
      return await device.createComputePipelineAsync({
        label: kernel.name,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main' },
      });
    } catch (failure) {
      reason = errorText(failure);
    }
  }
  throw new RuntimeError(
    'kernel-rejected',
    `the device refuses kernel '${kernel.name}': ${reason.split('\n')[0]}`,
  );
}

async function watchedSubmit(device: GPUDevice, dispatches: readonly Dispatch[]): Promise<void> {
  const { error } = await inErrorScope(device, 'validation', () => submit(device, dispatches));
  if (error) throw new RuntimeError('kernel-rejected', `the device refuses a step: ${error}`);
}

function submit(device: GPUDevice, dispatches: readonly Dispatch[]): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  let pipeline: GPUComputePipeline | null = null;
  for (const dispatch of dispatches) {
    if (dispatch.pipeline !== pipeline) {
      pipeline = dispatch.pipeline;
      pass.setPipeline(pipeline);
    }
    pass.setBindGroup(0, dispatch.bindings);
    const [x, y, z] = dispatch.grid;
    pass.dispatchWorkgroups(x, y, z);
  }
  pass.end();
  device.queue.submit([encoder.finish()]);
}
