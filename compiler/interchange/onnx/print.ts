import { type DType, isFloat } from '../../../ir/dtypes.ts';
import type { Dimensions } from './import.ts';
import { readableName } from './names.ts';
import type { OpenArgument, OpenCall, OpenCalls } from './open-axes.ts';
import { keyOf, quoted, RESERVED } from './print-names.ts';
import { type ImportedLoss, trainingOf, trainLines } from './print-training.ts';
import { INPUT_CALL } from './recorder.ts';

/** What the text of a model is made of, beside its calls. */
export interface PrintedModel {
  readonly name: string;
  /** The file that it was made from, and what the file says made it. */
  readonly source: string;
  readonly weights: string;
  readonly inputs: readonly {
    readonly name: string;
    readonly dtype: DType;
    readonly extents: readonly (number | string)[];
  }[];
  readonly outputs: readonly {
    readonly name: string;
    readonly value: OpenArgument;
    readonly dtype: string;
    readonly shape: readonly (number | string)[];
  }[];
  readonly defaults: Dimensions;
  readonly calls: OpenCalls;
  /** By step: the node that calls are of. */
  readonly nodes: ReadonlyMap<number, string>;
  /** Names that values have in the file, by call and path. */
  readonly names: ReadonlyMap<string, string>;
  /** By which loss it trains; null where that is left to a comment. */
  readonly train: ImportedLoss | null;
}

const WIDTH = 100;

/** The text of a module whose default export is the model. */
export function printModel(model: PrintedModel): string {
  const { calls, defaults, inputs, name, source, weights } = model;
  const options = calls.open.filter(
    (one) => inputs.some(({ extents }) => extents.includes(one)) || usesText(calls.calls, one),
  );
  const body = printBody(model);
  const training = trainingOf(model);
  const trained = model.train !== null;
  const functions = new Set(
    calls.calls.flatMap(({ callee }) => (typeof callee === 'string' ? [callee] : [])),
  );
  for (const one of [
    'defineModel',
    ...(inputs.length > 0 || trained ? ['tensor'] : []),
    ...(options.length > 0 ? ['option'] : []),
  ])
    functions.add(one);
  if (usesInit(calls.calls)) functions.add('init');
  if (training && trained) for (const one of training.functions) functions.add(one);
  const imported = [...functions].sort(byName);
  const declared = inputs.map(({ name: input, dtype, extents }) => {
    const shape = extents.map((one) =>
      typeof one === 'string' && !options.includes(one) ? defaults.get(one)! : one,
    );
    return `    ${keyOf(input)}: tensor([${shape.join(', ')}]${isFloat(dtype) ? '' : `, '${dtype}'`}),`;
  });
  if (training && trained) declared.push(`    ${training.target},`);
  const lines = [
    `// Made by btc import from ${source}.`,
    `// The weights are in ${weights}, by the names of this model's parameters: load(plan, { parameters }) of btc-compiler/runtime`,
    '// takes the file. Without it the network starts anew.',
    importLine(imported),
    '',
    ...options.map((one) => `const ${one} = option('${one}', ${defaults.get(one)});`),
    ...calls.fixed.map(
      (one) =>
        `// The file leaves ${one} open, but the network is laid out for ${defaults.get(one)}: import it again with --set ${one}=….`,
    ),
    ...(options.length + calls.fixed.length > 0 ? [''] : []),
    'export default defineModel({',
    `  name: '${name}',`,
    ...(declared.length > 0 ? ['  inputs: {', ...declared, '  },'] : ['  inputs: {},']),
    ...body,
    ...trainLines(training, trained),
    '});',
    '',
  ];
  return lines.join('\n');
}

const byName = (a: string, b: string) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1);

function importLine(names: readonly string[]): string {
  const line = `import { ${names.join(', ')} } from 'btc-compiler';`;
  return line.length <= WIDTH
    ? line
    : ['import {', ...names.map((name) => `  ${name},`), "} from 'btc-compiler';"].join('\n');
}

function usesText(calls: readonly OpenCall[], name: string): boolean {
  const word = new RegExp(`\\b${name}\\b`);
  const inside = (argument: OpenArgument): boolean =>
    argument.kind === 'text'
      ? word.test(argument.text)
      : argument.kind === 'list'
        ? argument.items.some(inside)
        : argument.kind === 'object' && argument.entries.some(([, entry]) => inside(entry));
  return calls.some(({ args }) => args.some(inside));
}

