import { isFloat, STORAGE_TYPES } from './dtypes.ts';
import type { Affine, Expression, Indirection, Kernel, NodeIndex } from './kernel.ts';
import { pointCount } from './kernel.ts';
import { isStaged, partList, splitStages } from './kernel-stage.ts';
import { SCALAR_OPS } from './scalar.ts';

/** What one run of a kernel costs, for reports and for choices between kernels. */
export interface KernelCost {
  /** Floating-point operations by the costs of the scalar op table; a multiply-add counts 2. */
  readonly flops: number;
  /** Bytes of the distinct elements read and written: what must move if every element moves once. */
  readonly bytes: number;
}

const NO_OPERANDS: readonly NodeIndex[] = [];

/** Nodes that a node needs directly. */
export function nodeOperands(node: Expression): readonly NodeIndex[] {
  switch (node.kind) {
    case 'load':
      return node.indirect ? [node.indirect.node] : NO_OPERANDS;
    case 'apply':
      return node.operands;
    case 'random':
      return [node.step];
    default:
      return NO_OPERANDS;
  }
}

/** 1 for each node that is evaluated at every point of the reduced axes. */
export function nodesUnderReduction(kernel: Pick<Kernel, 'nodes' | 'reductions'>): Uint8Array {
  const under = new Uint8Array(kernel.nodes.length);
  if (kernel.reductions.length === 0) return under;
  for (const { value } of kernel.reductions) under[value] = 1;
  for (let node = kernel.nodes.length - 1; node >= 0; node--) {
    if (under[node]) for (const operand of nodeOperands(kernel.nodes[node])) under[operand] = 1;
  }
  return under;
}

/** Of a term that is rescaled: the power and the product. */
const RESCALED_FLOPS = SCALAR_OPS.sub.cost + SCALAR_OPS.exp.cost + SCALAR_OPS.mul.cost;

function applyFlops(kernel: Kernel, node: Expression): number {
  if (node.kind !== 'apply') return 0;
  const operand = kernel.nodes[node.operands[node.op === 'select' ? 1 : 0]];
  return isFloat(node.dtype) || isFloat(operand.dtype) ? SCALAR_OPS[node.op].cost : 0;
}

function kernelFlops(kernel: Kernel): number {
  const outer = pointCount(kernel, 'parallel') * pointCount(kernel, 'sequential');
  const inner = outer * pointCount(kernel, 'reduced');
  const under = nodesUnderReduction(kernel);
  let flops = 0;
  kernel.nodes.forEach((node, index) => {
    flops += applyFlops(kernel, node) * (under[index] ? inner : outer);
  });
  for (const { value, rescaled } of kernel.reductions) {
    if (isFloat(kernel.nodes[value].dtype)) flops += inner;
    if (rescaled !== undefined) flops += RESCALED_FLOPS * inner;
  }
  for (const store of kernel.stores) if (store.accumulate) flops += outer;
  return flops;
}

/** The axes that the value of each node depends on, as bit sets; more than 30 axes fold onto each other. */
function axesOfNodes(kernel: Kernel): number[] {
  const sets: number[] = [];
  for (const node of kernel.nodes) {
    let set = 0;
    for (const operand of nodeOperands(node)) set |= sets[operand];
    if (node.kind === 'load' || node.kind === 'index') set |= axesOf(node.index);
    if (node.kind === 'random') set |= axesOf(node.counter);
    if (node.kind === 'load' || node.kind === 'inBounds')
      for (const bound of node.bounds) set |= axesOf(bound.index);
    sets.push(set);
  }
  return sets;
}

function axesOf(affine: Affine): number {
  let set = 0;
  affine.coefficients.forEach((coefficient, axis) => {
    if (coefficient !== 0) set |= 1 << (axis % 31);
  });
  return set;
}

/** Upper bound of the number of distinct elements at an address: its points, its span, the buffer's size. */
function touchedElements(
  kernel: Kernel,
  buffer: number,
  index: Affine,
  indirect: Indirection | undefined,
  axesOfNode: readonly number[],
): number {
  const axes = axesOf(index) | (indirect ? axesOfNode[indirect.node] : 0);
  let points = 1;
  let span = 1;
  kernel.axes.forEach((axis, i) => {
    if (axes & (1 << (i % 31))) points *= axis.extent;
    span += Math.abs(index.coefficients[i]) * (axis.extent - 1);
  });
  if (indirect) span = Number.POSITIVE_INFINITY;
  return Math.min(points, span, kernel.buffers[buffer].elements);
}

/** Bytes of the distinct elements of the first `buffers` buffers that kernels over the same ones touch. */
function bytesTouched(kernels: readonly Kernel[], buffers: number): number {
  const read = new Array<number>(buffers).fill(0);
  const written = read.slice();
  for (const kernel of kernels) {
    const axesOfNode = axesOfNodes(kernel);
    const seen = new Set<string>();
    const touch = (
      elements: number[],
      address: { buffer: number; index: Affine; indirect?: Indirection },
    ) => {
      const { buffer, index, indirect } = address;
      const key = `${elements === read}:${buffer}:${index.offset}:${index.coefficients.join()}:${indirect?.node}`;
      if (buffer >= buffers || seen.has(key)) return;
      seen.add(key);
      elements[buffer] += touchedElements(kernel, buffer, index, indirect, axesOfNode);
    };
    for (const node of kernel.nodes) if (node.kind === 'load') touch(read, node);
    for (const store of kernel.stores) {
      touch(written, store);
      if (store.accumulate) touch(read, store);
    }
  }
  return read.reduce((bytes, count, buffer) => {
    const { dtype, elements } = kernels[0].buffers[buffer];
    const moved = Math.min(count, elements) + Math.min(written[buffer], elements);
    return bytes + moved * STORAGE_TYPES[dtype].bytes;
  }, 0);
}

const costs = new WeakMap<Kernel, KernelCost>();

/**
 * Derives the cost of one run of `kernel` from its loops, once. What a stage puts into its array moves no bytes; parts cost what each
 * does.
 */
export function kernelCost(kernel: Kernel): KernelCost {
  let cost = costs.get(kernel);
  if (!cost) {
    cost = costOf(kernel);
    costs.set(kernel, cost);
  }
  return cost;
}

function costOf(kernel: Kernel): KernelCost {
  if (kernel.parts) {
    const own = kernel.parts.map((part) => kernelCost(part.kernel));
    return {
      flops: own.reduce((sum, { flops }) => sum + flops, 0),
      bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }
  const kernels = isStaged(kernel) ? partList(splitStages(kernel)) : [kernel];
  return {
    flops: kernels.reduce((sum, one) => sum + kernelFlops(one), 0),
    bytes: bytesTouched(kernels, kernel.buffers.length),
  };
}
