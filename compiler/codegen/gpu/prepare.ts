import { type Kernel, soleReduction } from '../../../ir/kernel.ts';
import { isStaged } from '../../../ir/kernel-stage.ts';
import type { ContractionGroups } from '../contraction-groups.ts';
import { collapseAxes } from './collapse.ts';
import { classifyContraction } from './contraction-match.ts';

/** A kernel as its code is made: with as few axes as can be, and its factors if it is a contraction. */
export interface PreparedKernel {
  readonly kernel: Kernel;
  readonly groups: ContractionGroups | null;
}

const prepared = new WeakMap<Kernel, PreparedKernel>();

export function prepare(kernel: Kernel): PreparedKernel {
  let known = prepared.get(kernel);
  if (!known) {
    const collapsed = isStaged(kernel) ? kernel : collapseAxes(kernel);
    const groups =
      soleReduction(collapsed) && !isStaged(kernel) ? classifyContraction(collapsed) : null;
    known = { kernel: collapsed, groups };
    prepared.set(kernel, known);
  }
  return known;
}