function usesInit(calls: readonly OpenCall[]): boolean {
  return calls.some(({ args }) => args.some(({ kind }) => kind === 'initialiser'));
}

/** `build`, with a variable for what is used more than once or has a name in the file. */
function printBody({ calls: { calls }, inputs, outputs, nodes, names }: PrintedModel): string[] {
  const uses = countUses(calls, outputs);
  const taken = new Set([
    ...RESERVED,
    ...calls.flatMap(({ callee }) => (typeof callee === 'string' ? [callee] : [])),
  ]);
  for (const one of ['defineModel', 'tensor', 'option', 'init']) taken.add(one);
  const nameFor = (wanted: string): string => {
    const base = identifier(wanted);
    let free = base;
    for (let k = 2; taken.has(free); k++) free = `${base}${k}`;
    taken.add(free);
    return free;
  };
  const variables = new Map<string, string>();
  const read = inputs.map(({ name }) => {
    const variable = nameFor(name);
    variables.set(`${INPUT_CALL}${name}`, variable);
    return variable === name ? name : `${keyOf(name)}: ${variable}`;
  });
  const lines: string[] = [];
  let step = -1;
  const shown = new Map<number, Doc>();
  const docOf = (argument: OpenArgument): Doc => {
    if (argument.kind !== 'result') return plainDoc(argument, docOf);
    if (argument.call === INPUT_CALL)
      return { text: variables.get(`${INPUT_CALL}${argument.path}`)! };
    const variable = variables.get(String(argument.call));
    if (variable) return { text: variable + argument.path };
    const call = shown.get(argument.call)!;
    return argument.path === '' ? call : { ...call, after: argument.path };
  };
  for (const [k, call] of calls.entries()) {
    const callee: Doc =
      typeof call.callee === 'string'
        ? { text: call.callee }
        : docOf({ kind: 'result', call: call.callee.call, path: '' });
    const doc: Doc = { text: '', callee, items: call.args.map(docOf), open: '(', close: ')' };
    const own = names.get(String(k));
    const count = uses.get(k) ?? 0;
    if (count === 0) continue;
    if (count === 1 && (own === undefined || isInner(calls, k, outputs))) {
      shown.set(k, doc);
      continue;
    }
    if (call.step !== step && nodes.has(call.step)) {
      step = call.step;
      lines.push(`    // ${nodes.get(call.step)}`);
    }
    const variable = nameFor(own ?? calledAs(call, calls));
    variables.set(String(k), variable);
    lines.push(...render(doc, 4, `const ${variable} = `, ';'));
  }
  const results = outputs.map(({ name, value }): Doc => {
    const doc = docOf(value);
    return doc.text === name && !doc.callee ? doc : { ...doc, before: `${keyOf(name)}: ` };
  });
  const head = read.length > 0 ? `  build({ ${read.join(', ')} }) {` : '  build() {';
  return [
    ...(head.length <= WIDTH
      ? [head]
      : ['  build({', ...read.map((one) => `    ${one},`), '  }) {']),
    ...lines,
    ...render({ text: '', items: results, open: '{', close: '}', spaced: true }, 4, 'return ', ';'),
    '  },',
  ];
}

/** What a value without a name of its own is called. */
function calledAs(call: OpenCall, calls: readonly OpenCall[]): string {
  if (typeof call.callee !== 'string') return calledAs(calls[call.callee.call], calls);
  const [first] = call.args;
  const isNamed = (call.callee === 'param' || call.callee === 'state') && first?.kind === 'plain';
  if (isNamed) return String(first.value);
  const options = call.args.findLast(({ kind }) => kind === 'object');
  const name =
    options?.kind === 'object' ? options.entries.find(([key]) => key === 'name')?.[1] : undefined;
  return name?.kind === 'plain' ? String(name.value) : `${call.callee}_`;
}

/** Layers and views that stand in the expression that uses them. */
function isInner(calls: readonly OpenCall[], k: number, outputs: PrintedModel['outputs']): boolean {
  if (outputs.some(({ value }) => value.kind === 'result' && value.call === k)) return false;
  const next = calls[k + 1];
  return next !== undefined && next.step === calls[k].step;
}

