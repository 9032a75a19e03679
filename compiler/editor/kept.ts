import type { Graph, ValueId } from '../../ir/graph.ts';
import { type Origin, scopedName } from '../../ir/source.ts';
import { byteCount } from '../../ir/tensor.ts';
import { endIfInterrupted } from '../interruption.ts';
import type { Kept } from './findings.ts';

/** What the backward pass of a program reads of what its forward pass computes. */
export interface KeptValues {
  /** Of a value of the traced program. */
  of(value: ValueId): Kept;
  /** Bytes that are held for it, each tensor once: 0 for another view of a tensor that is counted already. */
  bytesOf(value: ValueId): number;
}

/** Names of gradients that are told. */
const MOST_READERS = 4;

/** Of a program that does not train. */
export const UNTRAINED: KeptValues = { of: () => ({ kind: 'untrained' }), bytesOf: () => 0 };

/**
 * A traced program beside the same with its gradients. Rewrites hand on where values come from, as the same objects, and keep the order
 * of those that come from one place; so the value of a place is found again behind them.
 */
export function keptValues(traced: Graph, differentiated: Graph): KeptValues {
  const readers = readersOf(differentiated);
  const made = byOrigin(differentiated);
  const now = new Map<ValueId, ValueId>();
  for (const [origin, own] of byOrigin(traced)) {
    const left = made.get(origin) ?? [];
    // Where some are gone, equal ones have become one.
    for (const [at, value] of own.entries())
      if (left.length > 0) now.set(value, left[Math.min(at, left.length - 1)]);
  }
  const counted = new Map<ValueId, ValueId>();
  return {
    of(value) {
      const found = now.get(value);
      if (found === undefined) return { kind: 'folded' };
      const names = readers.get(baseOf(differentiated, found)) ?? [];
      return names.length === 0
        ? { kind: 'let-go' }
        : { kind: 'kept', readers: names.slice(0, MOST_READERS), count: names.length };
    },
    bytesOf(value) {
      const found = now.get(value);
      if (found === undefined) return 0;
      const base = baseOf(differentiated, found);
      if (!readers.has(base)) return 0;
      if (!counted.has(base)) counted.set(base, value);
      return counted.get(base) === value ? byteCount(differentiated.nodes[base].type) : 0;
    },
  };
}

/** By value of the forward pass, as it is in memory: the gradients that read it. */
function readersOf(graph: Graph): ReadonlyMap<ValueId, readonly string[]> {
  const readers = new Map<ValueId, Set<Origin>>();
  for (const node of graph.nodes) {
    endIfInterrupted();
    const origin = graph.sources[node.source];
    if (origin?.pass !== 'gradient') continue;
    for (const operand of node.operands) {
      const base = baseOf(graph, operand);
      if (!isForward(graph, base)) continue;
      const origins = readers.get(base);
      if (origins) origins.add(origin);
      else readers.set(base, new Set([origin]));
    }
  }
  return new Map(
    [...readers].map(([value, origins]) => [value, [...new Set([...origins].map(scopedName))]]),
  );
}

/** Whether the forward pass computes it. */
function isForward({ nodes, sources }: Graph, value: ValueId): boolean {
  const { op, source } = nodes[value];
  return sources[source]?.pass === undefined && !isGiven(op);
}

/** Whether a value of this op is there before a program runs. */
export const isGiven = (op: string): boolean =>
  op === 'input' || op === 'parameter' || op === 'constant';

/** The value whose memory another one is a view of. */
function baseOf({ nodes }: Graph, value: ValueId): ValueId {
  let base = value;
  while (nodes[base].op === 'reshape') base = nodes[base].operands[0];
  return base;
}

/** What the forward pass computes, by where it comes from. */
function byOrigin({ nodes, sources }: Graph): ReadonlyMap<Origin, readonly ValueId[]> {
  const values = new Map<Origin, ValueId[]>();
  nodes.forEach(({ source }, value) => {
    const origin = sources[source];
    if (!origin || origin.pass !== undefined) return;
    const known = values.get(origin);
    if (known) known.push(value);
    else values.set(origin, [value]);
  });
  return values;
}
