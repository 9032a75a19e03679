import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { OPERATORS } from '../../compiler/interchange/onnx/operators/index.ts';

const FILE = new URL('../../docs/onnx.md', import.meta.url);
const [START, END] = ['<!-- operators -->\n', '<!-- end of operators -->'];

/** Operators of a domain in the order of the alphabet: those that are taken whole, then the others. */
function listed(domain: string): string {
  const rows = Object.entries(OPERATORS[domain]).sort(([a], [b]) => (a < b ? -1 : 1));
  const whole = rows
    .filter(([, { limits }]) => limits === undefined)
    .map(([name]) => `\`${name}\``);
  const lines = rows.flatMap(([name, { limits }]) =>
    limits ? [`| \`${name}\` | ${limits} |`] : [],
  );
  const table =
    lines.length > 0 ? `\n| operator | what is taken |\n| --- | --- |\n${lines.join('\n')}\n` : '';
  const from = domain === '' ? '' : `Of \`${domain}\`: `;
  return `${from}${whole.join(', ')}\n${table}`;
}

test('docs/onnx.md lists the operators of the table (UPDATE_CASES=1 writes it)', () => {
  const text = readFileSync(FILE, 'utf8');
  const [at, end] = [text.indexOf(START) + START.length, text.indexOf(END)];
  const wanted = `\n${Object.keys(OPERATORS).map(listed).join('\n')}\n`;
  if (process.env['UPDATE_CASES'])
    writeFileSync(FILE, text.slice(0, at) + wanted + text.slice(end));
  else expect(text.slice(at, end)).toBe(wanted);
});
