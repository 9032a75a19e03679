import { loadInWorker } from './out/model.js';
import { start } from './training.js';

// The session lives in a worker: kernels never block the page. WebGPU where there is an adapter, else WebAssembly.
await start(() => loadInWorker());
