import type { Graph, ValueId } from '../../ir/graph.ts';
import {
  framesOf,
  isPackageFrame,
  type Origin,
  type SourceSpan,
  scopedName,
  scopeOfName,
} from '../../ir/source.ts';
import { byteCount } from '../../ir/tensor.ts';
import { endIfInterrupted } from '../interruption.ts';
import type { InsideFacts, ParameterFact, PlaceFacts, ValueFact } from './findings.ts';
import { isGiven, type KeptValues } from './kept.ts';
import { type FoundParameter, sumOfParameters } from './parameters.ts';

/** A traced program, and what its backward pass reads. */
export interface LookedAt {
  readonly graph: Graph;
  readonly kept: KeptValues;
}

/** Values and parameters of one expression that are told one by one. */
const MOST_TOLD = 4;

interface Gathered {
  readonly place: SourceSpan;
  /** By what is told of it, and how many of that there were before in the program. */
  readonly values: Map<string, ValueFact>;
  /** By program: how many values of each name and type it has made so far. */
  readonly met: Map<string, number>;
  readonly inside: Map<string, InsideFacts>;
  readonly parameters: ParameterFact[];
}

/** What is known of each expression of the user's that led to values or parameters. */
export function placeFacts(
  programs: readonly LookedAt[],
  parameters: readonly FoundParameter[],
): PlaceFacts[] {
  const places = createPlaces();
  const layers = new Set(parameters.map(({ declaration: { name } }) => scopeOfName(name)));
  for (const program of programs) gatherValues(program, layers, places);
  for (const { declaration, fact } of parameters)
    for (const frame of ownFrames(declaration.source)) places.at(frame).parameters.push(fact);
  return places.all().map(told);
}

interface Places {
  at(frame: SourceSpan): Gathered;
  all(): readonly Gathered[];
}

/** One expression has a frame for each way that leads there. */
function createPlaces(): Places {
  const byFrame = new Map<SourceSpan, Gathered>();
  const byPlace = new Map<string, Gathered>();
  const made = ({ file, line, column }: SourceSpan): Gathered => {
    const key = `${file}:${line}:${column}`;
    const known = byPlace.get(key) ?? {
      ...{ place: { file, line, column }, values: new Map(), met: new Map() },
      ...{ inside: new Map(), parameters: [] },
    };
    byPlace.set(key, known);
    return known;
  };
  return {
    at(frame) {
      let known = byFrame.get(frame);
      if (!known) {
        known = made(frame);
        byFrame.set(frame, known);
      }
      return known;
    },
    all: () => [...byPlace.values()],
  };
}

function told({ place, values, inside, parameters }: Gathered): PlaceFacts {
  const all = [...values.values()];
  const insides = [...inside.values()];
  return {
    place,
    values: all.slice(0, MOST_TOLD),
    count: all.length,
    inside:
      insides.length === 0
        ? null
        : {
            values: Math.max(...insides.map((one) => one.values)),
            keptBytes: insides.reduce((sum, one) => sum + one.keptBytes, 0),
          },
    parameters: sumOfParameters(parameters.map(({ totals }) => totals)),
    firstParameters: parameters.slice(0, MOST_TOLD),
  };
}

const framesKnown = new WeakMap<SourceSpan, readonly SourceSpan[]>();

/** The user's expressions that led to a place, innermost first. Equal calls are one object. */
function ownFrames(span: SourceSpan | null): readonly SourceSpan[] {
  if (!span) return [];
  let frames = framesKnown.get(span);
  if (!frames) {
    frames = framesOf(span).filter((frame) => !isPackageFrame(frame));
    framesKnown.set(span, frames);
  }
  return frames;
}

