import { emitContraction } from '../../compiler/codegen/gpu/contraction.ts';
import type { Contraction } from '../../compiler/codegen/gpu/contraction-match.ts';
import type { emitWgsl } from '../../compiler/codegen/gpu/index.ts';
import { type ContractionVariant, tilingResources } from '../../compiler/codegen/gpu/variant.ts';
import { WGSL } from '../../compiler/codegen/gpu/wgsl/dialect.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { testDevice } from './gpu.ts';
import { chosenWgsl } from './variants.ts';

export type Data = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** As `emitWgsl`, but in the tiling that is given. */
export function emitTiled(kernel: Kernel, contraction: Contraction): ReturnType<typeof emitWgsl> {
  const { code, grid } = emitContraction(WGSL, kernel, contraction, WEBGPU_DEFAULT_LIMITS);
  return { wgsl: code, grid };
}

/** Whether a tiling needs no more of a workgroup than every device has. */
export function fitsByDefault(tiling: ContractionVariant): boolean {
  const { invocations, memoryElements } = tilingResources(tiling);
  const { maxWorkgroupInvocations, maxWorkgroupBytes } = WEBGPU_DEFAULT_LIMITS;
  return invocations <= maxWorkgroupInvocations && 4 * memoryElements <= maxWorkgroupBytes;
}

/** Runs one kernel on the GPU of the tests; gives the contents of all its buffers afterwards. */
export async function runOnGpu(
  kernel: Kernel,
  buffers: readonly Data[],
  emitted = chosenWgsl(kernel),
): Promise<Data[]> {
  const device = await testDevice();
  const { wgsl, grid } = emitted;
  const module = device.createShaderModule({ code: wgsl });
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter(({ type }) => type === 'error');
  if (errors.length > 0)
    throw new Error(
      `${errors.map(({ lineNum, message }) => `${lineNum}: ${message}`).join('\n')}\n${wgsl}`,
    );
  device.pushErrorScope('validation');
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module, entryPoint: 'main' },
  });
  const usage = GPU_STORAGE | GPU_COPY_SRC | GPU_COPY_DST;
  const onDevice = buffers.map((data) => {
    const buffer = device.createBuffer({ size: data.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  });
  const staging = buffers.map((data) =>
    device.createBuffer({ size: data.byteLength, usage: GPU_MAP_READ | GPU_COPY_DST }),
  );
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindUsed(device, pipeline, wgsl, onDevice));
  pass.dispatchWorkgroups(...grid);
  pass.end();
  onDevice.forEach((buffer, i) => {
    encoder.copyBufferToBuffer(buffer, 0, staging[i], 0, buffer.size);
  });
  device.queue.submit([encoder.finish()]);
  const invalid = await device.popErrorScope();
  if (invalid) throw new Error(`${invalid.message}\n${wgsl}`);
  const results = await Promise.all(
    staging.map(async (buffer, i) => {
      await buffer.mapAsync(GPU_MAP_MODE_READ);
      const bytes = buffer.getMappedRange().slice(0);
      return buffers[i] instanceof Float32Array ? new Float32Array(bytes) : new Int32Array(bytes);
    }),
  );
  for (const buffer of [...onDevice, ...staging]) buffer.destroy();
  return results;
}

// An automatic layout leaves out bindings that the code does not use.
function bindUsed(
  device: GPUDevice,
  pipeline: GPUComputePipeline,
  wgsl: string,
  buffers: readonly GPUBuffer[],
): GPUBindGroup {
  return device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.flatMap((buffer, binding) =>
      new RegExp(`\\bb${binding}\\[`).test(wgsl) ? [{ binding, resource: { buffer } }] : [],
    ),
  });
}

// GPUBufferUsage and GPUMapMode are no globals in Node.
const GPU_MAP_READ = 0x1;
const GPU_COPY_SRC = 0x4;
const GPU_COPY_DST = 0x8;
const GPU_STORAGE = 0x80;
const GPU_MAP_MODE_READ = 0x1;
