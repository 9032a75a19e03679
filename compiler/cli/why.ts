import { append } from '../../ir/lists.ts';
import type { Plan } from '../../ir/plan.ts';
import { diagnostic } from '../diagnostics.ts';
import { findTensor, nearNames, type TensorReason, whyTensor } from '../inspect/why.ts';
import { reasonWords } from '../inspect/why-words.ts';
import { formatPlain, fromBtc } from './report.ts';
import { style } from './style.ts';

/** `btc inspect PLAN --why TENSOR` */
export function whyCommand(file: string, plan: Plan, name: string, json: boolean): number {
  const index = findTensor(plan, name);
  if (index < 0) {
    const names = nearNames(plan, name).join(', ');
    console.error(formatPlain(fromBtc(diagnostic(6008, null, { file, name, names }))));
    return 1;
  }
  const reason = whyTensor(plan, index);
  if (json) console.log(JSON.stringify(reason, null, 2));
  else process.stdout.write(formatReason(plan, reason));
  return 0;
}

export function formatReason(plan: Plan, reason: TensorReason): string {
  const { what, verdict, place, rule, programs } = reasonWords(plan, reason);
  const lines = [
    `${style.bold(reason.name)} ${what}: ${style.bold(verdict)}`,
    ...(place === '' ? [] : [`  ${place}`]),
    `  ${rule}`,
  ];
  for (const { program, lines: said } of programs)
    append(lines, [style.bold(program), ...said.map((line) => `  ${line}`)]);
  return `${lines.join('\n')}\n`;
}
