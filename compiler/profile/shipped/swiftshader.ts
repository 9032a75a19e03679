import { type DeviceProfile, PROFILE_FORMAT, PROFILE_VERSION } from '../profile.ts';

/** SwiftShader, a WebGPU adapter in software, on two cores of a server, as `btc profile` measured it. */
export const SWIFTSHADER: DeviceProfile = {
  format: PROFILE_FORMAT,
  version: PROFILE_VERSION,
  name: 'swiftshader',
  target: 'webgpu',
  adapter: 'google swiftshader-device-subzero-',
  date: '2026-11-24',
  versions: ['btc-compiler 0.1.0', 'node 20.20.2'],
  operationsPerSecond: {
    contraction: 1.25e9,
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
    operationsPerSecond: { contraction: 3.16e8, reduction: 8.65e8 },
  },
  memoryBytesPerSecond: 1.18e9,
  dispatchSeconds: 2.08e-5,
  submitSeconds: 9.53e-5,
  deviceToHostBytesPerSecond: 8.65e8,
  hostToDeviceBytesPerSecond: 6.67e9,
  transferSeconds: 5.92e-5,
  fileReadBytesPerSecond: 1.24e10,
  fileWriteBytesPerSecond: 1.16e9,
  overlap: 0,
  limits: {
    maxBufferBytes: 2 ** 30,
    maxBindingBytes: 2 ** 30,
    maxStorageBuffers: 12,
    maxWorkgroupInvocations: 256,
    maxWorkgroupBytes: 32 * 1024,
    maxWorkgroupsPerDimension: 65535,
    minSubgroupSize: 4,
  },
};
