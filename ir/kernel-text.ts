import { DTYPE_PATTERN, type DType } from './dtypes.ts';
import type {
  Affine,
  Axis,
  AxisKind,
  Bound,
  Combiner,
  Expression,
  Indirection,
  Kernel,
  KernelBuffer,
  Reduction,
  Stage,
  Store,
} from './kernel.ts';
import { LOCAL } from './kernel.ts';
import { SCALAR_OPS, type ScalarOp } from './scalar.ts';

// The text form of a kernel, one fact per line:
//
//   kernel contract_add {
//     axis a0 parallel 32
//     axis a1 reduced 784
//     buffer b0 read f32 25088
//     buffer b1 write f32 32
//     n0: f32 = load b0[784*a0 + a1]
//     reduce sum n0
//     n1: f32 = accumulator
//     store b1[a0] = n1
//   }
//
// A bounded load ends in `where 0 <= a0 - 1 < 28 and …`; an indirect address in `+ 64*(n0 < 1000)`, where n0
// is kept inside [0, 1000). Names that are not plain words are JSON strings. A stage stands behind the buffers; its axes
// are numbered on from the tile axes, here a0 alone, and `in b4` is there where a binding holds the array:
//
//     stage over 1 local f32 32 in b4 {
//       axis a1 parallel 32
//       …
//       store local[a1] = n3
//     }
//     n0: f32 = load local[a2]

/** A name as it stands in text: bare when it is a plain word, else a JSON string. */
export function formatName(name: string): string {
  return /^[A-Za-z_][\w./+-]*$/.test(name) ? name : JSON.stringify(name);
}

/** Pattern of what {@link formatName} prints, for use inside a larger pattern (no capture groups). */
export const NAME_PATTERN = '(?:[A-Za-z_][\\w./+-]*|"(?:[^"\\\\]|\\\\.)*")';

/** Inverse of {@link formatName}. */
export function parseName(text: string): string {
  return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}

/** A number so that {@link parseNumber} gives it back, -0 and infinities included. */
export function formatNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** Inverse of {@link formatNumber}. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || (Number.isNaN(value) && text !== 'NaN'))
    throw new Error(`'${text}' is not a number`);
  return value;
}

/** `3 + 784*a0 - a2`; terms in the order of the axes, zero terms left out. */
export function formatAffine(affine: Affine): string {
  let text = affine.offset !== 0 ? String(affine.offset) : '';
  affine.coefficients.forEach((coefficient, axis) => {
    if (coefficient === 0) return;
    const magnitude = Math.abs(coefficient);
    const term = magnitude === 1 ? `a${axis}` : `${magnitude}*a${axis}`;
    if (text === '') text = coefficient < 0 ? `-${term}` : term;
    else text += coefficient < 0 ? ` - ${term}` : ` + ${term}`;
  });
  return text === '' ? '0' : text;
}

function formatBounds(bounds: readonly Bound[]): string {
  return bounds.map((bound) => `0 <= ${formatAffine(bound.index)} < ${bound.extent}`).join(' and ');
}

function formatAddress(buffer: number, index: Affine, indirect?: Indirection): string {
  const data = indirect ? ` + ${indirect.stride}*(n${indirect.node} < ${indirect.extent})` : '';
  return `${buffer === LOCAL ? 'local' : `b${buffer}`}[${formatAffine(index)}${data}]`;
}

function formatExpression(node: Expression): string {
  switch (node.kind) {
    case 'load': {
      const where = node.bounds.length > 0 ? ` where ${formatBounds(node.bounds)}` : '';
      return `load ${formatAddress(node.buffer, node.index, node.indirect)}${where}`;
    }
    case 'constant':
      return `constant ${formatNumber(node.value)}`;
    case 'index':
      return `index ${formatAffine(node.index)}`;
    case 'inBounds':
      return node.bounds.length > 0 ? `inBounds ${formatBounds(node.bounds)}` : 'inBounds';
    case 'apply':
      return `${node.op} ${node.operands.map((operand) => `n${operand}`).join(', ')}`;
    case 'random':
      return `random seed ${node.seed} stream ${node.stream} counter ${formatAffine(node.counter)} step n${node.step}`;
    case 'accumulator':
      return 'accumulator';
  }
}

