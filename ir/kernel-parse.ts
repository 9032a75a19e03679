import { DTYPE_PATTERN, STORAGE_PATTERN, type StorageType } from './dtypes.ts';
import type {
  Axis,
  AxisKind,
  Combiner,
  Expression,
  Kernel,
  KernelBuffer,
  KernelPart,
  PartPlace,
  Reduction,
  Span,
  Stage,
  Staging,
  Store,
} from './kernel.ts';
import { parseAddress, parseExpression } from './kernel-parse-expression.ts';
import { tileAxesOf } from './kernel-stage.ts';
import type { DType } from './tensor.ts';
import { LineReader, NAME_PATTERN, parseName } from './text.ts';

interface KernelParts {
  readonly isStage: boolean;
  axes: Axis[];
  buffers: KernelBuffer[];
  nodes: Expression[];
  reductions: Reduction[];
  stores: Store[];
  staging?: Staging;
  scratch?: number;
  parts?: KernelPart[];
  spans?: Span[];
}

const noParts = (isStage: boolean, axes: readonly Axis[]): KernelParts => ({
  isStage,
  axes: [...axes],
  buffers: [],
  nodes: [],
  reductions: [],
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
    new RegExp(`^buffer b(\\d+) (read|write|read_write) (${STORAGE_PATTERN}) (\\d+)$`),
    (parts, [, index, access, dtype, elements]) => {
      expectIndex(index, parts.buffers.length);
      parts.buffers.push({
        dtype: dtype as StorageType,
        access: access as KernelBuffer['access'],
        elements: Number(elements),
      });
    },
  ],
  [
    /^scratch b(\d+)$/,
    (parts, [, buffer]) => {
      if (parts.scratch !== undefined) throw new Error('a kernel has one scratch buffer');
      parts.scratch = Number(buffer);
    },
  ],
  [
    /^span ([b\d+, ]+)$/,
    (parts, [, places]) => {
      parts.spans = [...(parts.spans ?? []), parsePlaces(places)];
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
    /^reduce (sum|max|min) n(\d+)(?: rescaled (\d+))?$/,
    (parts, [, combiner, value, by]) => {
      parts.reductions.push({
        ...{ combiner: combiner as Combiner, value: Number(value) },
        ...(by === undefined ? {} : { rescaled: Number(by) - 1 }),
      });
    },
  ],
  [
    /^store ((?:local\d*|b\d+)\[.+\]) (\+?=) n(\d+)$/,
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

const STAGE_HEADER = new RegExp(
  `^stage over (\\d+)(?: and (\\d+) reduced)? local (${DTYPE_PATTERN}) (\\d+)(?: in b(\\d+))? \\{$`,
);

const PART_HEADER = new RegExp(`^part (${NAME_PATTERN}) over ([b\\d+, ]+) \\{$`);

/** Parses lines up to the closing brace of what is open. */
function parseParts(parts: KernelParts, reader: LineReader): KernelParts {
  for (;;) {
    const line = reader.next();
    if (line === undefined) throw new Error('the kernel has no closing brace');
    if (line === '}') return parts;
    const stage = STAGE_HEADER.exec(line);
    const part = PART_HEADER.exec(line);
    reader.at(() => {
      if (part) parts.parts = [...(parts.parts ?? []), parsePart(part, reader)];
      else if (stage) parts.staging = parseStage(stage, parts, reader);
      else parseKernelLine(parts, line);
    });
  }
}

function parsePart([, name, over]: RegExpExecArray, reader: LineReader): KernelPart {
  const places = parsePlaces(over);
  const { isStage: _, ...kernel } = parseParts(noParts(false, []), reader);
  if (kernel.parts) throw new Error('a part has no parts');
  return { kernel: { name: parseName(name), ...kernel }, places };
}

function parsePlaces(text: string): PartPlace[] {
  return text.split(', ').map((place) => {
    const match = /^b(\d+)(?:\+(\d+))?$/.exec(place);
    if (!match) throw new Error(`'${place}' is not a place in a buffer`);
    return { buffer: Number(match[1]), start: Number(match[2] ?? 0) };
  });
}

function parseStage(
  [, count, terms, dtype, elements, buffer]: RegExpExecArray,
  outer: KernelParts,
  reader: LineReader,
): Staging {
  const [tileAxes, tileTerms] = [Number(count), Number(terms ?? 0)];
  const before = outer.staging ?? { tileAxes, tileTerms, stages: [] };
  if (outer.isStage) throw new Error('a stage has no stages');
  if (before.tileAxes !== tileAxes || before.tileTerms !== tileTerms)
    throw new Error('all stages of a kernel have the same tiles');
  // Before a list of them is made: a stranger may write any number.
  if (tileAxes + tileTerms > outer.axes.length)
    throw new Error('the tile axes stand before the stage');
  const tile = tileAxesOf(outer.axes, before);
  if (tile.some((axis) => axis >= outer.axes.length))
    throw new Error('the tile axes stand before the stage');
  const parts = noParts(
    true,
    tile.map((axis) => outer.axes[axis]),
  );
  parseParts(parts, reader);
  if (parts.buffers.length > 0 || parts.scratch !== undefined)
    throw new Error('buffers stand outside of the stage');
  if (parts.stores.length === 0) throw new Error('a stage has a store');
  const stage: Stage = {
    axes: parts.axes.slice(tile.length),
    nodes: parts.nodes,
    reductions: parts.reductions,
    stores: parts.stores,
    local: {
      dtype: dtype as DType,
      elements: Number(elements),
      buffer: buffer === undefined ? null : Number(buffer),
    },
  };
  return { ...before, stages: [...before.stages, stage] };
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
