import { create } from '@bufbuild/protobuf';
import type { OnnxFile } from '../file.ts';
import { type NodeProto, NodeProtoSchema } from '../schema/onnx_pb.ts';
import { type CellKind, SOURCES } from './cells.ts';
import { chainsOf, hiddenBefore, type Step, stepAt } from './recurrence-steps.ts';
import { type Match, matches, type Searched, searched } from './terms.ts';

/** A layer of time that a file has written out step by step. Its node reads the sequence, weights, biases and states, and gives `gives`. */
export interface Recurrence {
  readonly kind: CellKind;
  readonly isRelu: boolean;
  readonly isReverse: boolean;
  /** Steps, from the first place of the sequence on. */
  readonly time: number;
  /** Places of the sequence, of which nothing may read the last; null where the sequence itself says it. */
  readonly places: number | null;
  /** Of the sequence: rows are [batch, places, features] in any shape, channels [batch, features, places]. */
  readonly layout: 'rows' | 'channels';
  /** What the outputs of its node are, in their order. */
  readonly gives: readonly Given[];
}

/** Hidden states of all steps [batch, hidden, time], that of one, or the last state of the cell. */
export type Given =
  | { readonly kind: 'all' | 'cell' }
  | { readonly kind: 'step'; readonly step: number };

/** Inputs of the node of a {@link Recurrence}, weights among them; of those that a kind has not, and of states that are zeros, the name is empty. */
export const WEIGHTS = ['inputWeight', 'hiddenWeight', 'bias', 'hiddenBias'] as const;
export const INPUTS = ['x', ...WEIGHTS, 'hidden', 'cell'] as const;

/** The file with steps of recurrent layers as one node each, as they were before they were laid out in time. */
export function withRecurrences(file: OnnxFile): OnnxFile {
  const within = searched(file);
  const steps = file.graph.node.flatMap((node) => stepAt(file, within, node) ?? []);
  if (steps.length === 0) return file;
  const recurrences = new Map<NodeProto, Recurrence>();
  const gone = new Set<NodeProto>();
  /** By the node that they stand behind. */
  const made = new Map<NodeProto, NodeProto>();
  for (const chain of chainsOf(steps)) {
    const found = layerOf(file, within, chain, gone);
    if (!found) continue;
    for (const node of found.nodes) gone.add(node);
    recurrences.set(found.node, found.recurrence);
    made.set(within.maker(chain[0].hidden)!, found.node);
  }
  if (recurrences.size === 0) return file;
  const node = file.graph.node.flatMap((one): NodeProto[] => [
    ...(made.has(one) ? [made.get(one)!] : []),
    ...(gone.has(one) ? [] : [one]),
  ]);
  const uses = new Map(file.uses);
  const count = (nodes: Iterable<NodeProto>, by: number) => {
    for (const name of [...nodes].flatMap(({ input }) => input))
      uses.set(name, (uses.get(name) ?? 0) + by);
  };
  count(gone, -1);
  count(recurrences.keys(), 1);
  return { ...file, graph: { ...file.graph, node }, uses, recurrences };
}

interface FoundLayer {
  readonly nodes: readonly NodeProto[];
  readonly node: NodeProto;
  readonly recurrence: Recurrence;
}

/** The layer that a chain of steps is; null where it is a part of something else. */
function layerOf(
  file: OnnxFile,
  within: Searched,
  chain: readonly Step[],
  gone: ReadonlySet<NodeProto>,
): FoundLayer | null {
  const [first] = chain;
  const time = chain.length;
  const isReverse = time > 1 && chain[1].at < first.at;
  const isInOrder = chain.every(({ at }, k) => at === (isReverse ? time - 1 - k : k));
  if (time < 2 || !isInOrder) return null;
  const source = sourceOf(file, within, first, time);
  if (!source || chain.some(({ axis }) => axis !== source.axis)) return null;
  const nodes = new Set([...source.nodes, ...chain.flatMap(({ match }) => [...match.nodes])]);
  const inTime = isReverse ? chain.toReversed() : chain;
  const joined = joinedBy(file, within, inTime);
  for (const one of joined?.nodes ?? []) nodes.add(one);
  const last = chain[time - 1];
  const outputs: (readonly [string, Given])[] = [
    ...(joined ? [[joined.name, { kind: 'all' }] as const] : []),
    ...inTime.map(({ hidden }, step) => [hidden, { kind: 'step', step }] as const),
    ...(last.state === null ? [] : [[last.state, { kind: 'cell' }] as const]),
  ];
  const read = readsOf(nodes);
  const inputs = new Map(
    INPUTS.map((name) => {
      const found = first.match.names.get(name) ?? source.names.get(name) ?? '';
      const isState = name === 'hidden' || name === 'cell';
      return [name, isState && isZero(within, found) ? '' : found] as const;
    }),
  );
  const isInside = (name: string) => (read.get(name) ?? 0) === (file.uses.get(name) ?? 0);
  const exits = outputs.filter(([name]) => !isInside(name));
  const given = new Set(exits.map(([name]) => name));
  const isClosed = [...nodes].every(
    (node) => !gone.has(node) && node.output.every((name) => given.has(name) || isInside(name)),
  );
  // What another layer reads too would be two weights.
  const areOwn = WEIGHTS.every((name) => inputs.get(name) === '' || isInside(inputs.get(name)!));
  if (!isClosed || !areOwn) return null;
  // The first step may say its zeros in two ways.
  const [hidden, before = hidden] = [hiddenBefore(first), first.match.names.get('before')];
  if (before !== hidden && ![hidden, before].every((name) => isZero(within, name))) return null;
  return {
    nodes: [...nodes],
    node: create(NodeProtoSchema, {
      ...{ opType: first.cell.kind.toUpperCase(), name: within.maker(first.hidden)!.name },
      ...{ input: [...inputs.values()], output: exits.map(([name]) => name) },
    }),
    recurrence: {
      ...{ kind: first.cell.kind, isRelu: first.cell.isRelu, isReverse, time },
      ...{ layout: source.layout, places: source.places, gives: exits.map(([, given]) => given) },
    },
  };
}

