import { type DeviceProfile, PROFILE_FORMAT, PROFILE_VERSION } from './profile.ts';

/**
 * What a build goes by where no profile is given: what `btc profile` measured on two cores of a server, in WebAssembly and on
 * SwiftShader, a WebGPU adapter in software. Real GPUs are another matter: measure yours.
 */
export const WASM_PROFILE: DeviceProfile = {
  format: PROFILE_FORMAT,
  version: PROFILE_VERSION,
  name: 'default for wasm',
  target: 'wasm',
  adapter: 'WebAssembly',
  date: '2026-11-24',
  versions: ['btc-compiler 0.1.0', 'node 20.20.2'],
  operationsPerSecond: {
    contraction: 1.14e10,
    reduction: 1.95e10,
    elementwise: 2.31e10,
    gather: 2.65e10,
    scatter: 8.84e9,
  },
  functionsPerSecond: 4.41e8,
  randomsPerSecond: 2.19e8,
  workgroups: null,
  memoryBytesPerSecond: 4.31e10,
  dispatchSeconds: 2.49e-9,
  submitSeconds: 4.08e-6,
  deviceToHostBytesPerSecond: 7.1e9,
  hostToDeviceBytesPerSecond: 3.67e10,
  transferSeconds: 1.66e-6,
  fileReadBytesPerSecond: 1.35e10,
  fileWriteBytesPerSecond: 1.43e9,
  overlap: 0,
};

/** As {@link WASM_PROFILE}. */
export const WEBGPU_PROFILE: DeviceProfile = {
  format: PROFILE_FORMAT,
  version: PROFILE_VERSION,
  name: 'default for webgpu (SwiftShader)',
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
};
