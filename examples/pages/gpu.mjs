/** Targets of a page by the name that a person knows. */
export const TARGETS = { wasm: 'WebAssembly', webgpu: 'WebGPU' };

/**
 * What this browser has of WebGPU: `gpu` where a device of it is likely to be faster than WebAssembly, `software` where the processor
 * stands in for one, `none`; and why, in a sentence, where it is not chosen.
 *
 * @returns {Promise<{ kind: 'gpu' | 'software' | 'none', reason: string }>}
 */
export async function findGpu() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  if (!adapter) return { kind: 'none', reason: 'This browser has no WebGPU.' };
  const { isFallbackAdapter = adapter.isFallbackAdapter, architecture = '' } = adapter.info ?? {};
  if (isFallbackAdapter || architecture === 'swiftshader')
    return {
      kind: 'software',
      reason: 'This browser runs WebGPU on the processor, where WebAssembly is faster.',
    };
  return { kind: 'gpu', reason: '' };
}

/** What a session runs on, in words; a GPU says its name alone. */
export const runsOn = ({ plan, description }) =>
  plan.target === 'webgpu' ? `WebGPU: ${description || 'a GPU'}` : description;

/** Says that WebGPU failed, `so` what was done about it, and why: the first sentence of the error. */
export function failureNote(so, { message }) {
  const first = /^.*?[.!?](?=\s|$)/s.exec(message)?.[0] ?? `${message}.`;
  return `WebGPU failed, so ${so}: ${first}`;
}