/** Everything but the name: kernels with the same body are the same code. */
export function kernelBody(kernel: Kernel): string {
  const lines = [
    ...kernel.axes.map(formatAxis),
    ...kernel.buffers.map(
      ({ access, dtype, elements }, i) => `buffer b${i} ${access} ${dtype} ${elements}`,
    ),
    ...(kernel.stage ? formatStage(kernel.stage) : []),
    ...formatComputation(kernel),
  ];
  return lines.map((line) => `  ${line}\n`).join('');
}

const formatAxis = ({ kind, extent }: Axis, axis: number) => `axis a${axis} ${kind} ${extent}`;

function formatStage(stage: Stage): string[] {
  const { dtype, elements, buffer } = stage.local;
  const place = buffer === null ? '' : ` in b${buffer}`;
  const lines = [
    ...stage.axes.map((axis, i) => formatAxis(axis, stage.tileAxes + i)),
    ...formatComputation({ ...stage, stores: [stage.store] }),
  ];
  return [
    `stage over ${stage.tileAxes} local ${dtype} ${elements}${place} {`,
    ...lines.map((line) => `  ${line}`),
    '}',
  ];
}

function formatComputation(computation: Pick<Kernel, 'nodes' | 'reduction' | 'stores'>): string[] {
  const lines: string[] = [];
  let { reduction } = computation;
  const flushReduction = () => {
    if (reduction) lines.push(`reduce ${reduction.combiner} n${reduction.value}`);
    reduction = null;
  };
  computation.nodes.forEach((node, i) => {
    if (node.kind === 'accumulator') flushReduction();
    lines.push(`n${i}: ${node.dtype} = ${formatExpression(node)}`);
  });
  flushReduction();
  for (const store of computation.stores) {
    const address = formatAddress(store.buffer, store.index, store.indirect);
    lines.push(`store ${address} ${store.accumulate ? '+=' : '='} n${store.value}`);
  }
  return lines;
}

/** The text form of a kernel; {@link parseKernel} is its exact inverse. */
export function printKernel(kernel: Kernel): string {
  return `kernel ${formatName(kernel.name)} {\n${kernelBody(kernel)}}\n`;
}

// Affines are parsed before the number of axes is final only if an axis line follows its first use; the
// printer never does that and the parser refuses it.
function parseAffine(text: string, axisCount: number): Affine {
  const coefficients = new Array<number>(axisCount).fill(0);
  let offset = 0;
  for (const [, sign, term] of `+ ${text}`.matchAll(/ ?([+-]) (.*?)(?= [+-] |$)/g)) {
    const match = /^(-?)(?:(\d+)(?:\*a(\d+))?|a(\d+))$/.exec(term);
    if (!match) throw new Error(`'${text}' is not an affine function of the axes`);
    const axis = match[3] ?? match[4];
    const value = Number(match[2] ?? 1) * (match[1] ? -1 : 1) * (sign === '-' ? -1 : 1);
    if (axis === undefined) offset += value;
    else if (Number(axis) < axisCount) coefficients[Number(axis)] += value;
    else throw new Error(`a${axis} is not an axis declared above`);
  }
  return { offset, coefficients };
}

function parseBounds(text: string, axisCount: number): Bound[] {
  return text.split(' and ').map((part) => {
    const match = /^0 <= (.+) < (\d+)$/.exec(part);
    if (!match) throw new Error(`'${part}' is not a bound of the form 0 <= index < extent`);
    return { index: parseAffine(match[1], axisCount), extent: Number(match[2]) };
  });
}

function parseAddress(text: string, axisCount: number) {
  const match = /^(?:local|b(\d+))\[(.+?)(?: \+ (-?\d+)\*\(n(\d+) < (\d+)\))?\]$/.exec(text);
  if (!match) throw new Error(`'${text}' is not an address`);
  const indirect = match[3] && {
    node: Number(match[4]),
    stride: Number(match[3]),
    extent: Number(match[5]),
  };
  return {
    buffer: match[1] === undefined ? LOCAL : Number(match[1]),
    index: parseAffine(match[2], axisCount),
    ...(indirect ? { indirect } : {}),
  };
}

