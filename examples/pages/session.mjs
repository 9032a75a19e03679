import { loadInWorker } from 'btc-compiler/runtime/worker';

const NAME = 'model';

/**
 * A session of a plan that is at hand, in a worker of its own: kernels do not block the page, and `destroy` ends it.
 *
 * @param {{ plan: Plan, module?: Uint8Array | null, parameters: Uint8Array }} built
 */
export async function openSession({ plan, module, parameters }) {
  const json = JSON.stringify(plan);
  const files = {
    [`${NAME}.${plan.target}.plan.json`]: json,
    [`${NAME}.safetensors`]: parameters,
    ...(module ? { [`${NAME}.wasm`]: module } : {}),
  };
  const urls = Object.fromEntries(
    Object.entries(files).map(([name, content]) => [
      name,
      URL.createObjectURL(new Blob([content])),
    ]),
  );
  const target = { [plan.target]: () => null };
  try {
    return await loadInWorker(
      {
        ...{ name: NAME, files: {}, targets: target },
        digests: { [plan.target]: await digestOf(json) },
        worker: () =>
          new Worker(new URL('./session-worker.mjs', import.meta.url), { type: 'module' }),
      },
      { base: (file) => urls[file], target: plan.target },
    );
  } finally {
    for (const url of Object.values(urls)) URL.revokeObjectURL(url);
  }
}

/** As the loader compares it; pages without a secure origin cannot compute it, and then it does not compare. */
async function digestOf(text) {
  if (!globalThis.crypto?.subtle) return '';
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
