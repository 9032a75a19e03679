// Where a process runs: in WebAssembly, or on a GPU of its environment.
import { probeGpu, softwareGpuEnvironment } from '../../support/software-gpu.mjs';

/** What `--target` takes; `webgpu` stands for a GPU of the machine's own where there is one, else for SwiftShader. */
export const TARGETS = {
  wasm: { gpu: false, threads: 1, about: 'WebAssembly, one thread' },
  'wasm-threads': { gpu: false, threads: 2, about: 'WebAssembly, two threads' },
  native: { gpu: true, threads: 1, about: "WebGPU on the machine's own GPU" },
  swiftshader: { gpu: true, threads: 1, about: 'WebGPU on SwiftShader' },
};

/** Environment of the processes of a target, and the name of its adapter; a reason where there is none. */
export async function environmentOf(target) {
  if (!TARGETS[target].gpu) return { environment: { ...process.env }, adapter: null, reason: null };
  try {
    const environment =
      target === 'native' ? { ...process.env } : await softwareGpuEnvironment(process.env);
    const { adapter, reason } = probeGpu(environment);
    return { environment, adapter, reason };
  } catch (error) {
    return { environment: null, adapter: null, reason: error.message };
  }
}

/** The targets behind the names that were given, by default all that the machine has, with their environments. */
export async function resolveTargets(names) {
  const found = new Map();
  const look = async (target) => {
    if (!found.has(target)) found.set(target, { target, ...(await environmentOf(target)) });
    return found.get(target);
  };
  const wanted = names.length > 0 ? names : ['wasm', 'wasm-threads', 'webgpu'];
  const resolved = [];
  for (const name of wanted) {
    const native = name === 'webgpu' ? await look('native') : null;
    if (native) resolved.push(native.adapter ? native : await look('swiftshader'));
    else resolved.push(await look(name));
  }
  return [...new Set(resolved)];
}
