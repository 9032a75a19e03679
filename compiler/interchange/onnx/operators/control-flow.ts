import { sameShape } from '../../../../ir/tensor.ts';
import { BOOL, INT64 } from '../element-types.ts';
import { isTensor, type OnnxNode } from '../node.ts';
import { constant } from '../tensor-data.ts';
import { NOTHING, type Sequence, shapeOf, type Value } from '../values.ts';
import { rangeOf } from './layout.ts';
import { type OperatorRow, type OperatorTable, row } from './row.ts';

const unfolded = (make: OperatorRow['make'], limits?: string): OperatorRow => ({
  ...row(make, limits),
  folds: false,
});

/** The one number that a value is, if it is known. */
function knownNumber(n: OnnxNode, value: Value | undefined, what: string): number | null {
  if (!value || value.kind === 'nothing') return null;
  if (!isTensor(value)) return n.refuse(`${what} is a sequence`);
  const known = value.kind === 'constant' ? value : value.known;
  return known ? known.values[0] : null;
}

/** A branch where the condition is known; else both, and an element of either by it. */
function branch(n: OnnxNode): readonly Value[] {
  const { f, attributes } = n;
  const graphs = ['then_branch', 'else_branch'].map(
    (name) => attributes.graph(name) ?? n.refuse(`it has no ${name}`),
  );
  const condition = knownNumber(n, n.inputs[0], 'its condition');
  if (condition !== null) return n.run(condition !== 0 ? graphs[0] : graphs[1], []);
  const [yes, no] = graphs.map((graph) => n.run(graph, []));
  return yes.map((one, k): Value => {
    const other = no[k];
    const alike = isTensor(one) && isTensor(other) && sameShape(shapeOf(one), shapeOf(other));
    // Branches of different shapes need the condition.
    if (!alike) return n.constant(0, 'its condition');
    const refuse = (reason: string): never => n.refuse(reason);
    const [a, b] = [one, other].map((value) => n.session.tensor(value, refuse));
    return n.result(f.select(f.reshape(n.tensor(0), []), a, b), one.type);
  });
}

const MOST_TURNS = 10_000;

/** As many times as is known, laid out one after the other. */
function loop(n: OnnxNode): readonly Value[] {
  const body = n.attributes.graph('body') ?? n.refuse('it has no body');
  const most = n.has(0) ? n.numbers(0, 'how often it runs')[0] : Number.POSITIVE_INFINITY;
  let goesOn = n.has(1) ? n.numbers(1, 'whether it runs')[0] !== 0 : true;
  const carried = n.inputs.slice(2);
  const count = body.output.length - 1 - (body.input.length - 2);
  let state: readonly Value[] = body.input.slice(2).map((_, k) => carried[k] ?? NOTHING);
  const scans: Value[][] = rangeOf(count).map(() => []);
  for (let turn = 0; turn < most && goesOn; turn++) {
    if (turn >= MOST_TURNS)
      return n.refuse(
        `it runs more than ${MOST_TURNS} times`,
        'loops that are shorter are laid out',
      );
    const at = turn;
    const results = n.run(body, [
      constant(INT64, [], () => [at]),
      constant(BOOL, [], () => [1]),
      ...state,
    ]);
    const next = knownNumber(n, results[0], 'its condition');
    if (next === null)
      return n.refuse('whether it goes on is computed', 'loops of a known length are laid out');
    goesOn = next !== 0;
    state = results.slice(1, 1 + state.length);
    for (const [k, scan] of scans.entries()) scan.push(results[1 + state.length + k]);
  }
  return [...state, ...scans.map((scan) => stacked(n, scan, 0))];
}

