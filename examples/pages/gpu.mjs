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
