import { buildPage, digitsFile, outDirOf } from '../pages/build.mjs';

// node examples/playground/build.mjs --outDir site/out/playground: a folder of static files. Needs `npm run build`.
const folder = new URL('./', import.meta.url);
await buildPage(folder, outDirOf(folder), { 'digits.bin': digitsFile(2000, 400) });
