// What only Node has: a GPU from the package 'webgpu', and files that are written as a whole or not at all.
export { writeFileAtomically } from './atomic-file.ts';
export {
  type FilePath,
  loadCheckpointFile,
  saveCheckpointFile,
  saveParametersFile,
} from './checkpoint-file.ts';
export { findNodeGpu, type NodeGpu } from './gpu.ts';
export { lossChart } from './loss-chart.ts';
export { type LineStream, lineFile, progressLine } from './metrics.ts';
export { openSafetensors } from './weights.ts';
