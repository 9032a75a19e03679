import { STORAGE_TYPES } from '../../ir/dtypes.ts';
import { isPersistent } from '../../ir/plan.ts';
import { byteCount, elementCount, type StoredType } from '../../ir/tensor.ts';
import { type Diagnostic, diagnostic, originDiagnostic } from '../diagnostics.ts';
import type { TooLarge } from '../memory/index.ts';
import {
  type BatchKnobs,
  batchInputs,
  pieceName,
  type Split,
  splitBatch,
  splitParameters,
} from '../micro-batch/index.ts';
import { simplify } from '../simplify/index.ts';
import { type ModuleState, mapGraphs } from './module-state.ts';
import type { PassOptions } from './pass.ts';

/**
 * Cuts the batch of the program that trains, of all where none does. Other programs are cut where that is possible: their
 * results are those of single examples, and they share the arena.
 *
 * Errors: BTC4020, BTC4021, BTC4022.
 */
export function cutBatch(
  state: ModuleState,
  { limits }: PassOptions,
  knobs: BatchKnobs | null,
): ModuleState {
  if (!knobs) return state;
  const cut = knobs.parts > 1 ? inParts(state, knobs) : state;
  return knobs.pieces
    ? inPieces(cut, Math.min(limits.maxBindingBytes, limits.maxBufferBytes))
    : cut;
}

function inParts(state: ModuleState, knobs: BatchKnobs): ModuleState {
  const { programs } = state.traced;
  const trains = programs.some(({ training }) => training !== null);
  const diagnostics: Diagnostic[] = [];
  const made = mapGraphs(state, (graph, k) => {
    const split = splitBatch(graph, state.module, knobs);
    if (split.graph) return simplify(split.graph, { differentiated: true });
    const isAsked = knobs.coupling === 'refuse' && (programs[k]?.training || !trains);
    if (isAsked) diagnostics.push(refusal(state, k, split, knobs.parts));
    return graph;
  });
  return diagnostics.length > 0
    ? { ...state, diagnostics: [...state.diagnostics, ...diagnostics] }
    : made;
}

/** Parameters and states that are larger than `mostBytes` as several, each a range of the first axis. */
function inPieces(state: ModuleState, mostBytes: number): ModuleState {
  const pieces = new Map<string, number>();
  const groups = new Map<string, { readonly parts: number; readonly names: Set<string> }>();
  for (const { name, type, storage } of state.module.parameters) {
    // Scales are those of the whole.
    if (storage && STORAGE_TYPES[storage].isScaled) continue;
    const parts = pieceCount({ shape: type.shape, dtype: storage ?? type.dtype }, mostBytes);
    if (parts <= 1) continue;
    pieces.set(name, parts);
    const group = groups.get(type.shape.join()) ?? { parts, names: new Set() };
    groups.set(type.shape.join(), group);
    group.names.add(name);
  }
  if (pieces.size === 0) return state;
  const made = mapGraphs(state, (graph) => {
    let current = graph;
    for (const { parts, names } of groups.values()) {
      const used = current.nodes.some(
        (node) => node.op === 'parameter' && names.has(node.attributes.name),
      );
      const cut = used ? splitParameters(current, names, parts) : null;
      if (cut) current = simplify(cut, { differentiated: true });
    }
    return current;
  });
  const parameters = state.module.parameters.flatMap((declaration) => {
    const parts = pieces.get(declaration.name);
    if (parts === undefined) return [declaration];
    const { name, type, data } = declaration;
    const shape = type.shape.with(0, type.shape[0] / parts);
    const count = elementCount(shape);
    return Array.from({ length: parts }, (_, part) => ({
      ...declaration,
      name: pieceName(name, part),
      type: { ...type, shape },
      ...(data ? { data: data.subarray(part * count, (part + 1) * count) } : {}),
    }));
  });
  return { ...made, module: { ...made.module, parameters }, pieces };
}

/** A parameter is cut into no more parts: one that is larger still is a mistake, or for another device. */
const MOST_PIECES = 8;
/** Parts of a batch that a search tries at most. */
const MOST_PARTS = 4096;

/** The least number of equal ranges of the first axis that are small enough; 1 where none is. */
function pieceCount(type: StoredType, mostBytes: number): number {
  const [rows = 1] = type.shape;
  for (
    let parts = Math.ceil(byteCount(type) / mostBytes);
    parts <= Math.min(rows, MOST_PIECES);
    parts++
  )
    if (rows % parts === 0) return parts;
  return 1;
}

/** Growth from one number of parts that a search tries to the next, at least. */
const GROWTH = 1.5;

/** Numbers of parts for a search to try: divisors of the batch, ascending. */
export function microBatchCounts({ traced }: ModuleState): number[] {
  const { programs } = traced;
  const graph = (programs.find(({ training }) => training !== null) ?? programs[0]).graph;
  const [batch] = batchInputs(graph);
  const counts: number[] = [];
  for (let parts = 2; parts <= Math.min(batch?.extent ?? 0, MOST_PARTS); parts++)
    if (batch.extent % parts === 0 && parts >= GROWTH * (counts.at(-1) ?? 1)) counts.push(parts);
  return counts;
}

/**
 * Of 1 and `counts`, the numbers of parts of the batch that may make all of these tensors small enough, where parameters and states
 * are cut in pieces as well. What outlives a program is as large whatever the batch is: where it cannot be cut in pieces there are
 * none. Nor are there for an input or an output, which is given or handed out as a whole. Other tensors take at best so many times less;
 * the largest number is tried in any case, for they may not be in memory then.
 */
export function splitCounts(tooLarge: readonly TooLarge[], counts: readonly number[]): number[] {
  const staysWhole = ({ tensor, limit }: TooLarge) =>
    isPersistent(tensor.role) ? pieceCount(tensor, limit) === 1 : tensor.role !== 'activation';
  if (tooLarge.some(staysWhole)) return [];
  const others = tooLarge.filter(({ tensor: { role } }) => !isPersistent(role));
  const all = [1, ...counts];
  const enough = (parts: number) => others.every(({ bytes, limit }) => bytes / parts <= limit);
  return all.filter((parts, k) => k === all.length - 1 || enough(parts));
}

function refusal(
  { module, traced }: ModuleState,
  program: number,
  { reason }: Split & { readonly graph: null },
  parts: number,
): Diagnostic {
  const graph = module.programs[program];
  if ('coupled' in reason) {
    const { op, source } = graph.nodes[reason.coupled];
    return originDiagnostic(4021, graph.sources[source], { op: NAMES[op] ?? op });
  }
  const { name } = graph;
  // A batch of one is none that could be cut, and one all the same.
  const isSingle = graph.nodes.some(({ op, type }) => op === 'input' && type.shape[0] === 1);
  const batch = reason.batch ?? (isSingle ? 1 : null);
  return batch === null || batch % parts === 0
    ? diagnostic(4022, null, { program: name, model: traced.name })
    : diagnostic(4020, null, { batch, parts, program: name });
}

/** Ops by the names that users call them. */
const NAMES: Readonly<Record<string, string>> = {
  reduceSum: 'sum',
  reduceMax: 'max',
  reduceMin: 'min',
  contract: 'einsum',
};