function readsOf(nodes: Iterable<NodeProto>): ReadonlyMap<string, number> {
  const read = new Map<string, number>();
  for (const name of [...nodes].flatMap(({ input }) => input))
    read.set(name, (read.get(name) ?? 0) + 1);
  return read;
}

interface Source {
  readonly names: ReadonlyMap<string, string>;
  readonly nodes: readonly NodeProto[];
  /** The axis that steps are cut along. */
  readonly axis: number;
  readonly layout: Recurrence['layout'];
  readonly places: number | null;
}

/** The products of all inputs with the input's matrix, that the steps of a chain are cut from. */
function sourceOf(file: OnnxFile, within: Searched, { match, cell }: Step, time: number) {
  const weightOf = (name: string | undefined) => {
    const weight = name === undefined ? undefined : file.initialisers.get(name);
    return weight?.weight && weight.type.kind === 'float' ? weight : null;
  };
  const columns = weightOf(match.names.get('hiddenWeight'))!.shape[1];
  const isLine = (name: string | undefined) =>
    Math.max(0, ...(weightOf(name)?.shape ?? [])) === columns &&
    weightOf(name)!.values.length === columns;
  if (cell.kind === 'gru' && !isLine(match.names.get('hiddenBias'))) return null;
  for (const { term, axis, columnAxis, layout } of SOURCES)
    for (const { names, nodes, labels } of matches(within, term, match.names.get('all')!)) {
      const matrix = weightOf(names.get('inputWeight'))?.shape;
      const isMatrix = matrix?.length === MATRIX_RANK[layout] && matrix[columnAxis] === columns;
      if (!isMatrix || !isLine(names.get('bias'))) continue;
      const to = Array.from(within.constant(names.get('to') ?? '')?.values ?? []);
      const convolution = labels.get('convolution');
      const fits = convolution
        ? isPointwise(convolution) && matrix[2] === 1
        : to.length === 3 && to[1] >= time && to[2] === columns;
      // Rows of the sequence may be read by other layers too.
      const own = [...nodes].filter((one) => one.output[0] !== rowsOf(labels));
      if (fits) return { names, nodes: own, axis, layout, places: to[1] ?? null } satisfies Source;
    }
  return null;
}

const MATRIX_RANK: Readonly<Record<Recurrence['layout'], number>> = { rows: 2, channels: 3 };

const rowsOf = (labels: Match['labels']) => labels.get('rows')?.output[0];

/** Whether a convolution says nothing but the size of its kernel. */
const isPointwise = ({ attribute }: NodeProto) =>
  attribute.every(({ name, ints, i }) => {
    if (name === 'pads') return ints.every((one) => one === 0n);
    if (name === 'group') return i === 1n;
    return (
      ['kernel_shape', 'strides', 'dilations'].includes(name) && ints.every((one) => one === 1n)
    );
  });

/** The concatenation of all hidden states along a last axis of their own, in time. */
function joinedBy(file: OnnxFile, within: Searched, steps: readonly Step[]) {
  const isReadOnce = ({ output }: NodeProto) => file.uses.get(output[0]) === 1;
  const rows = steps.map(({ hidden }) =>
    file.graph.node.filter(({ opType, input }) => opType === 'Reshape' && input[0] === hidden),
  );
  for (const first of rows[0]) {
    const join = file.graph.node.find(
      ({ opType, input }) => opType === 'Concat' && input[0] === first.output[0],
    );
    const axis = join?.attribute.find(({ name }) => name === 'axis')?.i;
    const parts = join?.input.map((name) => within.maker(name));
    const isWhole =
      parts?.length === steps.length &&
      parts.every((part, k) => part && rows[k].includes(part) && isColumn(within, part));
    if (join && isWhole && (axis === 2n || axis === -1n))
      // A column may stand in another list too, as that of the last states of several layers.
      return { name: join.output[0], nodes: [join, ...(parts as NodeProto[]).filter(isReadOnce)] };
  }
  return null;
}

const isColumn = (within: Searched, { input }: NodeProto) => {
  const shape = within.constant(input[1])?.values;
  return shape?.length === 3 && shape[2] === 1;
};

/** Whether a value is a constant of zeros, spread or not, and no weight that begins with them. */
function isZero(within: Searched, name: string): boolean {
  const maker = within.maker(name);
  const held = maker?.opType === 'Expand' ? maker.input[0] : name;
  const known = within.constant(held);
  return known?.weight === null && Array.from(known.values).every((value) => value === 0);
}
