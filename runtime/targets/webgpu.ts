// What a program needs of the runtime beside `loadOn` to run on WebGPU.
import type { Plan } from '../../ir/plan.ts';
import { requestDevice, TIMESTAMPS } from '../device.ts';
import { type LoadOptions, type OpenedTarget, readyPrograms, withSlots } from '../load.ts';
import { Tracer } from '../tracer.ts';
import { createWebGpuExecutor } from '../webgpu.ts';

/** Prepares a checked plan on the caller's device, or on one of its own. */
export async function openTarget(plan: Plan, options: LoadOptions): Promise<OpenedTarget> {
  const { device, gpu, trace = false, onProgress } = options;
  const programs = readyPrograms(plan, options);
  const onDevice = (given: GPUDevice) => {
    const clock = given.features?.has(TIMESTAMPS) ? 'timestamps' : 'queue';
    const tracer = trace ? new Tracer(plan, clock) : null;
    return withSlots(plan, options, (slots) =>
      createWebGpuExecutor(plan, given, slots, { tracer, programs, onProgress }),
    );
  };
  if (device) return { executor: await onDevice(device as GPUDevice), ownDevice: null };
  const ownDevice = await requestDevice(plan, gpu as GPU | undefined, { trace });
  try {
    return { executor: await onDevice(ownDevice), ownDevice };
  } catch (error) {
    ownDevice.destroy();
    throw error;
  }
}
