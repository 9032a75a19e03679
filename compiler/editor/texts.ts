import { formatBytes, formatInteger, formatShape } from '../format.ts';
import type {
  InputFact,
  Kept,
  ModelFacts,
  ParameterFact,
  ParameterTotals,
  PlaceFacts,
  ValueFact,
} from './findings.ts';

// What hovers say, as Markdown.

/** Text of the user's in a span of code, whatever stands in it. */
export function code(text: string): string {
  const fence = '`'.repeat(
    1 + Math.max(0, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length)),
  );
  const room = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return `${fence}${room}${text}${room}${fence}`;
}

const typeOf = ({ dtype, shape }: { readonly dtype: string; readonly shape: readonly number[] }) =>
  code(`${dtype} ${formatShape(shape)}`);

/** Of a call: what it gives, then its parameters. */
export function placeText(facts: PlaceFacts): string[] {
  const { values, count, inside, parameters, firstParameters } = facts;
  const [first, ...others] = values;
  const lines: string[] = [];
  if (first) lines.push(others.length === 0 ? oneValue(first) : severalValues(values, count));
  if (inside && inside.values > 1)
    lines.push(
      `computes ${formatInteger(inside.values)} values inside${
        inside.keptBytes > 0
          ? `; ${formatBytes(inside.keptBytes)} of them kept for the backward pass`
          : ''
      }`,
    );
  if (parameters.tensors > 0) lines.push(parameterText(parameters, firstParameters));
  return lines;
}

function oneValue(value: ValueFact): string {
  return [
    `${typeOf(value)} · ${formatBytes(value.bytes)}`,
    `${code(value.name)} in ${value.programs.map(code).join(', ')}`,
    ...keptLines(value.kept),
  ].join('  \n');
}

function severalValues(values: readonly ValueFact[], count: number): string {
  const rows = values.map(
    (value) =>
      `- ${typeOf(value)} · ${formatBytes(value.bytes)} · ${code(value.name)} in ${value.programs.map(code).join(', ')}${keptLines(
        value.kept,
      )
        .map((line) => `; ${line}`)
        .join('')}`,
  );
  const left = count - values.length;
  const more = left > 0 ? [`- and ${formatInteger(left)} more`] : [];
  return [`${formatInteger(count)} values:`, '', ...rows, ...more].join('\n');
}

function keptLines(kept: Kept): string[] {
  if (kept.kind === 'untrained' || kept.kind === 'given') return [];
  if (kept.kind === 'let-go') return ['not kept for the backward pass'];
  if (kept.kind === 'folded') return ['not stored: simplified away'];
  const left = kept.count - kept.readers.length;
  const more = left > 0 ? ` and ${formatInteger(left)} more` : '';
  return [`kept for the backward pass: read by ${kept.readers.map(code).join(', ')}${more}`];
}

/** Of parameters that belong together, one by one where they are few. */
export function parameterText(totals: ParameterTotals, first: readonly ParameterFact[]): string {
  const { tensors, elements, bytes, gradientBytes, optimiserBytes } = totals;
  const parts = [
    `${formatBytes(bytes)}`,
    ...(gradientBytes > 0 ? [`gradients ${formatBytes(gradientBytes)}`] : []),
    ...(optimiserBytes > 0 ? [`optimiser ${formatBytes(optimiserBytes)}`] : []),
  ];
  const head = `${formatInteger(elements)} parameters: ${parts.join(', ')}`;
  const rows = first.map(
    (one) => `- ${code(one.name)} ${typeOf(one)}${one.role === 'state' ? ', not trained' : ''}`,
  );
  const left = tensors - first.length;
  return [head, '', ...rows, ...(left > 0 ? [`- and ${formatInteger(left)} more`] : [])].join('\n');
}

export function inputText(input: InputFact): string {
  return `input ${code(input.name)} ${typeOf(input)} · ${formatBytes(input.bytes)}  \nin ${
    input.programs.map(code).join(', ') || 'no program'
  }`;
}

/** Of all of a model. */
export function modelText({ name, parameters, programs }: ModelFacts): string {
  const { elements, bytes, gradientBytes, optimiserBytes } = parameters;
  const rows = programs.map(
    ({ name: program, trains, values, keptBytes }) =>
      `- ${code(program)}: ${formatInteger(values)} values${
        trains ? `, ${formatBytes(keptBytes)} kept for the backward pass` : ''
      }`,
  );
  return [
    `model ${code(name)}: ${formatInteger(elements)} parameters, ${formatBytes(bytes)}${
      gradientBytes > 0 ? `; gradients ${formatBytes(gradientBytes)}` : ''
    }${optimiserBytes > 0 ? `; optimiser ${formatBytes(optimiserBytes)}` : ''}`,
    '',
    ...rows,
    '',
    'Before a plan: fusion, sharing of memory and a budget change what is held.',
  ].join('\n');
}