function countUses(
  calls: readonly OpenCall[],
  outputs: PrintedModel['outputs'],
): ReadonlyMap<number, number> {
  const uses = new Map<number, number>();
  const use = (call: number) => uses.set(call, (uses.get(call) ?? 0) + 1);
  const visit = (argument: OpenArgument): void => {
    if (argument.kind === 'result') use(argument.call);
    else if (argument.kind === 'list') argument.items.forEach(visit);
    else if (argument.kind === 'object') for (const [, entry] of argument.entries) visit(entry);
  };
  for (const { value } of outputs) visit(value);
  // From the last on, so that what only dead calls use is dead too.
  for (const [k, call] of [...calls.entries()].reverse()) {
    const isCalled = (uses.get(k) ?? 0) > 0;
    if (!isCalled) continue;
    call.args.forEach(visit);
    if (typeof call.callee !== 'string') use(call.callee.call);
  }
  return uses;
}

/** A name of the file as a variable: `/layer1/conv1/Conv_output_0` is layer1_conv1_Conv. */
function identifier(wanted: string): string {
  const clean = (readableName(wanted) ?? `x${wanted.replace(/\D+/g, '')}`)
    .replace(/_output_0$/, '')
    .replace(/\W+/g, '_')
    .replace(/^_+|_+$/g, '');
  return /^[A-Za-z]/.test(clean) ? clean : `x${clean}`;
}

/** A text, or something in brackets that may be broken over lines. */
interface Doc {
  readonly text: string;
  readonly before?: string;
  readonly callee?: Doc;
  readonly items?: readonly Doc[];
  readonly open?: string;
  readonly close?: string;
  readonly spaced?: boolean;
  readonly after?: string;
}

function plainDoc(argument: OpenArgument, docOf: (argument: OpenArgument) => Doc): Doc {
  switch (argument.kind) {
    case 'plain':
      return {
        text:
          typeof argument.value === 'string' ? quoted(argument.value) : numberText(argument.value),
      };
    case 'text':
      return { text: argument.text };
    case 'initialiser':
      return { text: `init.${argument.name}` };
    case 'list':
      return { text: '', items: argument.items.map(docOf), open: '[', close: ']' };
    case 'object':
      return {
        ...{ text: '', open: '{', close: '}', spaced: true },
        items: argument.entries.map(([key, entry]) => ({
          ...docOf(entry),
          before: `${keyOf(key)}: `,
        })),
      };
    default:
      return docOf(argument);
  }
}

const numberText = (value: number | boolean | undefined): string =>
  Object.is(value, -0) ? '-0' : String(value);

function flat(doc: Doc): string {
  const { text, before = '', callee, items, open, close, spaced, after = '' } = doc;
  if (!items) return before + text + after;
  const space = spaced && items.length > 0 ? ' ' : '';
  const inside = items.map(flat).join(', ');
  return `${before}${callee ? flat(callee) : ''}${open}${space}${inside}${space}${close}${after}`;
}

/** Lines of a text, broken at the outermost brackets where it is too wide. */
function render(doc: Doc, indent: number, head: string, tail: string): string[] {
  const space = ' '.repeat(indent);
  const line = `${space}${head}${flat(doc)}${tail}`;
  if (line.length <= WIDTH || !doc.items || doc.items.length === 0) return [line];
  const { before = '', callee, items, open, close, after = '' } = doc;
  const start = `${head}${before}${callee ? flat(callee) : ''}${open}`;
  const end = `${space}${close}${after}${tail}`;
  const numbers = items.every((item) => !item.items);
  if (numbers && items.length > 8) return [`${space}${start}`, ...filled(items, indent + 2), end];
  return [`${space}${start}`, ...items.flatMap((item) => render(item, indent + 2, '', ',')), end];
}

/** Numbers, as many to a line as there is room for. */
function filled(items: readonly Doc[], indent: number): string[] {
  const lines: string[] = [];
  let line = ' '.repeat(indent);
  for (const text of items.map((item) => `${flat(item)},`)) {
    if (line.length + text.length + 1 > WIDTH && line.trim() !== '') {
      lines.push(line);
      line = ' '.repeat(indent);
    }
    line += line.trim() === '' ? text : ` ${text}`;
  }
  return [...lines, line];
}
