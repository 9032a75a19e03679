/** The version of this package. `test/package.test.ts` holds that package.json says the same: pages cannot read that file. */
export const VERSION = '0.1.0';
/** Written into every plan and parameter file. */
export const PRODUCER = `btc-compiler ${VERSION}`;
