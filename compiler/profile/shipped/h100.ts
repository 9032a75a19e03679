import { type DeviceProfile, PROFILE_FORMAT, PROFILE_VERSION } from '../profile.ts';

/**
 * An NVIDIA H100 through Dawn on Vulkan. Measured by `btc profile`, but for rates that its fit did not find (functions came out at
 * 1e16 a second, contractions at 3.4e12 where kernels reach 28e12): those are from kernels timed one by one on the same day.
 */
export const H100: DeviceProfile = {
  format: PROFILE_FORMAT,
  version: PROFILE_VERSION,
  name: 'h100',
  target: 'webgpu',
  adapter: 'nvidia nvidia-h100-80gb-hbm3',
  date: '2026-11-27',
  versions: ['btc-compiler 0.1.0', 'node 22.23.3'],
  operationsPerSecond: {
    contraction: 1.2e13,
    reduction: 8.412e12,
    elementwise: 2.179e12,
    gather: 5.25e12,
    scatter: 1.172e12,
  },
  functionsPerSecond: 1e12,
  randomsPerSecond: 5.579e10,
  workgroups: {
    concurrentInvocations: 13170,
    barriersPerSecond: 9.705e11,
    operationsPerSecond: { contraction: 2.6e13, reduction: 1.625e12 },
  },
  memoryBytesPerSecond: 1.756e12,
  dispatchSeconds: 4.546e-6,
  submitSeconds: 6.649e-5,
  deviceToHostBytesPerSecond: 1.285e9,
  hostToDeviceBytesPerSecond: 1.343e9,
  transferSeconds: 3.8e-5,
  overlap: 1,
  fileReadBytesPerSecond: 5.434e9,
  fileWriteBytesPerSecond: 2.015e9,
  limits: {
    maxBufferBytes: 2 ** 32 - 256,
    maxBindingBytes: 2 ** 31 - 4,
    maxWorkgroupInvocations: 1024,
    maxWorkgroupBytes: 48 * 1024,
    maxWorkgroupsPerDimension: 65535,
  },
};
