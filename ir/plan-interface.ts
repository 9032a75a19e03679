import { DTYPES } from './dtypes.ts';
import { indexRangesError } from './index-range.ts';
import type { Plan, PlanProgram } from './plan.ts';
import { contractionError } from './plan-contractions.ts';
import type { Report } from './plan-report.ts';
import { sameShape } from './tensor.ts';

export function verifyInterface(
  plan: Plan,
  name: string,
  program: PlanProgram,
  report: Report,
): void {
  for (const kind of ['inputs', 'outputs'] as const) {
    program[kind].forEach((entry, i) => {
      const path = `programs.${name}.${kind}[${i}]`;
      const tensor = plan.tensors[entry.tensor];
      if (!tensor) {
        report(`${path}.tensor`, `there is no tensor ${entry.tensor}`);
        return;
      }
      if (kind === 'inputs' && tensor.role !== 'input')
        report(`${path}.tensor`, `tensor '${tensor.name}' has role '${tensor.role}'`);
      if (kind === 'outputs' && tensor.role === 'activation')
        report(`${path}.tensor`, `tensor '${tensor.name}' has role 'activation'`);
      if (tensor.program !== null && tensor.program !== name)
        report(`${path}.tensor`, `tensor '${tensor.name}' belongs to program '${tensor.program}'`);
      if (tensor.dtype !== entry.dtype)
        report(`${path}.dtype`, `${entry.dtype}, but tensor '${tensor.name}' is ${tensor.dtype}`);
      if (!sameShape(tensor.shape, entry.shape))
        report(
          `${path}.shape`,
          `[${entry.shape}], but tensor '${tensor.name}' has [${tensor.shape}]`,
        );
    });
  }
  program.inputs.forEach((input, i) => {
    const path = `programs.${name}.inputs[${i}].default`;
    if (input.default !== null && !DTYPES[input.dtype].accepts(input.default))
      report(path, `${input.default} is not an ${input.dtype}`);
    const problem = indexRangesError(input);
    if (problem) report(`programs.${name}.inputs[${i}].ranges[${problem[0]}]`, problem[1]);
  });
}

export function verifyContractions(
  name: string,
  { contractions = [] }: PlanProgram,
  report: Report,
): void {
  contractions.forEach((contraction, i) => {
    const error = contractionError(contraction);
    if (error) report(`programs.${name}.contractions[${i}].${error[0]}`, error[1]);
  });
}
