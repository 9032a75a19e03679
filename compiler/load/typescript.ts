import { createRequire } from 'node:module';
import type ts from 'typescript';

/**
 * The TypeScript compiler. It is required and not imported: Node would parse its nine megabytes twice more, to find that they are
 * CommonJS and which names they export.
 */
export const typescript: typeof ts = createRequire(import.meta.url)('typescript');
