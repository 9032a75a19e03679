import type { OnnxFile } from '../file.ts';
import type { NodeProto } from '../schema/onnx_pb.ts';
import { readTensor } from '../tensor-data.ts';
import type { Constant } from '../values.ts';

/** What a value is computed by, in as many nodes as it takes. */
export type Term =
  /** Any value; the same one wherever the name stands. */
  | { readonly kind: 'any'; readonly name: string }
  /** A constant that is this number at every element, but for rounding. */
  | { readonly kind: 'number'; readonly value: number }
  | {
      readonly kind: 'node';
      readonly op: string;
      /** Its first inputs; those behind them are constants, which {@link Match.list} reads. */
      readonly inputs: readonly Term[];
      /** What the row calls the node. */
      readonly label: string | null;
    }
  | { readonly kind: 'either'; readonly terms: readonly Term[] };

export const any = (name: string): Term => ({ kind: 'any', name });
export const number = (value: number): Term => ({ kind: 'number', value });
export const either = (...terms: readonly Term[]): Term => ({ kind: 'either', terms });
export const node = (op: string, ...inputs: readonly Term[]): Term => ({
  ...{ kind: 'node', op, inputs, label: null },
});
export const called = (label: string, op: string, ...inputs: readonly Term[]): Term => ({
  ...{ kind: 'node', op, inputs, label },
});

/** A term that nodes of a graph are. */
export interface Match {
  readonly names: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, NodeProto>;
  readonly nodes: ReadonlySet<NodeProto>;
}

const NONE: Match = { names: new Map(), labels: new Map(), nodes: new Set() };

const COMMUTES: ReadonlySet<string> = new Set(['Add', 'Mul', 'Max', 'Min']);

/** Numbers of files are f32: what they were rounded from is within this share of them. */
const ROUNDING = 2 ** -20;

/** What terms are looked for in. */
export interface Searched {
  maker(name: string): NodeProto | undefined;
  /** A constant of the file: an initialiser, or what a node `Constant` holds. */
  constant(name: string): Constant | null;
}

export function searched({ graph, initialisers, external }: OnnxFile): Searched {
  const makers = new Map(graph.node.flatMap((one) => one.output.map((name) => [name, one])));
  return {
    maker: (name) => makers.get(name),
    constant: (name) => {
      const known = initialisers.get(name);
      if (known) return known;
      const maker = makers.get(name);
      const tensor = maker?.opType === 'Constant' && maker.domain === '' && heldBy(maker);
      return tensor ? readTensor(tensor, external) : null;
    },
  };
}

const heldBy = ({ attribute }: NodeProto) => attribute.find(({ name }) => name === 'value')?.t;

/** All ways in which what has a name is a term. Terms are no deeper than the table writes them. */
export function* matches(
  within: Searched,
  term: Term,
  name: string,
  so: Match = NONE,
): Generator<Match> {
  if (term.kind === 'any') {
    const bound = so.names.get(term.name);
    if (bound === undefined) yield { ...so, names: new Map(so.names).set(term.name, name) };
    else if (bound === name) yield so;
  } else if (term.kind === 'number') {
    const found = within.constant(name);
    if (found && isAllOf(found, term.value)) yield so;
  } else if (term.kind === 'either') {
    for (const one of term.terms) yield* matches(within, one, name, so);
  } else yield* nodeMatches(within, term, name, so);
}

function* nodeMatches(
  within: Searched,
  { op, inputs, label }: Extract<Term, { kind: 'node' }>,
  name: string,
  so: Match,
): Generator<Match> {
  const made = within.maker(name);
  if (made?.opType !== op || (made.domain !== '' && made.domain !== 'ai.onnx')) return;
  if (made.output[0] !== name || made.input.length < inputs.length) return;
  if (made.input.slice(inputs.length).some((one) => one !== '' && !within.constant(one))) return;
  const here: Match = {
    names: so.names,
    nodes: new Set(so.nodes).add(made),
    labels: label === null ? so.labels : new Map(so.labels).set(label, made),
  };
  const orders = COMMUTES.has(op) && inputs.length === 2 ? [inputs, inputs.toReversed()] : [inputs];
  for (const order of orders) yield* allMatch(within, order, made.input, here);
}

function* allMatch(
  within: Searched,
  [first, ...rest]: readonly Term[],
  [name, ...names]: readonly string[],
  so: Match,
): Generator<Match> {
  if (!first) yield so;
  else
    for (const one of matches(within, first, name, so)) yield* allMatch(within, rest, names, one);
}

function isAllOf({ shape, values, type }: Constant, value: number): boolean {
  if (type.kind !== 'float' && !Number.isInteger(value)) return false;
  const count = shape.reduce((product, extent) => product * extent, 1);
  // Numbers that stand for themselves are written once, whatever they are broadcast to.
  return count === 1 && Math.abs(values[0] - value) <= ROUNDING * Math.abs(value);
}
