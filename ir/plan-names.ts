import type { Plan } from './plan.ts';
import type { Report } from './plan-report.ts';

/** Objects and safetensors files have a meaning for them. */
const FORBIDDEN_NAMES = ['__proto__', '__metadata__'];

function verifyUnique(names: readonly string[], path: (i: number) => string, report: Report): void {
  const first = new Map<string, number>();
  names.forEach((name, i) => {
    if (FORBIDDEN_NAMES.includes(name)) report(path(i), `'${name}' is not allowed as a name`);
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, i);
    else
      report(path(i), `'${name}' is already the name of ${path(earlier).replace(/\.name$/, '')}`);
  });
}

export function verifyNames(plan: Plan, report: Report): void {
  const names = (items: readonly { name: string }[]) => items.map((item) => item.name);
  verifyUnique(names(plan.tensors), (i) => `tensors[${i}].name`, report);
  verifyUnique(names(plan.kernels), (i) => `kernels[${i}].name`, report);
  verifyUnique(Object.keys(plan.programs), () => 'programs', report);
  for (const [name, { inputs, outputs }] of Object.entries(plan.programs)) {
    verifyUnique(names(inputs), (i) => `programs.${name}.inputs[${i}].name`, report);
    verifyUnique(names(outputs), (i) => `programs.${name}.outputs[${i}].name`, report);
  }
}