function stacked(n: OnnxNode, parts: readonly Value[], axis: number): Value {
  const refuse = (reason: string): never => n.refuse(reason);
  if (parts.length === 0) return n.refuse('it never runs, and its results have no elements');
  const known = parts.every((part) => part.kind === 'constant' && part.shape.length === 0);
  const [first] = parts;
  if (!isTensor(first)) return n.refuse('a result of each turn is a sequence');
  if (known)
    return constant(first.type, [parts.length], () =>
      parts.map((part) => (part.kind === 'constant' ? part.values[0] : 0)),
    );
  const tensors = parts.map((part) =>
    isTensor(part) ? n.session.tensor(part, refuse) : refuse('a result of a turn is a sequence'),
  );
  return n.result(n.f.stack(tensors, axis), first.type);
}

/** Over the elements along an axis of its inputs. */
function scan(n: OnnxNode): readonly Value[] {
  const { f, attributes } = n;
  const body = attributes.graph('body') ?? n.refuse('it has no body');
  const count = attributes.int('num_scan_inputs', 1);
  // Version 8 has a batch before all, and lengths of sequences.
  const old = n.opset < 9;
  const inputs = old ? n.inputs.slice(1) : n.inputs;
  if (old && n.has(0))
    return n.refuse('it has lengths of sequences', 'scans of version 9 are taken');
  const states = inputs.length - count;
  const axes = attributes.ints('scan_input_axes') ?? rangeOf(count).map(() => 0);
  const ways = attributes.ints(old ? 'directions' : 'scan_input_directions') ?? axes.map(() => 0);
  const outputs = body.output.length - states;
  const outAxes = attributes.ints('scan_output_axes') ?? rangeOf(outputs).map(() => 0);
  const outWays = attributes.ints('scan_output_directions') ?? rangeOf(outputs).map(() => 0);
  const first = old ? 1 : 0;
  const scanned = rangeOf(count).map((k) => n.tensor(first + states + k));
  const run = (state: readonly Value[], xs: typeof scanned) => {
    const own = axes.map((axis, k) => n.axis(axis, xs[k].rank));
    const length = xs[0].shape[own[0]];
    const turns: Value[][] = rangeOf(outputs).map(() => []);
    let now = state;
    for (const turn of rangeOf(length)) {
      const parts = xs.map((x, k) => {
        const at = ways[k] === 0 ? turn : length - 1 - turn;
        const part = f.squeeze(f.slice(x, own[k], at, at + 1), own[k]);
        return n.result(part, n.type(first + states + k));
      });
      const results = n.run(body, [...now, ...parts]);
      now = results.slice(0, states);
      for (const [k, all] of turns.entries()) all.push(results[states + k]);
    }
    const laid = turns.map((all, k) =>
      stacked(n, outWays[k] === 0 ? all : all.toReversed(), outAxes[k]),
    );
    return [...now, ...laid];
  };
  if (!old) return run(inputs.slice(0, states), scanned);
  return overBatch(n, inputs.slice(0, states), scanned, run);
}

function overBatch(
  n: OnnxNode,
  states: readonly Value[],
  scanned: readonly ReturnType<OnnxNode['tensor']>[],
  run: (state: readonly Value[], xs: ReturnType<OnnxNode['tensor']>[]) => readonly Value[],
): readonly Value[] {
  const { f } = n;
  const [batch] = scanned[0].shape;
  const one = (x: ReturnType<OnnxNode['tensor']>, k: number) =>
    f.squeeze(f.slice(x, 0, k, k + 1), 0);
  const all = rangeOf(batch).map((k) =>
    run(
      states.map((_, s) => n.result(one(n.tensor(1 + s), k), n.type(1 + s))),
      scanned.map((x) => one(x, k)),
    ),
  );
  return all[0].map((_, k) =>
    stacked(
      n,
      all.map((results) => results[k]),
      0,
    ),
  );
}

const items = (n: OnnxNode, input: number): readonly Value[] => {
  const value = n.inputs[input];
  return value?.kind === 'sequence' ? value.items : n.refuse(`its input ${input} is no sequence`);
};

const sequence = (list: readonly Value[]): Sequence => ({ kind: 'sequence', items: list });

