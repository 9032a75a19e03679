import type { Graph, Module } from '../../ir/graph.ts';
import { type Classification, type Coupled, type Coupling, classify } from './classify.ts';
import { emitParts } from './emit.ts';

export { pieceName } from './emit.ts';
export type { Coupled };

/** Into how many parts a batch is cut, and what may be done where examples depend on others. */
export interface BatchKnobs {
  readonly parts: number;
  /** Batch norm takes its statistics from the examples of a part. */
  readonly localNorm: boolean;
  /** See `Coupling` in classify.ts. */
  readonly coupling: Coupling['how'];
  /** Whether parameters larger than a binding are cut as well. */
  readonly pieces: boolean;
}

/** A graph in parts, or why it cannot be cut. */
export type Split =
  | { readonly graph: Graph; readonly reason: null }
  | { readonly graph: null; readonly reason: Coupled | { readonly batch: number | null } };

/**
 * Cuts the batch of a graph into equal parts that are computed one after the other; sums over examples are added part by part.
 * The batch is the first axis of the inputs that share its extent. What is computed stays what it was, up to rounding.
 */
export function splitBatch(graph: Graph, module: Module, knobs: BatchKnobs): Split {
  const groups = batchInputs(graph);
  let reason: Coupled | { readonly batch: number | null } = { batch: groups[0]?.extent ?? null };
  const isLocal = knobs.localNorm ? inBatchNorm(graph, module) : () => false;
  for (const { extent, names } of groups) {
    if (extent % knobs.parts !== 0) continue;
    // An input of that extent may be something else: then all but one of them are the batch.
    const sets = [
      names,
      ...(names.length > 1 ? names.map((name) => names.filter((one) => one !== name)) : []),
    ];
    for (const [k, set] of sets.entries()) {
      const made = classify(graph, { op: 'input', names: new Set(set) }, knobs.parts, {
        how: knobs.coupling,
        isLocal,
      });
      if (!('coupled' in made) && isCut(made)) return { graph: emitParts(made), reason: null };
      if (k === 0 && 'coupled' in made && !('coupled' in reason)) reason = made;
    }
  }
  return { graph: null, reason };
}

/** The extents that first axes of inputs share, the most frequent first. */
export function batchInputs(graph: Graph): { extent: number; names: string[] }[] {
  const byExtent = new Map<number, string[]>();
  for (const node of graph.nodes) {
    if (node.op !== 'input' || node.type.shape.length === 0 || node.type.shape[0] < 2) continue;
    const [extent] = node.type.shape;
    const names = byExtent.get(extent) ?? [];
    byExtent.set(extent, names);
    if (!names.includes(node.attributes.name)) names.push(node.attributes.name);
  }
  return [...byExtent]
    .map(([extent, names]) => ({ extent, names }))
    .sort((a, b) => b.names.length - a.names.length);
}

/** Whether anything that results or updates read depends on a part. */
const isCut = ({ graph, classes }: Classification) =>
  [...graph.outputs, ...graph.updates].some(({ value }) => {
    const one = classes[value];
    return one.kind !== 'whole' || one.phase > 0;
  });

/** Whether a node belongs to a layer that keeps running statistics of the batch. */
function inBatchNorm(graph: Graph, { parameters }: Module): Coupling['isLocal'] {
  const states = new Set(parameters.flatMap(({ name, role }) => (role === 'state' ? [name] : [])));
  const scopes = new Set(
    [...states].flatMap((name) => {
      const scope = name.slice(0, Math.max(0, name.lastIndexOf('.')));
      return states.has(`${scope}.runningMean`) && states.has(`${scope}.runningVariance`)
        ? [scope]
        : [];
    }),
  );
  return ({ source }) => scopes.has(graph.sources[source]?.scope ?? '');
}

/**
 * Cuts parameters of one shape along their first axis: each part is a parameter of its own, and what is computed of all of them
 * is computed part by part. Null where parts do not divide the axis.
 */
export function splitParameters(
  graph: Graph,
  names: ReadonlySet<string>,
  parts: number,
): Graph | null {
  const coupling: Coupling = { how: 'phases', isLocal: () => false };
  const made = classify(graph, { op: 'parameter', names }, parts, coupling);
  return 'coupled' in made ? null : emitParts(made);
}
