import { type DeviceProfile, PROFILE_FORMAT, PROFILE_VERSION } from '../profile.ts';

/** WebAssembly on two cores of a server, as `btc profile --target wasm` measured it; functions on 2026-11-28, when their code was new. */
export const WASM: DeviceProfile = {
  format: PROFILE_FORMAT,
  version: PROFILE_VERSION,
  name: 'wasm',
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
  functionsPerSecond: 1.2e9,
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
