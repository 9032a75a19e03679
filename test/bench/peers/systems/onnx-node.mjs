import ort from 'onnxruntime-node';
import { onnxSystem } from './onnx.mjs';

export async function open({ gpu, threads }) {
  if (gpu) return onnxSystem(ort, { executionProviders: ['webgpu'] });
  return onnxSystem(ort, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
}