function parseExpression(dtype: DType, text: string, axisCount: number): Expression {
  const [, kind, rest] = /^(\w+) ?(.*)$/.exec(text) ?? ['', '', ''];
  const only = <Wanted extends DType>(wanted: Wanted): Wanted => {
    if (dtype !== wanted) throw new Error(`'${kind}' gives ${wanted}, not ${dtype}`);
    return wanted;
  };
  switch (kind) {
    case 'load': {
      const [address, where, ...more] = rest.split(' where ');
      if (more.length > 0) throw new Error(`'${text}' has more than one 'where'`);
      const bounds = where ? parseBounds(where, axisCount) : [];
      return { kind, dtype, ...parseAddress(address, axisCount), bounds };
    }
    case 'constant':
      return { kind, dtype, value: parseNumber(rest) };
    case 'index':
      return { kind, dtype: only('i32'), index: parseAffine(rest, axisCount) };
    case 'inBounds':
      return { kind, dtype: only('i32'), bounds: rest ? parseBounds(rest, axisCount) : [] };
    case 'accumulator':
      if (rest !== '') throw new Error(`'${rest}' stands behind 'accumulator'`);
      return { kind, dtype };
    case 'random': {
      const match = /^seed (-?\d+) stream (-?\d+) counter (.+) step n(\d+)$/.exec(rest);
      if (!match) throw new Error(`'${text}' is not a random expression`);
      const counter = parseAffine(match[3], axisCount);
      const [seed, stream, step] = [match[1], match[2], match[4]].map(Number);
      return { kind, dtype: only('f32'), seed, stream, counter, step };
    }
  }
  if (!Object.hasOwn(SCALAR_OPS, kind)) throw new Error(`'${kind}' is not an operation`);
  const operands = rest.split(', ').map((operand) => {
    if (!/^n\d+$/.test(operand)) throw new Error(`'${operand}' is not a node`);
    return Number(operand.slice(1));
  });
  return { kind: 'apply', dtype, op: kind as ScalarOp, operands };
}

/** Reads lines one at a time and reports errors with the line's number. */
export class LineReader {
  private readonly lines: readonly string[];
  private position = 0;

  constructor(text: string) {
    this.lines = text.split('\n');
  }

  /** The next line that is neither blank nor a `#` comment, trimmed, or undefined at the end. */
  next(): string | undefined {
    while (this.position < this.lines.length) {
      const line = this.lines[this.position++].trim();
      if (line !== '' && !line.startsWith('#')) return line;
    }
    return undefined;
  }

