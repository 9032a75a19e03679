import type { NarrowStorage, TensorArray } from './dtypes.ts';
import type { IndexRange } from './index-range.ts';
import type { OpAttributes, OpName } from './ops.ts';
import { formatChain, type Origin, type SourceSpan } from './source.ts';
import type { Shape, TensorType } from './tensor.ts';

/** Index of a node in `Graph.nodes`. A node makes exactly one value, so it names the value too. */
export type ValueId = number & { readonly brand?: 'ValueId' };

/** One operation. Operands always have a smaller index than the node itself, so a graph is in topological order. */
export type Node = { [Op in OpName]: NodeOf<Op> }[OpName];

/** A node of one op, with the attributes of that op. */
export interface NodeOf<Op extends OpName> {
  readonly op: Op;
  readonly operands: readonly ValueId[];
  readonly attributes: OpAttributes[Op];
  readonly type: TensorType;
  /** Index into `Graph.sources`, or -1. */
  readonly source: number;
}

/** One program as dataflow. `outputs` are read back by the caller; `updates` replace parameters when all steps are done. */
export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly sources: readonly Origin[];
  readonly outputs: readonly { readonly name: string; readonly value: ValueId }[];
  readonly updates: readonly { readonly parameter: string; readonly value: ValueId }[];
}

/** Who assigns a tensor that outlives programs. */
export type ParameterRole = 'parameter' | 'state' | 'optimiser';

/**
 * A tensor that outlives programs: a weight (`parameter`), what the model itself assigns (`state`: running statistics, averages,
 * frozen tensors), or what an optimiser keeps for a weight (`optimiser`).
 */
export interface ParameterDeclaration {
  readonly name: string;
  readonly type: TensorType;
  readonly role: ParameterRole;
  /** What a state is held as, where that is not its dtype: its values are those that this can hold. No program writes it. */
  readonly storage?: NarrowStorage;
  readonly source: SourceSpan | null;
  /** Of a constant of the model, which is a `state` that no program replaces: its elements. Plans hold them; files of parameters do not. */
  readonly data?: TensorArray;
}

/** What a caller gives to a run. One with a default may be left out; a counter counts the runs. */
export interface InputDeclaration {
  readonly name: string;
  readonly type: TensorType;
  readonly default: number | null;
  /** By program: the default there, where it is another one. */
  readonly defaults?: Readonly<Record<string, number>>;
  readonly counter: boolean;
  /** By program: the values that are allowed there, where the input is used as indices. */
  readonly ranges?: Readonly<Record<string, readonly IndexRange[]>>;
}

/** All programs of one model over the same parameters. */
export interface Module {
  readonly name: string;
  readonly inputs: readonly InputDeclaration[];
  readonly parameters: readonly ParameterDeclaration[];
  readonly programs: readonly Graph[];
}

const NO_PLACE = { scope: '', name: '' } as const;

/** Of one span: by scope, and by pass and name. A scope is one text for many names, so its hash is known. */
type Places = Map<string, Map<string, number>>;

/** Those of the user's own have names without a break. */
const nameKey = ({ name, pass }: Omit<Origin, 'span'>) => (pass ? `${pass}\n${name}` : name);

function namesIn(places: Places, scope: string): Map<string, number> {
  let names = places.get(scope);
  if (!names) {
    names = new Map();
    places.set(scope, names);
  }
  return names;
}

/** Grows a graph node by node; interns where they come from. Types come from the op table's shape rules. */
export class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly sources: Origin[];
  readonly outputs: { name: string; value: ValueId }[] = [];
  readonly updates: { parameter: string; value: ValueId }[] = [];
  readonly name: string;
  /** By the text of a span and by that of a place: index in `sources`. Made when the first one is looked for. */
  private internedSources: Map<string, Places> | null = null;
  /** By span object, of which equal ones may exist: its entry in `internedSources`. */
  private readonly knownSpans = new Map<SourceSpan | null, Places>();

  /** `sources` are the first of the graph, each once: their indices stay valid. */
  constructor(name: string, sources: readonly Origin[] = []) {
    this.name = name;
    this.sources = [...sources];
  }

  /** Index in `sources` of a place in the user's file and in his model, adding it when new; -1 for none of both. */
  source(span: SourceSpan | null, place: Omit<Origin, 'span'> = NO_PLACE): number {
    if (!span && place.scope === '' && place.name === '') return -1;
    if (this.internedSources === null) {
      this.internedSources = new Map();
      for (const [index, origin] of this.sources.entries())
        namesIn(this.placesOf(origin.span), origin.scope).set(nameKey(origin), index);
    }
    let places = this.knownSpans.get(span);
    if (!places) {
      places = this.placesOf(span);
      this.knownSpans.set(span, places);
    }
    const names = namesIn(places, place.scope);
    const key = nameKey(place);
    let index = names.get(key);
    if (index === undefined) {
      const { scope, name, pass } = place;
      index = this.sources.push({ span, scope, name, ...(pass ? { pass } : {}) }) - 1;
      names.set(key, index);
    }
    return index;
  }

  private placesOf(span: SourceSpan | null): Places {
    // Spans are few and their texts long; each text is made once, so that its hash is too.
    const chain = span ? formatChain(span) : '';
    let places = this.internedSources!.get(chain);
    if (!places) {
      places = new Map();
      this.internedSources!.set(chain, places);
    }
    return places;
  }

  /** Appends a node whose type is already known (see `inferType` in ir/ops.ts). */
  append<Op extends OpName>(
    op: Op,
    operands: readonly ValueId[],
    attributes: OpAttributes[Op],
    type: TensorType,
    source: number,
  ): ValueId {
    return this.nodes.push({ op, operands, attributes, type, source } as Node) - 1;
  }

  typeOf(value: ValueId): TensorType {
    return this.nodes[value].type;
  }

  shapeOf(value: ValueId): Shape {
    return this.nodes[value].type.shape;
  }

  finish(): Graph {
    return {
      name: this.name,
      nodes: this.nodes,
      sources: this.sources,
      outputs: this.outputs,
      updates: this.updates,
    };
  }
}
