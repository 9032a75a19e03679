import type { Explanations } from './example.ts';
import { EXPORT_PAGES, FILE_PAGES } from './files.ts';
import { MEMORY_PAGES, MODEL_PAGES, TENSOR_PAGES, TRAINING_PAGES } from './models.ts';
import { ONNX_PAGES } from './onnx.ts';
import { USAGE_PAGES } from './usage.ts';
import { WEB_PAGES } from './web.ts';

/** What the page of each message says; the type asks for all of them. */
export const EXPLANATIONS: Explanations = {
  ...MODEL_PAGES,
  ...TENSOR_PAGES,
  ...TRAINING_PAGES,
  ...MEMORY_PAGES,
  ...FILE_PAGES,
  ...ONNX_PAGES,
  ...EXPORT_PAGES,
  ...WEB_PAGES,
  ...USAGE_PAGES,
};
