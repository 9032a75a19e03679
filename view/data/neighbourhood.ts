import type { PlanModel, ProgramModel } from './model.ts';

/** A step or a tensor beside what is selected. */
export interface Neighbour {
  readonly kind: 'step' | 'tensor';
  /** Index into the program's steps, or the plan's tensors. */
  readonly index: number;
  readonly label: string;
  /** Hops from what is selected: negative for what it comes from, positive for what comes of it. */
  readonly column: number;
  /** From the top of its column. */
  readonly row: number;
}

/** The graph around a selection. */
export interface Neighbourhood {
  readonly nodes: readonly Neighbour[];
  /** Indices into `nodes`, along which values go. */
  readonly edges: readonly (readonly [from: number, to: number])[];
  /** Neighbours within the hops that are left out, because there are too many. */
  readonly left: number;
}

interface Reached {
  readonly kind: Neighbour['kind'];
  readonly index: number;
  /** Of a tensor, the step that it was reached from; null for what is selected. */
  readonly from: number | null;
}

interface Found extends Reached {
  readonly column: number;
}

/** Most nodes: more are no picture. */
export const MOST_NODES = 48;
/** Most of one column. */
const MOST_ROWS = 12;

/**
 * What is within so many hops of a step or a tensor in a program: behind it what it is made of, in front what is made of it. Nearer ones
 * come first, and of equally near ones the larger tensors and the nearer steps.
 */
export function neighbourhood(
  model: PlanModel,
  program: ProgramModel,
  selected: { readonly kind: Neighbour['kind']; readonly index: number },
  hops: number,
): Neighbourhood {
  const nodes: Found[] = [{ ...selected, from: null, column: 0 }];
  const known = new Set([keyOf(selected)]);
  let left = 0;
  for (const way of [-1, 1] as const) {
    let front: readonly Found[] = [nodes[0]];
    for (let hop = 1; hop <= hops; hop++) {
      const column = way * hop;
      const next = new Map<string, Found>();
      for (const node of front)
        for (const other of beside(program, node, way))
          if (!known.has(keyOf(other))) next.set(keyOf(other), { ...other, column });
      const ordered = [...next.values()].sort(
        (a, b) => weightOf(model, b, way) - weightOf(model, a, way),
      );
      const room = Math.max(0, Math.min(MOST_ROWS, MOST_NODES - nodes.length));
      const taken = ordered.slice(0, room);
      left += ordered.length - taken.length;
      for (const node of taken) {
        known.add(keyOf(node));
        nodes.push(node);
      }
      front = taken;
    }
  }
  return { ...placed(model, program, nodes), left };
}

const keyOf = ({ kind, index }: Pick<Found, 'kind' | 'index'>) => `${kind} ${index}`;

/**
 * Steps beside a tensor, tensors beside a step; -1: those that a value comes from. A parameter that a step updates has another value before
 * than behind it: of a tensor that was reached from a step, what is made of it later or earlier does not count.
 */
function beside(program: ProgramModel, { kind, index, from }: Found, way: -1 | 1): Reached[] {
  if (kind === 'step')
    return program.operands[index]
      .filter(({ reads, writes }) => (way < 0 ? reads : writes))
      .map(({ tensor }) => ({ kind: 'tensor', index: tensor, from: index }));
  return program
    .uses(index)
    .filter(({ reads, writes }) => (way < 0 ? writes : reads))
    .filter(({ step }) => from === null || way * (step - from) > 0)
    .map(({ step }) => ({ kind: 'step', index: step, from: null }));
}

/** Larger tensors count more, and steps that are nearer in time. */
function weightOf({ plan }: PlanModel, { kind, index }: Found, way: -1 | 1): number {
  return kind === 'tensor' ? plan.tensors[index].bytes : -way * index;
}

/** Rows within the columns, each node near to those that it is joined with in the column before. */
function placed(
  model: PlanModel,
  program: ProgramModel,
  found: readonly Found[],
): Omit<Neighbourhood, 'left'> {
  const index = new Map(found.map((node, k) => [keyOf(node), k]));
  const edges = found.flatMap((node, step): (readonly [number, number])[] =>
    node.kind === 'tensor'
      ? []
      : program.operands[node.index].flatMap(({ tensor, reads, writes }) => {
          const at = index.get(`tensor ${tensor}`);
          if (at === undefined) return [];
          return [
            ...(reads ? [[at, step] as const] : []),
            ...(writes && isMadeBefore(found[at], node) ? [[step, at] as const] : []),
          ];
        }),
  );
  const rows = new Float64Array(found.length);
  const at = spreadColumns(found, edges);
  const columns = [...new Set(at)].sort((a, b) => Math.abs(a) - Math.abs(b));
  for (const column of columns) {
    const members = found.flatMap((_, k) => (at[k] === column ? [k] : []));
    const wanted = new Map(members.map((k) => [k, meanRow(k, edges, at, rows)]));
    members.sort((a, b) => wanted.get(a)! - wanted.get(b)!);
    members.forEach((k, row) => {
      rows[k] = row - (members.length - 1) / 2;
    });
  }
  const { plan } = model;
  const least = rows.reduce((most, row) => Math.min(most, row), 0);
  return {
    nodes: found.map(({ kind, index: own }, k) => ({
      ...{ kind, index: own, column: at[k], row: rows[k] - least },
      label: kind === 'step' ? `${own}: ${program.steps[own].label}` : plan.tensors[own].name,
    })),
    edges,
  };
}

/** Whether a step on the side that a value comes from makes it before it is used. */
const isMadeBefore = ({ column, from }: Found, step: Found) =>
  column >= 0 || from === null || step.column >= 0 || step.index < from;

/**
 * Columns in which values go from left to right: a node that others of its side come behind of goes further out. What is updated in place
 * is read and written by one step, so that a circle is left; no node goes out further than twice as far as any was.
 */
function spreadColumns(found: readonly Found[], edges: Neighbourhood['edges']): number[] {
  const columns = found.map(({ column }) => column);
  const most = 2 * columns.reduce((far, column) => Math.max(far, Math.abs(column)), 0);
  for (let round = 0; round < most; round++)
    for (const [from, to] of edges) {
      if (columns[to] <= 0 && columns[from] < 0)
        columns[from] = Math.max(-most, Math.min(columns[from], columns[to] - 1));
      if (columns[from] >= 0 && columns[to] > 0)
        columns[to] = Math.min(most, Math.max(columns[to], columns[from] + 1));
    }
  return columns;
}

/** The middle of what a node is joined with nearer to the selection. */
function meanRow(
  node: number,
  edges: Neighbourhood['edges'],
  columns: readonly number[],
  rows: Float64Array,
): number {
  const joined = edges.flatMap(([from, to]) => {
    const other = from === node ? to : to === node ? from : -1;
    return other >= 0 && Math.abs(columns[other]) < Math.abs(columns[node]) ? [rows[other]] : [];
  });
  return joined.length === 0 ? 0 : joined.reduce((sum, row) => sum + row, 0) / joined.length;
}