/** A position in a sequence, from the end where it is negative. */
function position(n: OnnxNode, input: number, count: number, most = count - 1): number {
  const at = n.numbers(input, 'the position in the sequence')[0];
  const own = at < 0 ? at + count : at;
  return own >= 0 && own <= most ? own : n.refuse(`position ${at} is not in ${count} items`);
}

function splitToSequence(n: OnnxNode): Value {
  const { f } = n;
  const x = n.tensor(0);
  const axis = n.axis(n.attributes.int('axis', 0), x.rank);
  const extent = x.shape[axis];
  const given = n.has(1) ? n.constant(1, 'the parts') : null;
  const size = given?.shape.length === 0 ? given.values[0] : 1;
  const sizes =
    given && given.shape.length > 0
      ? Array.from(given.values)
      : rangeOf(Math.ceil(extent / size)).map((k) => Math.min(size, extent - k * size));
  const keeps = given !== null || n.attributes.int('keepdims', 1) !== 0;
  let from = 0;
  return sequence(
    sizes.map((count) => {
      const part = f.slice(x, axis, from, from + count);
      from += count;
      return n.result(keeps ? part : f.squeeze(part, axis));
    }),
  );
}

export const CONTROL_FLOW: OperatorTable = {
  ConcatFromSequence: row((n) => {
    const list = items(n, 0);
    const refuse = (reason: string): never => n.refuse(reason);
    const tensors = list.map((item) =>
      isTensor(item) ? n.session.tensor(item, refuse) : refuse('an item is a sequence'),
    );
    const [first] = list;
    if (!isTensor(first)) return n.refuse('its sequence is empty');
    const isNew = n.attributes.int('new_axis', 0) !== 0;
    const axis = n.axis(n.attributes.int('axis', 0), tensors[0].rank + (isNew ? 1 : 0));
    return n.result(isNew ? n.f.stack(tensors, axis) : n.f.concat(tensors, axis), first.type);
  }),
  If: unfolded(branch, 'a condition that is known, or branches of the same shapes'),
  Loop: unfolded(loop, 'as many turns as are known'),
  Optional: unfolded((n) => n.inputs[0] ?? NOTHING),
  OptionalGetElement: unfolded((n) =>
    n.has(0) ? n.inputs[0] : n.refuse('its optional holds nothing'),
  ),
  OptionalHasElement: unfolded((n) => constant(BOOL, [], () => [n.has(0) ? 1 : 0])),
  Scan: unfolded(scan),
  SequenceAt: unfolded((n) => {
    const list = items(n, 0);
    return list[position(n, 1, list.length)];
  }),
  SequenceConstruct: unfolded((n) => sequence(n.inputs)),
  SequenceEmpty: unfolded(() => sequence([])),
  SequenceErase: unfolded((n) => {
    const list = items(n, 0);
    return sequence(list.toSpliced(n.has(1) ? position(n, 1, list.length) : -1, 1));
  }),
  SequenceInsert: unfolded((n) => {
    const list = items(n, 0);
    return sequence(
      list.toSpliced(
        n.has(2) ? position(n, 2, list.length, list.length) : list.length,
        0,
        n.inputs[1],
      ),
    );
  }),
  SequenceLength: unfolded((n) => {
    const { length } = items(n, 0);
    return constant(INT64, [], () => [length]);
  }),
  SequenceMap: unfolded((n) => {
    const body = n.attributes.graph('body') ?? n.refuse('it has no body');
    const lists = n.inputs.map((input) => (input.kind === 'sequence' ? input.items : null));
    const length = lists[0]?.length ?? n.refuse('its first input is no sequence');
    const turns = rangeOf(length).map((k) =>
      n.run(
        body,
        n.inputs.map((input, i) => lists[i]?.[k] ?? input),
      ),
    );
    return body.output.map((_, k) => sequence(turns.map((results) => results[k])));
  }),
  SplitToSequence: unfolded(splitToSequence),
};
