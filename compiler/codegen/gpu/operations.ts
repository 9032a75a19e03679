import type { Expression, Kernel, NodeIndex } from '../../../ir/kernel.ts';
import { nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import { ELEMENTS_PER_CIPHER } from '../../../ir/random.ts';
import { SCALAR_OPS } from '../../../ir/scalar.ts';
import { axisDependence, type ContractionGroups } from '../contraction-groups.ts';
import { functionsOf, type Operations, plainly, scaled, total } from '../work.ts';
import type { FactorReads } from './contraction-functions.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import { storedValues } from './expression.ts';
import { neededNodes, type Quads } from './points.ts';

// Operations of what the modules of this folder are made of. A multiply-add is two.

export const MULTIPLY_ADD = 2;
/** An address in a buffer and the access. */
export const ACCESS = 3;
/** An index and two comparisons. */
export const BOUND = 3;
/** Recovering an index of one of several axes from their common number. */
export const DIVISION = 3;
/** Counting, comparing and jumping. */
export const LOOP_STEP = 3;
/** What a workgroup waits for in a chunk, in steps of a loop that loads. */
export const CHUNK_WAITS = 4;
/** What a vector that goes from memory to workgroup memory takes of the way there, which all invocations share. */
export const FILL = 64;
/** An address in workgroup memory and the access. */
export const WORKGROUP_ACCESS = 2;

const facts = new WeakMap<Kernel, Map<string, unknown>>();

/** A fact of that name: what several variants of a kernel have in common is found once. */
export function derived<Fact>(kernel: Kernel, name: string, find: () => Fact): Fact {
  const known = facts.get(kernel) ?? new Map<string, unknown>();
  facts.set(kernel, known);
  const fact = (known.get(name) as Fact | undefined) ?? find();
  known.set(name, fact);
  return fact;
}

/** How the factors and the results of a contraction lie in memory. */
interface ContractionReads {
  readonly left: FactorReads;
  readonly right: FactorReads;
  readonly finishing: Quads;
}

/** Operations for an element of each factor and for one output, and for the indices of K in one step, in all tilings. */
export function factorOperations(
  kernel: Kernel,
  { left, right, batch, m, n, k }: ContractionGroups,
  reads: ContractionReads,
) {
  const divisions = (...groups: (readonly number[])[]) =>
    plainly(DIVISION * groups.reduce((sum, { length }) => sum + (length > 1 ? length : 0), 0));
  const looped = (factor: 'left' | 'right', root: NodeIndex) => {
    const depends = axisDependence(kernel);
    const nodes = neededNodes(kernel, [root]).filter((node) =>
      k.some((axis) => depends[node][axis]),
    );
    return operationsOf(kernel, nodes, 1, reads[factor].quads);
  };
  return {
    left: looped('left', left),
    right: looped('right', right),
    index: divisions(k),
    finish: total(
      scaled(finishing(kernel, VECTOR_WIDTH, reads.finishing), 1 / VECTOR_WIDTH),
      scaled(divisions(batch, m, n), 1 / VECTOR_WIDTH),
    ),
  };
}

/** What the nodes behind the reduction and the stores take at `width` neighbouring points, with the vectors among their accesses. */
export function finishing(kernel: Kernel, width = 1, quads: Quads | null = null): Operations {
  const under = nodesUnderReduction(kernel);
  const nodes = storedNodes(kernel).filter((node) => !under[node]);
  const stores = kernel.stores.reduce((sum, store) => {
    const { accumulate, indirect } = store;
    const each = ACCESS + (accumulate ? ACCESS : 0) + (indirect ? 2 : 0);
    return sum + each * (quads?.stores.has(store) ? width / VECTOR_WIDTH : width);
  }, 0);
  return total(operationsOf(kernel, nodes, width, quads), plainly(stores));
}

/** Nodes that the stores need, each with the nodes that it needs. */
function storedNodes(kernel: Kernel): NodeIndex[] {
  const roots = storedValues(kernel);
  return neededNodes(kernel, roots);
}

/** Of nodes at so many points; a vector of four elements is loaded like one, and random ones of it take two ciphers. */
export function operationsOf(
  kernel: Kernel,
  nodes: readonly NodeIndex[],
  points = 1,
  quads: Quads | null = null,
): Operations {
  let [plain, functions, randoms] = [0, 0, 0];
  for (const index of nodes) {
    const node = kernel.nodes[index];
    const called = functionsOf(node);
    const drawn = node.kind === 'random' ? 1 : 0;
    const each = quads?.loads.has(index)
      ? 1 / VECTOR_WIDTH
      : quads?.draws.has(index)
        ? 1 / ELEMENTS_PER_CIPHER
        : 1;
    const times = each * points;
    if (called + drawn === 0) plain += plainOf(node) * times;
    functions += called * times;
    randoms += drawn * times;
  }
  return { plain, functions, randoms };
}

function plainOf(node: Expression): number {
  switch (node.kind) {
    case 'load':
      return ACCESS + BOUND * node.bounds.length + (node.indirect ? ACCESS : 0);
    case 'inBounds':
      return BOUND * node.bounds.length;
    case 'apply':
      return SCALAR_OPS[node.op].cost;
    case 'index':
      return 1;
    default:
      return 0;
  }
}

/** What it takes an invocation to recover the indices of the axes of a kind. */
export function indexing({ axes }: Kernel, kind: 'parallel' | 'reduced'): Operations {
  const count = axes.filter((axis) => axis.kind === kind).length;
  return plainly(count > 1 ? DIVISION * count : 0);
}