  /** Runs `parse` on behalf of the current line. */
  at<T>(parse: () => T): T {
    const line = this.position;
    try {
      return parse();
    } catch (error) {
      if (error instanceof Error && /^line \d+: /.test(error.message)) throw error;
      throw new Error(`line ${line}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

interface KernelParts {
  readonly isStage: boolean;
  axes: Axis[];
  buffers: KernelBuffer[];
  nodes: Expression[];
  reduction: Reduction | null;
  stores: Store[];
  stage?: Stage;
}

const noParts = (isStage: boolean, axes: readonly Axis[]): KernelParts => ({
  isStage,
  axes: [...axes],
  buffers: [],
  nodes: [],
  reduction: null,
  stores: [],
});

function expectIndex(given: string, wanted: number): void {
  if (Number(given) !== wanted) throw new Error(`expected number ${wanted}, not ${given}`);
}

// One row per form of line: the pattern and what its captures add to the kernel.
const KERNEL_LINES: readonly [RegExp, (parts: KernelParts, match: RegExpExecArray) => void][] = [
  [
    /^axis a(\d+) (parallel|reduced|sequential) (\d+)$/,
    (parts, [, index, kind, extent]) => {
      expectIndex(index, parts.axes.length);
      if (parts.nodes.length > 0) throw new Error('axes stand before nodes');
      parts.axes.push({ extent: Number(extent), kind: kind as AxisKind });
    },
  ],
  [
    new RegExp(`^buffer b(\\d+) (read|write|read_write) (${DTYPE_PATTERN}) (\\d+)$`),
    (parts, [, index, access, dtype, elements]) => {
      expectIndex(index, parts.buffers.length);
      parts.buffers.push({
        dtype: dtype as DType,
        access: access as KernelBuffer['access'],
        elements: Number(elements),
      });
    },
  ],
  [
    new RegExp(`^n(\\d+): (${DTYPE_PATTERN}) = (.+)$`),
    (parts, [, index, dtype, text]) => {
      expectIndex(index, parts.nodes.length);
      parts.nodes.push(parseExpression(dtype as DType, text, parts.axes.length));
    },
  ],
  [
    /^reduce (sum|max|min) n(\d+)$/,
    (parts, [, combiner, value]) => {
      if (parts.reduction) throw new Error('a kernel has one reduction');
      parts.reduction = { combiner: combiner as Combiner, value: Number(value) };
    },
  ],
  [
    /^store ((?:local|b\d+)\[.+\]) (\+?=) n(\d+)$/,
    (parts, [, address, sign, value]) => {
      parts.stores.push({
        ...parseAddress(address, parts.axes.length),
        value: Number(value),
        accumulate: sign === '+=',
      });
    },
  ],
];

function parseKernelLine(parts: KernelParts, line: string): void {
  for (const [pattern, add] of KERNEL_LINES) {
    const match = pattern.exec(line);
    if (match) {
      add(parts, match);
      return;
    }
  }
  throw new Error(`'${line}' is not a line of a kernel`);
}

const KERNEL_HEADER = new RegExp(`^kernel (${NAME_PATTERN}) \\{$`);

const STAGE_HEADER = /^stage over (\d+) local (f32|i32) (\d+)(?: in b(\d+))? \{$/;

/** Parses lines up to the closing brace of what is open. */
function parseParts(parts: KernelParts, reader: LineReader): void {
  for (;;) {
    const line = reader.next();
    if (line === undefined) throw new Error('the kernel has no closing brace');
    if (line === '}') return;
    const stage = STAGE_HEADER.exec(line);
    reader.at(() => {
      if (stage) parts.stage = parseStage(stage, parts, reader);
      else parseKernelLine(parts, line);
    });
  }
}

function parseStage(
  [, count, dtype, elements, buffer]: RegExpExecArray,
  outer: KernelParts,
  reader: LineReader,
): Stage {
  const tileAxes = Number(count);
  if (outer.stage || outer.isStage) throw new Error('a kernel has one stage');
  if (tileAxes > outer.axes.length) throw new Error('the tile axes stand before the stage');
  const parts = noParts(true, outer.axes.slice(0, tileAxes));
  parseParts(parts, reader);
  if (parts.buffers.length > 0) throw new Error('buffers stand outside of the stage');
  const [store, ...more] = parts.stores;
  if (!store || more.length > 0) throw new Error('a stage has one store');
  return {
    tileAxes,
    axes: parts.axes.slice(tileAxes),
    nodes: parts.nodes,
    reduction: parts.reduction,
    store,
    local: {
      dtype: dtype as DType,
      elements: Number(elements),
      buffer: buffer === undefined ? null : Number(buffer),
    },
  };
}

/** Parses the rest of a kernel whose header line is `header`. */
export function parseKernelBody(header: string, reader: LineReader): Kernel {
  return reader.at(() => {
    const match = KERNEL_HEADER.exec(header);
    if (!match) throw new Error(`'${header}' does not open a kernel`);
    const parts = noParts(false, []);
    parseParts(parts, reader);
    const { isStage: _, ...kernel } = parts;
    return { name: parseName(match[1]), ...kernel };
  });
}

/**
 * Inverse of {@link printKernel}. Throws an `Error` that names the line; what it returns is well-formed text but
 * not yet a valid kernel (see `verifyKernel`).
 */
export function parseKernel(text: string): Kernel {
  const reader = new LineReader(text);
  const kernel = parseKernelBody(reader.next() ?? '', reader);
  const rest = reader.next();
  if (rest !== undefined) throw new Error(`unexpected text after the kernel: '${rest}'`);
  return kernel;
}
