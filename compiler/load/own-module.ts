/** The compiler that is running: the one instance of the language that all files must share. */
export const OWN_MODULE = new URL(
  import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.js',
  import.meta.url,
).href;

/** What users import it as. */
export const OWN_PACKAGE = 'btc-compiler';

/** What JavaScript imports instead, from beside it. */
export const COUNTED_LANGUAGE = './btc-language.mjs';
