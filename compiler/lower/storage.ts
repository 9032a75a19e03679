import type { Graph, Node, ValueId } from '../../ir/graph.ts';
import { isScalarOp, opRow } from '../../ir/ops.ts';
import { SCALAR_OPS } from '../../ir/scalar.ts';
import { elementCount, type Shape, sameShape } from '../../ir/tensor.ts';

/**
 * Decides which values get memory of their own; all others are computed inside the kernels that use them.
 * Storing costs bytes written and held. Not storing costs arithmetic, repeated for each use.
 */
export interface StorageDecisions {
  /** By value: 1 when it is stored. Views are never stored by decision (lowering may still have to). */
  readonly stored: Uint8Array;
  /** By value: the number of operand positions, seen through views, that read it, plus outputs and updates. */
  readonly uses: Int32Array;
}

/** Distinct tensors that one inlined expression may read: eight bindings less one for the result, less one for an epilogue. */
const MAX_LEAVES = 6;
/** Nodes of one inlined expression; it also bounds the depth of recursion when the expression is emitted. */
const MAX_INLINE_NODES = 48;
/** Arithmetic per element up to which a value with several uses is computed in each, when it reads one full-size tensor… */
const MAX_RECOMPUTE_COST = 24;
/** …or none at all (counters, constants, scalars). */
const MAX_SOURCE_RECOMPUTE_COST = 80;
/** Extra arithmetic that inlining below views may cause before the value is stored instead. */
const MAX_BROADCAST_COST = 4e6;
const RANDOM_COST = 40;
/** One element of a leaf, such as a bias or a mean, for so many elements that are computed costs no memory traffic. */
const SMALL_SHARE = 64;

export function decideStorage(graph: Graph): StorageDecisions {
  const { nodes } = graph;
  const base = resolveViews(nodes);
  const { uses, mustStore, alive, lastUser } = countUses(graph, base);
  const stored = new Uint8Array(nodes.length);
  const cost = new Float64Array(nodes.length);
  const size = new Int32Array(nodes.length);
  const leaves: (readonly ValueId[])[] = new Array(nodes.length);

  const store = (value: ValueId) => {
    stored[value] = 1;
  };

  for (let value = 0; value < nodes.length; value++) {
    const node = nodes[value];
    const { kind } = opRow(node.op);
    if (!alive[value]) continue;
    if (kind !== 'view') storeWhatSpreads(node);
    if (
      kind === 'contraction' ||
      kind === 'reduction' ||
      kind === 'scatter' ||
      node.op === 'input' ||
      node.op === 'parameter'
    ) {
      store(value);
      continue;
    }
    limitOperands(value);
    if (kind === 'view') continue;
    // What is stored only to be rounded: its reader stores it in its place.
    if (node.op === 'roundF16' && stored[node.operands[0]]) {
      store(value);
      continue;
    }
    const needed =
      mustStore[value] || isLongConcat(node) || isStackOfStored(node) || isCarried(value);
    if (needed || (uses[value] > 1 && !cheapToRecompute(value))) store(value);
  }
  return { stored, uses };

  /** Stores operands of which a node reads elements so often that computing them at each place costs too much. */
  function storeWhatSpreads(node: Node): void {
    for (const operand of node.operands) {
      const source = base[operand];
      if (stored[source] || operand === source) continue;
      const places = placesRead(node, nodes[operand].type.shape);
      const expansion = places - elementCount(nodes[source].type.shape);
      if (cost[source] * expansion > MAX_BROADCAST_COST) store(source);
    }
  }

  /** Gathers leaves, cost and size of a value; stores operands until the expression is within the limits. */
  function limitOperands(value: ValueId): void {
    const node = nodes[value];
    for (;;) {
      const inlined: ValueId[] = [];
      const reads = new Set<ValueId>();
      let totalCost = ownCost(node);
      let totalSize = 1;
      for (const operand of node.operands) {
        const source = base[operand];
        totalSize += operand === source ? 0 : 1;
        if (stored[source]) {
          reads.add(source);
        } else {
          inlined.push(source);
          for (const leaf of leaves[source]) reads.add(leaf);
          totalCost += cost[source];
          totalSize += size[source];
        }
      }
      const storable = inlined.filter((operand) => leaves[operand].length > 0);
      if ((reads.size <= MAX_LEAVES && totalSize <= MAX_INLINE_NODES) || storable.length === 0) {
        leaves[value] = [...reads];
        cost[value] = totalCost;
        size[value] = totalSize;
        return;
      }
      store(
        storable.reduce((worst, operand) =>
          leaves[operand].length > leaves[worst].length ||
          (leaves[operand].length === leaves[worst].length && size[operand] > size[worst])
            ? operand
            : worst,
        ),
      );
    }
  }

  /** A stack of values that are stored for it alone: they can be computed right where they stand in it. */
  function isStackOfStored(node: Node): boolean {
    return (
      node.op === 'concat' &&
      node.attributes.axis === 0 &&
      node.operands.every((operand) => {
        const part = base[operand];
        return (
          opRow(nodes[part].op).kind === 'contraction' && uses[part] === 1 && isReshape(operand)
        );
      })
    );
  }

  /**
   * The product in u' = u * g + r where gradients go back through a recurrence: with it in memory, the next step reads one tensor
   * in place of two, and u is in none, because all else that is made of it is made in the same kernel.
   */
  function isCarried(value: ValueId): boolean {
    const user = lastUser[value];
    if (nodes[value].op !== 'mul' || uses[value] !== 1 || user < 0) return false;
    const isSum = (sum: ValueId) =>
      nodes[sum].op === 'add' && uses[sum] > 1 && isGradient(sum) && !mustStore[sum];
    return (
      isSum(user) &&
      sameShape(nodes[user].type.shape, nodes[value].type.shape) &&
      leaves[value].length > 1 &&
      nodes[value].operands.some((operand) => base[operand] === operand && isSum(operand))
    );
  }

  function isGradient(value: ValueId): boolean {
    return graph.sources[nodes[value].source]?.pass === 'gradient';
  }

  function isReshape(value: ValueId): boolean {
    return nodes[value].op === 'reshape' && nodes[value].operands[0] === base[value];
  }

  function cheapToRecompute(value: ValueId): boolean {
    const elements = elementCount(nodes[value].type.shape);
    const larger = (share: number) =>
      leaves[value].filter((leaf) => elementCount(nodes[leaf].type.shape) * share > elements);
    const fullSize = larger(4).length;
    // What has more elements than anything that it reads, like comparisons under overlapping windows, would take much memory
    // for little work.
    const isLargest = leaves[value].every(
      (leaf) => elementCount(nodes[leaf].type.shape) < elements,
    );
    if (isLargest && cost[value] <= MAX_RECOMPUTE_COST) return true;
    if (larger(SMALL_SHARE).length > 2) return false;
    return cost[value] <= [MAX_SOURCE_RECOMPUTE_COST, MAX_RECOMPUTE_COST, 0][fullSize];
  }
}

