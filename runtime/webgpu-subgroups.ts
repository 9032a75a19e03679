import type { Plan } from '../ir/plan.ts';
import { planSubgroupSize } from '../ir/plan-features.ts';
import { RuntimeError } from './errors.ts';
import { BUFFER_USAGE, MAP_MODE_READ } from './webgpu-constants.ts';

/** Largest size of the workgroup in which exchanges are tried. */
const INVOCATIONS = 256;

/** Sizes of subgroups up to which exchanges were tried on a device. */
const tried = new WeakMap<GPUDevice, number>();

/**
 * Tries the exchanges in subgroups that a plan's code makes. WebGPU leaves open which invocations of a workgroup make up a subgroup;
 * the code counts on neighbours, as every known driver has it. Error: `kernel-rejected` where a device does otherwise.
 */
export async function tryExchanges(plan: Plan, device: GPUDevice): Promise<void> {
  const size = planSubgroupSize(plan);
  if (size <= (tried.get(device) ?? 1)) return;
  const wrong = await wrongExchanges(device, size);
  if (wrong > 0)
    throw new RuntimeError(
      'kernel-rejected',
      `the subgroups of the device are not ${size} neighbouring invocations of a workgroup (${wrong} of ${INVOCATIONS} exchange with others); build the plan with --subgroups never`,
    );
  tried.set(device, size);
}

/** How many invocations do not receive from those that the code means. */
async function wrongExchanges(device: GPUDevice, size: number): Promise<number> {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = BUFFER_USAGE;
  const bytes = 4 * INVOCATIONS;
  const module = device.createShaderModule({ label: 'subgroups', code: exchangesOf(size) });
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module, entryPoint: 'main' },
  });
  const found = device.createBuffer({ size: bytes, usage: STORAGE | COPY_SRC });
  const read = device.createBuffer({ size: bytes, usage: MAP_READ | COPY_DST });
  try {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    const entries = [{ binding: 0, resource: { buffer: found } }];
    pass.setBindGroup(
      0,
      device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }),
    );
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(found, 0, read, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(MAP_MODE_READ);
    return new Uint32Array(read.getMappedRange()).reduce((sum, is) => sum + is, 0);
  } finally {
    found.destroy();
    read.destroy();
  }
}

function exchangesOf(size: number): string {
  const lines: string[] = [];
  for (let mask = 1; mask < size; mask *= 2)
    lines.push(
      `wrong = select(wrong, 1u, subgroupShuffleXor(local, ${mask}u) != (local ^ ${mask}u));`,
    );
  return `enable subgroups;
@group(0) @binding(0) var<storage, read_write> found: array<u32>;
@compute @workgroup_size(${INVOCATIONS})
fn main(@builtin(local_invocation_index) local: u32) {
  var wrong = 0u;
  ${lines.join('\n  ')}
  found[local] = wrong;
}
`;
}
