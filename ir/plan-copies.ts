import type { Plan } from './plan.ts';
import type { Report } from './plan-report.ts';

/** For each tensor the original that its `copyOf` links lead to: itself where it has none. Premise: the links end. */
export function originals(plan: Pick<Plan, 'tensors'>): Int32Array {
  const original = new Int32Array(plan.tensors.length).fill(-1);
  plan.tensors.forEach((_, index) => {
    const links: number[] = [];
    let at = index;
    while (original[at] < 0) {
      const { copyOf } = plan.tensors[at];
      links.push(at);
      if (!copyOf) original[at] = at;
      else at = copyOf.tensor;
    }
    for (const link of links) original[link] = original[at];
  });
  return original;
}

/** Which tensors are copies: the links end, and each is made as it says. */
export function verifyCopies(plan: Plan, report: Report): void {
  /** 0: not seen; 1: on the path of links that is followed; 2: its links end. */
  const seen = new Uint8Array(plan.tensors.length);
  plan.tensors.forEach((tensor, index) => {
    if (!tensor.copyOf) return;
    const path = `tensors[${index}].copyOf`;
    const of = plan.tensors[tensor.copyOf.tensor];
    if (!of) report(`${path}.tensor`, `there is no tensor ${tensor.copyOf.tensor}`);
    else if (of.dtype !== tensor.dtype || of.bytes !== tensor.bytes)
      report(`${path}.tensor`, `'${of.name}' is of another type than '${tensor.name}'`);
    else if (of.policy === 'host' ? tensor.program === null : of.program !== tensor.program)
      report(`${path}.tensor`, `'${of.name}' belongs to another program than '${tensor.name}'`);
    const links: number[] = [];
    let at: number | undefined = index;
    for (; at !== undefined && seen[at] === 0; at = plan.tensors[at]?.copyOf?.tensor) {
      seen[at] = 1;
      links.push(at);
    }
    if (at !== undefined && seen[at] === 1) report(`${path}.tensor`, 'its links do not end');
    for (const link of links) seen[link] = 2;
  });
}

/** That copies are recomputed or swapped in as they say, and that nothing is updated twice. Premise: indices are sound. */
export function verifyCopiesMade(plan: Plan, report: Report): void {
  const original = originals(plan);
  const made = { swap: new Set<number>(), recompute: new Set<number>() };
  for (const [name, { steps, transfers = [] }] of Object.entries(plan.programs)) {
    for (const { kind, tensor } of transfers) if (kind === 'in') made.swap.add(tensor);
    steps.forEach((step, s) => {
      if (!step.recomputed) return;
      step.bindings.forEach((index, b) => {
        if (plan.kernels[step.kernel].bindings[b].access === 'read') return;
        made.recompute.add(index);
        const { name: written, program } = plan.tensors[original[index]];
        if (program === null)
          report(
            `programs.${name}.steps[${s}].bindings[${b}]`,
            `'${written}' is written by a recomputed step`,
          );
      });
    });
  }
  plan.tensors.forEach(({ copyOf }, index) => {
    if (!copyOf || made[copyOf.by].has(index)) return;
    // A parameter's new value may be computed in a place of its own.
    if (copyOf.by === 'swap' && plan.tensors[original[index]].policy === 'host') return;
    const way = copyOf.by === 'swap' ? 'no transfer brings it in' : 'no recomputed step writes it';
    report(`tensors[${index}].copyOf.by`, `'${copyOf.by}', but ${way}`);
  });
}
