import { readAttributes } from '../attributes.ts';
import { NEWEST_OPSET, type OnnxFile } from '../file.ts';
import { type NodeFacts, nodeOf } from '../node.ts';
import type { NodeProto } from '../schema/onnx_pb.ts';
import type { Session } from '../session.ts';
import { NOTHING, type Value } from '../values.ts';
import { ACTIVATION_PATTERNS } from './activations.ts';
import { NORMS } from './norms.ts';
import { PRODUCTS } from './products.ts';
import type { Matched, PatternRow } from './row.ts';
import { type Match, matches, type Searched, searched, type Term } from './terms.ts';

/** What files write out in several nodes; where one is a part of another, the whole comes first. */
const PATTERNS: readonly PatternRow[] = [...NORMS, ...ACTIVATION_PATTERNS, ...PRODUCTS];

/** Nodes that may be one function of the language: whether they are is known with the shapes, when the last of them is reached. */
export interface Group {
  readonly row: PatternRow;
  readonly match: Match;
  readonly within: Searched;
  /** In the order of the file. */
  readonly nodes: readonly NodeProto[];
}

/** Groups of a file by their last node. No node is in two, and nothing else reads what one makes before its end. */
export function groupsOf(file: OnnxFile): ReadonlyMap<NodeProto, Group> {
  const within = searched(file);
  const places = new Map(file.graph.node.map((one, place) => [one, place]));
  const groups = new Map<NodeProto, Group>();
  const taken = new Set<NodeProto>();
  const uses = readsOf(file);
  for (const row of PATTERNS) {
    const ends = endsOf(row.term);
    for (const last of file.graph.node) {
      if (!ends.has(last.opType) || last.output.length !== 1 || taken.has(last)) continue;
      for (const match of matches(within, row.term, last.output[0])) {
        const nodes = [...match.nodes].sort((a, b) => places.get(a)! - places.get(b)!);
        if (nodes.at(-1) !== last || nodes.some((one) => taken.has(one))) continue;
        if (!isClosed(nodes, last, uses)) continue;
        groups.set(last, { row, match, within, nodes });
        for (const one of nodes) taken.add(one);
        break;
      }
    }
  }
  return groups;
}

/** How often each name is read by what outputs are computed from. */
function readsOf({ graph, uses }: OnnxFile): ReadonlyMap<string, number> {
  const reads = new Map(uses);
  for (const { input, output } of graph.node.toReversed()) {
    if (output.some((name) => (reads.get(name) ?? 0) > 0)) continue;
    for (const name of input) reads.set(name, (reads.get(name) ?? 0) - 1);
  }
  return reads;
}

/** Nodes that do not run at their places: they wait for the last of their group, or nothing reads what they make of such. */
export function waitingNodes(
  { graph }: OnnxFile,
  groups: ReadonlyMap<NodeProto, Group>,
): ReadonlySet<NodeProto> {
  const waiting = new Set([...groups.values()].flatMap(({ nodes }) => nodes.slice(0, -1)));
  const later = new Set<string>();
  for (const one of graph.node) {
    const isLast = groups.has(one);
    if (!isLast && one.input.some((name) => later.has(name))) waiting.add(one);
    if (waiting.has(one)) for (const name of one.output) later.add(name);
  }
  return waiting;
}

const endsOf = (term: Term): ReadonlySet<string> =>
  new Set(
    term.kind === 'node'
      ? [term.op]
      : term.kind === 'either'
        ? term.terms.flatMap((one) => [...endsOf(one)])
        : [],
  );

function isClosed(
  nodes: readonly NodeProto[],
  last: NodeProto,
  uses: ReadonlyMap<string, number>,
): boolean {
  const reads = new Map<string, number>();
  for (const name of nodes.flatMap(({ input }) => input))
    reads.set(name, (reads.get(name) ?? 0) + 1);
  return nodes.every(
    (one) =>
      one === last || one.output.every((name) => name === '' || reads.get(name) === uses.get(name)),
  );
}

/** What a group gives as one function; null where it is none. `look` gives the values of names so far. */
export function runGroup(
  session: Session,
  { row, match, within, nodes }: Group,
  name: string,
  look: (name: string) => Value | undefined,
): { readonly value: Value; readonly inputs: readonly Value[] } | null {
  const last = nodes[nodes.length - 1];
  const names = row.inputs.map((input) => match.names.get(input) ?? '');
  const inputs = names.map((one) => (one === '' ? NOTHING : look(one)));
  // What nothing gives is said of the node that reads it.
  if (inputs.includes(undefined)) return null;
  const given = inputs as readonly Value[];
  const facts: NodeFacts = {
    ...{ op: row.op, domain: '', opset: NEWEST_OPSET, name, outputs: last.output, names },
    isOnce: true,
    attributes: (refuse) => readAttributes(last, refuse),
  };
  const numbers = (one: string | undefined): readonly number[] | null => {
    const found = one === undefined ? null : within.constant(one);
    return found ? Array.from(found.values) : null;
  };
  const attribute = (label: string, key: string) =>
    match.labels.get(label)?.attribute.find((one) => one.name === key);
  const matched: Matched = {
    node: nodeOf(session, facts, given, () => []),
    list: (one) => numbers(match.names.get(one)),
    ints: (label, key) => attribute(label, key)?.ints.map(Number) ?? null,
    int: (label, key, fallback) => Number(attribute(label, key)?.i ?? fallback),
    input: (label, input) => numbers(match.labels.get(label)?.input[input]),
  };
  const value = row.make(matched);
  return value && { value, inputs: given };
}
