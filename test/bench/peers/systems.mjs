// The systems that are measured, by the names of the table; systems/*.mjs holds how each runs.
import { readFileSync } from 'node:fs';

/** `package` is what test/bench/peers/package.json installs. */
export const SYSTEMS = {
  btc: { module: 'btc', package: null },
  'jax-js': { module: 'jax', package: '@jax-js/jax' },
  tfjs: { module: 'tfjs', package: '@tensorflow/tfjs' },
  'onnxruntime-web': { module: 'onnx-web', package: 'onnxruntime-web' },
  'onnxruntime-node': { module: 'onnx-node', package: 'onnxruntime-node' },
};

/** The version that is installed, or null. */
export function installedVersion(system) {
  const { package: name } = SYSTEMS[system];
  const file = name ? `./node_modules/${name}/package.json` : '../../../package.json';
  try {
    return JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')).version;
  } catch {
    return null;
  }
}
