import type { Plan } from './plan.ts';
import type { Report } from './plan-report.ts';

/** Indices lead to entries, and calls outwards: each frame stands behind the call that led to it. */
export function verifySources(plan: Plan, report: Report): void {
  const { sources = [], frames = [], tensors, programs } = plan;
  frames.forEach(({ from }, i) => {
    if (from !== undefined && from >= i) report(`frames[${i}].from`, `${from} is not before it`);
  });
  const check = (path: string, index: number | null | undefined, count: number) => {
    if (index !== null && index !== undefined && index >= count)
      report(path, `${index}, but there are ${count}`);
  };
  sources.forEach(({ frame }, i) => {
    check(`sources[${i}].frame`, frame, frames.length);
  });
  tensors.forEach(({ source }, i) => {
    check(`tensors[${i}].source`, source, sources.length);
  });
  for (const [name, { steps, contractions = [] }] of Object.entries(programs)) {
    steps.forEach(({ parts = [] }, s) => {
      parts.forEach(({ source }, i) => {
        check(`programs.${name}.steps[${s}].parts[${i}].source`, source, sources.length);
      });
    });
    for (const [what, list] of Object.entries({ steps, contractions }))
      list.forEach(({ source }, i) => {
        check(`programs.${name}.${what}[${i}].source`, source, sources.length);
      });
  }
}
