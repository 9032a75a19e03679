import type { Kernel } from '../../ir/kernel.ts';
import { kernelBody } from '../../ir/kernel-text.ts';

const signatures = new WeakMap<Kernel, string>();

/**
 * What a kernel is, whatever it is called: 16 hexadecimal digits of its text, by FNV-1a over two halves. Equal kernels of any
 * model have the same, so that what was measured of one holds for all.
 */
export function kernelSignature(kernel: Kernel): string {
  let signature = signatures.get(kernel);
  if (signature === undefined) {
    const text = kernelBody({ ...kernel, name: '' });
    let [low, high] = [0x811c9dc5, 0x9e3779b9];
    for (let k = 0; k < text.length; k++) {
      const code = text.charCodeAt(k);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ (code + k), 0x01000193);
    }
    signature = [high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
    signatures.set(kernel, signature);
  }
  return signature;
}
