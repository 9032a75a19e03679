// The parts of the bench that measure nothing, for its tests.
export { parseArguments, UsageError } from './arguments.mjs';
export { runScript } from './processes.mjs';
export { disagreement, summarise } from './rows.mjs';
export { median, quantile, quartiles, ratioByRound } from './statistics.mjs';
export { onnxKernel } from './systems/onnx-graph.mjs';
export { markdownPage, textTable } from './table.mjs';
export { channelsFirst, channelsLast, fingerprint, inputValues, permute } from './tensors.mjs';
export { GROUPS, KERNELS, MODELS } from './workloads.mjs';
