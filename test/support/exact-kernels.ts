import { expect } from 'vitest';
import type { Kernel } from '../../ir/kernel.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';
import { disagreements } from './random-kernel.ts';
import { runAllOnWasm } from './run-wasm.ts';

/** Small whole numbers: sums of them, and of their products, have no error in any order. */
export const whole = (count: number) =>
  Float32Array.from({ length: count }, (_, i) => ((i * 7) % 11) - 5);

/** Kernels over whole numbers are on wasm, to the bit, what the interpreter says, and read back as they were printed. */
export async function expectExact(kernels: readonly Kernel[]): Promise<void> {
  const runs = kernels.map((kernel) => {
    expect(verifyKernel(kernel)).toEqual([]);
    expect(parseKernel(printKernel(kernel))).toEqual(kernel);
    const tolerance = kernel.buffers.map((_, b) => (b === kernel.scratch ? Infinity : 0));
    return { kernel, buffers: kernel.buffers.map(({ elements }) => whole(elements)), tolerance };
  });
  const results = await runAllOnWasm(runs);
  runs.forEach((run, i) => {
    // The interpreter leaves working memory as it was.
    const given = results[i].map((data, b) => (b === run.kernel.scratch ? run.buffers[b] : data));
    const found = disagreements(run, given);
    if (found.length > 0)
      throw new Error(`${found.slice(0, 5).join('\n')}\n${printKernel(run.kernel)}`);
  });
}
