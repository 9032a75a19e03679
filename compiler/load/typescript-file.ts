import { createRequire } from 'node:module';

/** Where the TypeScript compiler is installed. */
export const TYPESCRIPT_FILE = createRequire(import.meta.url).resolve('typescript');
