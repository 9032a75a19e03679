import { findNodeGpu } from '../../node/gpu.ts';

let device: Promise<GPUDevice> | null = null;

/** The GPU of the tests. Throws where there is none: a test that needs a GPU fails, it is never skipped. */
export async function testGpu(): Promise<GPU> {
  const { gpu, reason } = await findNodeGpu();
  if (gpu) return gpu;
  throw new Error(
    process.env.BTC_TEST_GPU_READY
      ? `no GPU for this test: ${reason}`
      : `no GPU for this test: ${process.env.BTC_TEST_GPU_REASON ?? reason}. Run it as 'npm test -- FILE', which provides a software GPU`,
  );
}

/** One device with default limits, and subgroups where there are any, shared by the tests of a file. */
export function testDevice(): Promise<GPUDevice> {
  device ??= open();
  return device;
}

async function open(): Promise<GPUDevice> {
  const adapter = await (await testGpu()).requestAdapter();
  if (!adapter) throw new Error('the GPU of the tests has no adapter any more');
  const features = (['subgroups'] as const).filter((one) => adapter.features.has(one));
  return adapter.requestDevice({ requiredFeatures: features });
}
