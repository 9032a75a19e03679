import { createRequire } from 'node:module';

// From dist/compiler as from compiler: the package's own name resolves through its exports.
const { name, version } = createRequire(import.meta.url)('btc-compiler/package.json') as {
  name: string;
  version: string;
};

/** The version of this package. */
export const VERSION = version;
/** Written into every plan and parameter file. */
export const PRODUCER = `${name} ${version}`;
