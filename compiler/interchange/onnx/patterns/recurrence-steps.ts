import type { OnnxFile } from '../file.ts';
import type { NodeProto } from '../schema/onnx_pb.ts';
import { CELLS, type CellTerm } from './cells.ts';
import { type Match, matches, type Searched } from './terms.ts';

/** One step of a cell. */
export interface Step {
  readonly cell: CellTerm;
  readonly match: Match;
  /** Its place in time, and the axis of that. */
  readonly at: number;
  readonly axis: number;
  /** Names of the hidden state and, of an LSTM, of the cell's that it makes. */
  readonly hidden: string;
  readonly state: string | null;
}

/** What a node ends as a step of a cell. */
export function stepAt(file: OnnxFile, within: Searched, node: NodeProto): Step | null {
  const [hidden] = node.output;
  for (const cell of CELLS) {
    if (!cell.ends.includes(node.opType)) continue;
    for (const match of matches(within, cell.term, hidden)) {
      const at = placeOf(file, within, cell, match);
      const state = match.labels.get('state')?.input[0] ?? null;
      if (at !== null) return { cell, match, at: at.from, axis: at.axis, hidden, state };
    }
  }
  return null;
}

/** The place in time that a step reads, where its weight and gates have the sizes of such a cell. */
function placeOf(
  { initialisers }: OnnxFile,
  within: Searched,
  { gates, slices }: CellTerm,
  { names, labels }: Match,
): Range | null {
  const weight = initialisers.get(names.get('hiddenWeight')!);
  if (!weight?.weight || weight.type.kind !== 'float' || weight.shape.length !== 2) return null;
  const [hidden, columns] = weight.shape;
  if (columns !== gates * hidden) return null;
  const areGates = Object.entries(slices).every(([label, gate]) => {
    const range = rangeOf(within, labels.get(label)!);
    return range?.axis === 1 && range.from === gate * hidden && range.to === (gate + 1) * hidden;
  });
  const range = rangeOf(within, labels.get('at')!);
  return areGates && range && range.to === range.from + 1 ? range : null;
}

/** What a slice takes along one axis. */
interface Range {
  readonly from: number;
  readonly to: number;
  readonly axis: number;
}

function rangeOf(within: Searched, { input }: NodeProto): Range | null {
  const [from, to, axis, step = 1] = input.slice(1).map((name) => oneOf(within, name));
  const isPlain = from != null && to != null && axis != null && step === 1;
  return isPlain && from >= 0 ? { from, to, axis } : null;
}

function oneOf(within: Searched, name: string): number | null {
  const values = within.constant(name)?.values;
  return values?.length === 1 ? values[0] : null;
}

/** Steps that read one sequence place by place, each the state of the one before: those of one layer in one direction. */
export function chainsOf(steps: readonly Step[]): Step[][] {
  const keyOf = ({ match: { names } }: Step, hidden: string) =>
    JSON.stringify([hidden, names.get('hiddenWeight'), names.get('all')]);
  const made = new Set(steps.map((step) => keyOf(step, step.hidden)));
  const readers = new Map(steps.map((step) => [keyOf(step, hiddenBefore(step)), step]));
  return steps
    .filter((step) => !made.has(keyOf(step, hiddenBefore(step))))
    .map((first) => {
      const chain = [first];
      for (let last = first; ; ) {
        const next = readers.get(keyOf(last, last.hidden));
        // In one direction, so that names which go in a circle end too.
        const by = chain.length > 1 ? chain[1].at - first.at : null;
        if (!next || !follows(last, next) || (by !== null && next.at - last.at !== by))
          return chain;
        chain.push(next);
        last = next;
      }
    });
}

/** The state that a step begins with. */
export const hiddenBefore = ({ match }: Step) => match.names.get('hidden')!;

function follows(last: Step, next: Step): boolean {
  const { names } = next.match;
  return (
    last.cell === next.cell &&
    Math.abs(next.at - last.at) === 1 &&
    (last.state === null || names.get('cell') === last.state) &&
    (names.get('before') ?? last.hidden) === last.hidden &&
    names.get('hiddenBias') === last.match.names.get('hiddenBias')
  );
}
