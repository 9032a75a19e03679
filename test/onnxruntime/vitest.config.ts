import { mergeConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

export default mergeConfig(
  { resolve: base.resolve },
  { test: { include: ['test/onnxruntime/*.runtime.ts'], testTimeout: 240_000, maxWorkers: 1 } },
);
