import { type DeviceProfile, PROFILE_FORMAT, PROFILE_VERSION } from '../profile.ts';

/**
 * lavapipe of Mesa 25, a WebGPU adapter in software, on two cores of a server. Not measured by `btc profile`: products of matrices by
 * way of registers were timed at 7 to 15 GFLOP/s and by way of workgroup memory at 3, copies to and from the host at 1 GB/s; the
 * other rates are SwiftShader's. The adapter's name goes on with versions.
 */
export const LAVAPIPE: DeviceProfile = {
  format: PROFILE_FORMAT,
  version: PROFILE_VERSION,
  name: 'lavapipe',
  target: 'webgpu',
  adapter: 'mesa llvmpipe',
  date: '2026-11-27',
  versions: ['btc-compiler 0.1.0', 'node 20.20.2'],
  operationsPerSecond: {
    contraction: 1.2e10,
    reduction: 1.15e9,
    elementwise: 1.44e9,
    gather: 8.89e8,
    scatter: 1.31e9,
  },
  functionsPerSecond: 1.83e8,
  randomsPerSecond: 2.17e7,
  workgroups: {
    concurrentInvocations: 66,
    barriersPerSecond: 6.68e6,
    operationsPerSecond: { contraction: 4e9, reduction: 8.65e8 },
  },
  memoryBytesPerSecond: 1.18e9,
  dispatchSeconds: 2.08e-5,
  submitSeconds: 9.53e-5,
  deviceToHostBytesPerSecond: 1e9,
  hostToDeviceBytesPerSecond: 1e9,
  transferSeconds: 5.92e-5,
  fileReadBytesPerSecond: 1.24e10,
  fileWriteBytesPerSecond: 1.16e9,
  overlap: 0,
  undetermined: [
    'operationsPerSecond.reduction',
    'operationsPerSecond.elementwise',
    'operationsPerSecond.gather',
    'operationsPerSecond.scatter',
    'functionsPerSecond',
    'randomsPerSecond',
    'workgroups.barriersPerSecond',
    'workgroups.operationsPerSecond.reduction',
    'memoryBytesPerSecond',
    'dispatchSeconds',
  ],
  limits: {
    maxBufferBytes: 2 ** 32 - 256,
    maxBindingBytes: 128 * 2 ** 20,
    maxStorageBuffers: 16,
    maxWorkgroupInvocations: 1024,
    maxWorkgroupBytes: 32 * 1024,
    maxWorkgroupsPerDimension: 65535,
    minSubgroupSize: 8,
  },
};
