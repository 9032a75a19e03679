import type { Kernel } from '../../ir/kernel.ts';

/** What a kernel mostly does. Devices differ in how fast they do each. */
export type KernelClass = 'contraction' | 'reduction' | 'elementwise' | 'gather' | 'scatter';

export const KERNEL_CLASSES: readonly KernelClass[] = [
  'contraction',
  'reduction',
  'elementwise',
  'gather',
  'scatter',
];

/** The first that applies, the rarest first. */
export function kernelClass({ axes, nodes, reductions, stores, staging }: Kernel): KernelClass {
  if (stores.some(({ indirect }) => indirect) || axes.some(({ kind }) => kind === 'sequential'))
    return 'scatter';
  if (staging) return 'contraction';
  const gathers = nodes.some((node) => node.kind === 'load' && node.indirect);
  if (reductions.length === 0) return gathers ? 'gather' : 'elementwise';
  const [{ combiner, value: first }, ...others] = reductions;
  const value = nodes[first];
  if (others.length > 0) return 'reduction';
  const product = combiner === 'sum' && value.kind === 'apply' && value.op === 'mul';
  return product && value.operands[0] !== value.operands[1] ? 'contraction' : 'reduction';
}