/** How many elements of an operand of the given shape a node reads; a contraction of one may read a diagonal of it. */
function placesRead(node: Node, shape: Shape): number {
  if (node.op !== 'contract' || node.operands.length > 1) return elementCount(shape);
  const [term] = node.attributes.equation.split('->');
  return elementCount(shape.filter((_, axis) => term.indexOf(term[axis]) === axis));
}

/** Concatenations of more parts than this are written part by part into one tensor. */
export const MAX_INLINE_CONCAT = 4;

export function isLongConcat(node: Node): boolean {
  return node.op === 'concat' && node.operands.length > MAX_INLINE_CONCAT;
}

function ownCost(node: Node): number {
  if (isScalarOp(node.op)) return SCALAR_OPS[node.op].cost;
  if (node.op === 'random') return RANDOM_COST;
  return opRow(node.op).kind === 'view' || node.op === 'constant' ? 0 : 2;
}

/** By value: itself, or the value that nested views look at. */
function resolveViews(nodes: readonly Node[]): Int32Array {
  const base = new Int32Array(nodes.length);
  for (let value = 0; value < nodes.length; value++) {
    base[value] = opRow(nodes[value].op).kind === 'view' ? base[nodes[value].operands[0]] : value;
  }
  return base;
}

/** Counts uses from the results backwards, so that dead values count nothing. */
function countUses(graph: Graph, base: Int32Array) {
  const { nodes } = graph;
  const uses = new Int32Array(nodes.length);
  const mustStore = new Uint8Array(nodes.length);
  /** Of a value with one use: who reads it, not through views. */
  const lastUser = new Int32Array(nodes.length).fill(-1);
  const alive = new Uint8Array(nodes.length);
  for (const { value } of [...graph.outputs, ...graph.updates]) {
    alive[value] = 1;
    uses[base[value]]++;
    if (base[value] === value) mustStore[value] = 1;
  }
  for (let value = nodes.length - 1; value >= 0; value--) {
    const node = nodes[value];
    const { kind } = opRow(node.op);
    if (!alive[value]) continue;
    for (let k = 0; k < node.operands.length; k++) {
      const operand = node.operands[k];
      alive[operand] = 1;
      if (kind === 'view') continue;
      uses[base[operand]]++;
      lastUser[operand] = value;
      // Contractions of several operands read an element many times, and an address of a gather is a stored tensor.
      const isFactor = kind === 'contraction' && node.operands.length > 1;
      if (isFactor || (kind === 'gather' && k === 0)) mustStore[base[operand]] = 1;
    }
  }
  return { uses, mustStore, alive, lastUser };
}
