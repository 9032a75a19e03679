import {
  type Affine,
  type Axis,
  type Bound,
  type Expression,
  type Indirection,
  isLocal,
  type Kernel,
  type KernelPart,
  localArray,
  type PartPlace,
  type Staging,
} from './kernel.ts';
import { formatName, formatNumber } from './text.ts';

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
  return `${isLocal(buffer) ? localName(buffer) : `b${buffer}`}[${formatAffine(index)}${data}]`;
}

/** The array of the first stage is `local`, that of the second `local2`. */
const localName = (buffer: number) =>
  buffer === localArray(0) ? 'local' : `local${localArray(0) - buffer + 1}`;

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
      return node.reduction === 0 ? 'accumulator' : `accumulator${node.reduction + 1}`;
  }
}

/** Everything but the name: kernels with the same body are the same code. */
export function kernelBody(kernel: Kernel): string {
  const lines = [
    ...kernel.axes.map(formatAxis),
    ...kernel.buffers.map(
      ({ access, dtype, elements }, i) => `buffer b${i} ${access} ${dtype} ${elements}`,
    ),
    ...(kernel.scratch === undefined ? [] : [`scratch b${kernel.scratch}`]),
    ...(kernel.spans ?? []).map((span) => `span ${formatPlaces(span)}`),
    ...(kernel.staging ? formatStaging(kernel.staging) : []),
    ...formatComputation(kernel),
    ...(kernel.parts ?? []).flatMap(formatPart),
  ];
  return lines.map((line) => `  ${line}\n`).join('');
}

/** `part reduceSum over b0, b3+64 {`: the kernel, and where its buffers lie. */
function formatPart({ kernel, places }: KernelPart): string[] {
  return [
    `part ${formatName(kernel.name)} over ${formatPlaces(places)} {`,
    ...kernelBody(kernel).trimEnd().split('\n'),
    '}',
  ];
}

const formatPlaces = (places: readonly PartPlace[]) =>
  places.map(({ buffer, start }) => `b${buffer}${start === 0 ? '' : `+${start}`}`).join(', ');

const formatAxis = ({ kind, extent }: Axis, axis: number) => `axis a${axis} ${kind} ${extent}`;

function formatStaging({ tileAxes, tileTerms, stages }: Staging): string[] {
  const terms = tileTerms > 0 ? ` and ${tileTerms} reduced` : '';
  return stages.flatMap((stage) => {
    const { dtype, elements, buffer } = stage.local;
    const place = buffer === null ? '' : ` in b${buffer}`;
    const lines = [
      ...stage.axes.map((axis, i) => formatAxis(axis, tileAxes + tileTerms + i)),
      ...formatComputation(stage),
    ];
    return [
      `stage over ${tileAxes}${terms} local ${dtype} ${elements}${place} {`,
      ...lines.map((line) => `  ${line}`),
      '}',
    ];
  });
}

function formatComputation(computation: Pick<Kernel, 'nodes' | 'reductions' | 'stores'>): string[] {
  const lines: string[] = [];
  const { reductions } = computation;
  let printed = 0;
  const printReductions = (end: number) => {
    for (; printed < end; printed++) {
      const { combiner, value, rescaled } = reductions[printed];
      const by = rescaled === undefined ? '' : ` rescaled ${rescaled + 1}`;
      lines.push(`reduce ${combiner} n${value}${by}`);
    }
  };
  computation.nodes.forEach((node, i) => {
    if (node.kind === 'accumulator')
      printReductions(Math.min(node.reduction + 1, reductions.length));
    lines.push(`n${i}: ${node.dtype} = ${formatExpression(node)}`);
  });
  printReductions(reductions.length);
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
