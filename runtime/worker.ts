// btc-compiler/runtime/worker: both ends of `loadInWorker`. Bundles keep the one that they use.
export { loadInWorker, type WorkerLoadOptions } from './worker-client.ts';
export { serve, type WorkerParts } from './worker-server.ts';
