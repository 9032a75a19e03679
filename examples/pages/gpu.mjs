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

/** What a session runs on, in words; of a GPU whose name says nothing else, only that it is one. */
export const runsOn = ({ plan, description }) => {
  if (plan.target !== 'webgpu') return description;
  const name = description.replace(/\s*\(WebGPU\)$/, '');
  return !name || /^(webgpu|google)$/i.test(name) ? 'WebGPU' : `WebGPU: ${name}`;
};

/** Errors of a session whose first sentence tells a programmer what to do; a person at the page wants to know what happened. */
const REASONS = [
  [/lost/i, 'the browser took the GPU away.'],
  [/no WebGPU|not? adapter/i, 'this browser has no WebGPU.'],
];

/** Says that WebGPU failed, `so` what was done about it, and why: in words of the page, or the first sentence of the error. */
export function failureNote(so, { message }) {
  const [, known] = REASONS.find(([pattern]) => pattern.test(message)) ?? [];
  const first = /^.*?[.!?](?=\s|$)/s.exec(message)?.[0] ?? `${message}.`;
  return `WebGPU failed, so ${so}: ${known ?? first}`;
}
