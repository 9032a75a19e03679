import { type Affine, type Bound, type Expression, localArray } from './kernel.ts';
import { SCALAR_OPS, type ScalarOp } from './scalar.ts';
import type { DType } from './tensor.ts';
import { parseNumber } from './text.ts';

// What stands in the lines of a kernel: addresses, bounds and expressions.

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

export function parseAddress(text: string, axisCount: number) {
  const match = /^(?:local(\d*)|b(\d+))\[(.+?)(?: \+ (-?\d+)\*\(n(\d+) < (\d+)\))?\]$/.exec(text);
  if (!match) throw new Error(`'${text}' is not an address`);
  const [, local, buffer, index, stride, node, extent] = match;
  const indirect = stride && {
    node: Number(node),
    stride: Number(stride),
    extent: Number(extent),
  };
  return {
    buffer: local === undefined ? Number(buffer) : localArray(Number(local || 1) - 1),
    index: parseAffine(index, axisCount),
    ...(indirect ? { indirect } : {}),
  };
}

export function parseExpression(dtype: DType, text: string, axisCount: number): Expression {
  const [, kind, rest] = /^(\w+) ?(.*)$/.exec(text) ?? ['', '', ''];
  const accumulator = /^accumulator(|[2-9]|[1-9]\d+)$/.exec(kind);
  if (accumulator) {
    if (rest !== '') throw new Error(`'${rest}' stands behind '${kind}'`);
    return { kind: 'accumulator', dtype, reduction: Number(accumulator[1] || 1) - 1 };
  }
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
