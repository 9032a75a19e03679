import { type DeviceProfile, PROFILE_FORMAT, PROFILE_VERSION } from '../profile.ts';

/**
 * An NVIDIA H100 through Dawn on Vulkan. `btc profile` measured its memory, copies and file; the rates of kernels are from kernels
 * timed one by one on the same day, because the fit of that day came out at 1e16 functions and 3.4e12 operations of contractions a
 * second where kernels reach 3e13. The steps of loops are from few workgroups that walk long ones: 16.8 M numbers summed in one
 * workgroup at 3 GB/s and weight gradients of 100,352 terms wait 0.34 to 0.39 us a term, and tiles 1.27 us a chunk of 8 loads.
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
    contraction: 2.5e12,
    reduction: 2.5e12,
    elementwise: 6e12,
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
  memoryBytesPerSecond: 2e12,
  dispatchSeconds: 4.546e-6,
  submitSeconds: 6.649e-5,
  deviceToHostBytesPerSecond: 1.285e9,
  hostToDeviceBytesPerSecond: 1.343e9,
  transferSeconds: 3.8e-5,
  overlap: 1,
  fileReadBytesPerSecond: 5.434e9,
  fileWriteBytesPerSecond: 2.015e9,
  forms: {
    reduction: { operationsPerSecond: 2.5e12, stepSeconds: 3.7e-7 },
    tiles: {
      operationsPerSecond: 3.5e13,
      stepSeconds: 1.6e-7,
      // Two workgroups of 256 on each of 132 cores.
      concurrentInvocations: 67584,
    },
    registers: { operationsPerSecond: 6e12, stepSeconds: 3.7e-7 },
    staged: { operationsPerSecond: 2e13, stepSeconds: 1.6e-7 },
  },
  sizes: {
    // Steps of small models leave no room for the rate of large copies.
    hostToDevice: [
      { bytes: 2 ** 20, perSecond: 5e9 },
      { bytes: 2 ** 24, perSecond: 1.343e9 },
    ],
  },
  // A copy of a buffer, and multiply-adds in registers.
  ceilings: { flopsPerSecond: 6.32e13, bytesPerSecond: 2.992e12 },
  undetermined: ['functionsPerSecond', 'forms.registers', 'forms.staged', 'sizes.hostToDevice'],
  limits: {
    maxBufferBytes: 2 ** 32 - 256,
    maxBindingBytes: 2 ** 31 - 4,
    maxWorkgroupInvocations: 1024,
    maxWorkgroupBytes: 48 * 1024,
    maxWorkgroupsPerDimension: 65535,
    minSubgroupSize: 32,
    // Of the driver's list of cooperative matrices; not measured.
    subgroupMatrices: [{ component: 'f16', m: 16, n: 16, k: 16, subgroupSize: 32 }],
  },
};
