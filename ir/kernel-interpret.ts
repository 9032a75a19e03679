import {
  type Affine,
  type Bound,
  combinerIdentity,
  type Expression,
  type Indirection,
  type Kernel,
} from './kernel.ts';
import { uniform } from './random.ts';
import { evaluateScalar } from './scalar.ts';

/**
 * Runs `kernel` in float64, one array per buffer, in the order of ir/kernel.ts's description and without any
 * cleverness: the reference that generated code is tested against. Buffers of dtype i32 hold integers; i32
 * arithmetic wraps. Stores go into the arrays given. Throws a RangeError where an address leaves its buffer,
 * which a verified kernel never does.
 */
export function interpretKernel(kernel: Kernel, buffers: readonly Float64Array[]): void {
  const { axes, nodes, reduction } = kernel;
  const values = new Float64Array(nodes.length);
  const point = new Array<number>(axes.length).fill(0);
  const inner = innerNodes(kernel);
  const evaluate = (wanted: boolean) => {
    for (let node = 0; node < nodes.length; node++)
      if (inner[node] === wanted) values[node] = evaluateNode(kernel, node, values, point, buffers);
  };
  const loop = (kind: string, body: () => void, axis = 0) => {
    if (axis === axes.length) return body();
    if (axes[axis].kind !== kind) return loop(kind, body, axis + 1);
    for (point[axis] = 0; point[axis] < axes[axis].extent; point[axis]++)
      loop(kind, body, axis + 1);
    point[axis] = 0;
  };

  loop('parallel', () => {
    if (reduction) {
      const dtype = nodes[reduction.value].dtype;
      let result = combinerIdentity(reduction.combiner, dtype);
      loop('reduced', () => {
        evaluate(true);
        const value = values[reduction.value];
        if (reduction.combiner === 'max') result = Math.max(result, value);
        else if (reduction.combiner === 'min') result = Math.min(result, value);
        else result = dtype === 'i32' ? (result + value) | 0 : result + value;
      });
      const accumulator = nodes.findIndex((node) => node.kind === 'accumulator');
      values[accumulator] = result;
    }
    loop('sequential', () => {
      evaluate(false);
      store(kernel, values, point, buffers);
    });
  });
}

/** Marks the nodes that `reduction.value` needs: those run at every reduced point, all others once after. */
function innerNodes(kernel: Kernel): boolean[] {
  const inner = new Array<boolean>(kernel.nodes.length).fill(false);
  if (!kernel.reduction) return inner;
  inner[kernel.reduction.value] = true;
  for (let node = kernel.reduction.value; node >= 0; node--)
    if (inner[node]) for (const operand of operandsOf(kernel.nodes[node])) inner[operand] = true;
  return inner;
}

/** The nodes that `node` reads. */
function operandsOf(node: Expression): readonly number[] {
  if (node.kind === 'apply') return node.operands;
  if (node.kind === 'random') return [node.step];
  if (node.kind === 'load' && node.indirect) return [node.indirect.node];
  return [];
}

function evaluateNode(
  kernel: Kernel,
  index: number,
  values: Float64Array,
  point: readonly number[],
  buffers: readonly Float64Array[],
): number {
  const node = kernel.nodes[index];
  switch (node.kind) {
    case 'constant':
      return node.value;
    case 'index':
      return affine(node.index, point);
    case 'inBounds':
      return holds(node.bounds, point) ? 1 : 0;
    case 'accumulator':
      return values[index];
    case 'random':
      return uniform(node.seed, node.stream, affine(node.counter, point), values[node.step]);
    case 'apply': {
      const [a, b, c] = node.operands;
      const dtype = kernel.nodes[node.operands[node.op === 'select' ? 1 : 0]].dtype;
      return evaluateScalar(node.op, dtype, values[a], values[b], values[c]);
    }
    case 'load': {
      if (!holds(node.bounds, point)) return 0;
      let address = affine(node.index, point);
      if (node.indirect) {
        const { extent, stride } = node.indirect;
        address += stride * Math.max(0, Math.min(extent - 1, values[node.indirect.node]));
      }
      return buffers[node.buffer][checked(kernel, node.buffer, address)];
    }
  }
}

function store(
  kernel: Kernel,
  values: Float64Array,
  point: readonly number[],
  buffers: readonly Float64Array[],
): void {
  for (const { buffer, index, indirect, value, accumulate } of kernel.stores) {
    if (indirect && !inside(indirect, values)) continue;
    const offset = indirect ? indirect.stride * values[indirect.node] : 0;
    const address = checked(kernel, buffer, affine(index, point) + offset);
    buffers[buffer][address] = values[value] + (accumulate ? buffers[buffer][address] : 0);
  }
}

function inside(indirect: Indirection, values: Float64Array): boolean {
  const position = values[indirect.node];
  return position >= 0 && position < indirect.extent;
}

function affine({ offset, coefficients }: Affine, point: readonly number[]): number {
  let value = offset;
  for (let axis = 0; axis < point.length; axis++) value += coefficients[axis] * point[axis];
  return value;
}

function holds(bounds: readonly Bound[], point: readonly number[]): boolean {
  return bounds.every(({ index, extent }) => {
    const value = affine(index, point);
    return value >= 0 && value < extent;
  });
}

function checked(kernel: Kernel, buffer: number, address: number): number {
  if (address >= 0 && address < kernel.buffers[buffer].elements) return address;
  throw new RangeError(`${kernel.name}: address ${address} is outside buffer ${buffer}`);
}
