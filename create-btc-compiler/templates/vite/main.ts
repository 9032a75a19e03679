import { load } from './out/model.js';
import { start } from './training.js';

// WebGPU where there is an adapter, else WebAssembly.
await start(() => load());