function gatherValues(
  { graph, kept }: LookedAt,
  layers: ReadonlySet<string>,
  places: Places,
): void {
  const { nodes, sources, name: program } = graph;
  const isResultOfCall = resultsOfCalls(sources, layers);
  const origins = sources.map((origin) => ({
    frames: ownFrames(origin.span),
    name: scopedName(origin),
    isResult: isResultOfCall(origin),
  }));
  const framesOfValue = (value: ValueId) => origins[nodes[value].source]?.frames ?? [];
  const isRead = readersOutside(graph, framesOfValue);
  nodes.forEach(({ op, source, type }, value) => {
    endIfInterrupted();
    const origin = origins[source];
    if (!origin || op === 'parameter' || op === 'constant') return;
    const { frames, name, isResult } = origin;
    const keptBytes = kept.bytesOf(value);
    frames.forEach((frame, depth) => {
      const gathered = places.at(frame);
      if (depth > 0 && !isGiven(op)) countInside(gathered, program, keptBytes);
      const isOwn = depth === 0 && (op === 'input' || isResult);
      if (!isOwn && !isRead(value, frame)) return;
      const key = `${depth > 0 ? 'outer ' : ''}${name} ${type.dtype} ${type.shape.join()}`;
      const own = `${program} ${key}`;
      const number = gathered.met.get(own) ?? 0;
      gathered.met.set(own, number + 1);
      add(gathered.values, `${key} ${number}`, {
        ...{ name, dtype: type.dtype, shape: type.shape, bytes: byteCount(type) },
        ...{ programs: [program], kept: isGiven(op) ? { kind: 'given' } : kept.of(value) },
      });
    });
  });
}

function countInside({ inside }: Gathered, program: string, bytes: number): void {
  const { values, keptBytes } = inside.get(program) ?? NOTHING_INSIDE;
  inside.set(program, { values: values + 1, keptBytes: keptBytes + bytes });
}

const NOTHING_INSIDE: InsideFacts = { values: 0, keptBytes: 0 };

/** The same value of another program is one with it. */
function add(values: Map<string, ValueFact>, key: string, fact: ValueFact): void {
  const known = values.get(key);
  if (!known) {
    values.set(key, fact);
    return;
  }
  const kept = known.kept.kind === 'untrained' ? fact.kept : known.kept;
  values.set(key, { ...known, programs: [...known.programs, ...fact.programs], kept });
}

/**
 * Whether values of a source are what a call of btc gives, by their names: a layer's output, or a function's, whose parts on the way have
 * names with a dot. In a loop only the last one is read outside of the expression. A layer of layers, or of steps, has scopes of those below
 * its own: what they give is none of the user's.
 */
function resultsOfCalls(
  sources: readonly Origin[],
  layers: ReadonlySet<string>,
): (origin: Origin) => boolean {
  const scopes = new Map<SourceSpan | null, Set<string>>();
  for (const { span, scope, pass } of sources) {
    if (pass !== undefined) continue;
    const known = scopes.get(span);
    if (known) known.add(scope);
    else scopes.set(span, new Set([scope]));
  }
  const holds = (outer: string, inner: string) => outer !== '' && inner.startsWith(`${outer}.`);
  return ({ span, scope, name }) => {
    const others = [...(scopes.get(span) ?? [])];
    if (others.some((other) => holds(other, scope))) return false;
    const isLayer = layers.has(scope) || others.some((other) => holds(scope, other));
    return isLayer ? name === 'output' : !name.includes('.');
  };
}

/** Whether a value is read outside of a call, or by nobody: what the call gives. States are replaced by what is none of that. */
function readersOutside(
  { nodes, outputs, updates }: Graph,
  framesOfValue: (value: ValueId) => readonly SourceSpan[],
): (value: ValueId, frame: SourceSpan) => boolean {
  const readers: ValueId[][] = nodes.map(() => []);
  nodes.forEach(({ operands }, reader) => {
    for (const operand of operands) readers[operand].push(reader);
  });
  const given = new Set(outputs.map(({ value }) => value));
  const updated = new Set(updates.map(({ value }) => value));
  return (value, frame) =>
    given.has(value) ||
    (readers[value].length === 0 && !updated.has(value)) ||
    readers[value].some((reader) => !framesOfValue(reader).includes(frame));
}
