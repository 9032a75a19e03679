import type { Plan, PlanFrame } from '../ir/plan.ts';

/**
 * Where the model says what a kernel computes first, by the plan's sources: `model.ts(12,9) in 'encoder.linear1'`, and the outermost
 * call that led there; empty where nothing is known.
 */
export function kernelPlace({ programs, sources, frames = [] }: Plan, kernel: number): string {
  for (const { steps } of Object.values(programs)) {
    const step = steps.find((step) => step.kernel === kernel && step.source !== null);
    const source = sources?.[step?.source ?? -1];
    if (!source) continue;
    const inner = frames[source.frame ?? -1];
    let outer: PlanFrame | undefined = inner;
    while (outer?.from !== undefined) outer = frames[outer.from];
    const text = ({ file, line, column }: PlanFrame) => `${file}(${line},${column})`;
    return [
      ...(inner ? [text(inner)] : []),
      ...(outer && outer !== inner ? [`from ${text(outer)}`] : []),
      ...(source.scope ? [`in '${source.scope}'`] : []),
    ].join(' ');
  }
  return '';
}
