import type { Graph, Node, ValueId } from '../../ir/graph.ts';
import type { Layout } from './layout.ts';
import { type Combine, type Reading, readingOf } from './rules.ts';

// A graph over a batch in parts. What depends on the batch is cut into parts; sums over examples are partial in every part and
// complete when all parts have been added; the rest is the same for all parts.

/** What a value is to the parts. */
export type Class =
  /** The same for all parts. In a phase above 0 it depends on values that are complete when all parts have run so often. */
  | { readonly kind: 'whole'; readonly phase: number }
  /** Every part has its own elements. */
  | {
      readonly kind: 'cut';
      readonly layout: Layout;
      readonly reading: Reading | null;
      readonly phase: number;
    }
  /** Every part has its own contribution; `reading` is null for a linear function of contributions. */
  | {
      readonly kind: 'partial';
      readonly combine: Combine;
      readonly reading: Reading | null;
      readonly phase: number;
    };

/** What may be done where an example depends on others. */
export interface Coupling {
  /**
   * `refuse`: nothing. `phases`: all parts run up to there before any goes on; exact, but what all parts hold is in memory at once.
   */
  readonly how: 'refuse' | 'phases';
  /** Whether what a node sums over examples is taken, where examples are computed from it, from those of their own part. */
  readonly isLocal: (node: Node) => boolean;
}

/** The inputs or the parameters that are cut along their first axis. */
export interface Seeds {
  readonly op: 'input' | 'parameter';
  readonly names: ReadonlySet<string>;
}

export interface Classification {
  readonly graph: Graph;
  readonly seeds: Seeds;
  readonly parts: number;
  readonly classes: readonly Class[];
  /** 1 for values that the inputs alone decide: these are cheap to compute for the whole batch. */
  readonly fromInputs: Uint8Array;
  /** 1 for values over all examples that a part takes from its own. */
  readonly local: Uint8Array;
}

/** The node at which examples are combined, of which others are computed. */
export interface Coupled {
  readonly coupled: ValueId;
}

const WHOLE: Class = { kind: 'whole', phase: 0 };

/** Classifies all values of a graph whose seeds are cut. */
export function classify(
  graph: Graph,
  seeds: Seeds,
  parts: number,
  coupling: Coupling,
): Classification | Coupled {
  const { nodes } = graph;
  const classes: Class[] = [];
  const fromInputs = new Uint8Array(nodes.length);
  const local = new Uint8Array(nodes.length);
  const wholePhase = (value: ValueId) => phaseOfWhole(classes[value], fromInputs[value] === 1);
  for (let value = 0; value < nodes.length; value++) {
    const node = nodes[value];
    if (node.op !== 'parameter' && node.operands.every((operand) => fromInputs[operand]))
      fromInputs[value] = 1;
    const own = node.operands.map((operand) => classes[operand]);
    const late = node.operands.filter(
      (operand) => classes[operand].kind !== 'cut' && wholePhase(operand) > 0,
    );
    if (late.length > 0 && late.every((operand) => local[operand])) local[value] = 1;
    if (isSeed(node, seeds)) {
      const inner = node.type.shape[0] / parts;
      classes.push({ kind: 'cut', layout: { axis: 0, outer: 1, inner }, reading: null, phase: 0 });
      continue;
    }
    if (own.every(({ kind }) => kind === 'whole')) {
      const phase = Math.max(0, ...node.operands.map(wholePhase));
      classes.push(phase === 0 ? WHOLE : { kind: 'whole', phase });
      continue;
    }
    if (own.every(({ kind }) => kind !== 'cut')) {
      classes.push(ofContributions(node, own, node.operands.map(wholePhase)));
      continue;
    }
    const reading = readingOf(node, {
      layouts: own.map((one) => (one.kind === 'cut' ? one.layout : null)),
      shapes: node.operands.map((operand) => nodes[operand].type.shape),
      parts,
    });
    if (!reading) {
      if (coupling.how === 'refuse' && !fromInputs[value]) return { coupled: value };
      classes.push({ kind: 'whole', phase: Math.max(...node.operands.map(wholePhase)) });
      continue;
    }
    let phase = 0;
    for (const [k, operand] of node.operands.entries()) {
      const one = own[k];
      if (one.kind === 'cut') phase = Math.max(phase, one.phase);
      else if (wholePhase(operand) > 0 && !local[operand]) {
        if (coupling.how === 'refuse') return { coupled: combinedIn(operand) };
        phase = Math.max(phase, wholePhase(operand));
      }
    }
    const { result } = reading;
    local[value] = typeof result === 'string' && coupling.isLocal(node) ? 1 : 0;
    classes.push(
      typeof result === 'string'
        ? { kind: 'partial', combine: result, reading, phase }
        : { kind: 'cut', layout: result, reading, phase },
    );
  }
  return { graph, seeds, parts, classes, fromInputs, local };

  /** The first value on the way to a late one that combines examples. */
  function combinedIn(value: ValueId): ValueId {
    let at = value;
    while (classes[at].kind === 'whole')
      at = nodes[at].operands.find((operand) => wholePhase(operand) > 0)!;
    for (;;) {
      const one = classes[at];
      if (one.kind !== 'partial' || one.reading) return at;
      at = nodes[at].operands.find((operand) => classes[operand].kind === 'partial')!;
    }
  }
}

/** Whether a node is what a graph is cut at. */
export const isSeed = (node: Node, { op, names }: Seeds): boolean =>
  node.op === op && names.has((node.attributes as { readonly name: string }).name);

/** When a value is known for the whole batch. */
export function phaseOfWhole(one: Class, fromInputs: boolean): number {
  if (fromInputs) return 0;
  return one.kind === 'whole' ? one.phase : one.phase + 1;
}

/** Of a node over contributions and wholes: contributions again where it is linear, otherwise what it is of the complete values. */
function ofContributions(node: Node, own: readonly Class[], phases: readonly number[]): Class {
  const contributions = own.filter((one) => one.kind === 'partial');
  const phase = Math.max(...contributions.map((one) => one.phase));
  const [{ combine }] = contributions;
  const late = own.some((one, k) => one.kind === 'whole' && phases[k] > phase);
  const isLinear =
    !late &&
    contributions.every((one) => one.combine === combine) &&
    (combine === 'add' ? isLinearSum(node, own) : isRearrangement(node));
  return isLinear
    ? { kind: 'partial', combine, reading: null, phase }
    : { kind: 'whole', phase: Math.max(...phases) };
}

function isLinearSum(node: Node, own: readonly Class[]): boolean {
  const count = own.filter(({ kind }) => kind === 'partial').length;
  switch (node.op) {
    case 'add':
    case 'sub':
    case 'concat':
      return count === own.length;
    case 'neg':
    case 'reduceSum':
    case 'fold':
      return true;
    case 'mul':
    case 'contract':
      return count === 1;
    case 'div':
      // Of whole numbers a division rounds.
      return own[1].kind === 'whole' && node.type.dtype === 'f32';
    case 'scatterAdd':
      return own[1].kind === 'whole';
    case 'pad':
    case 'window':
      return node.attributes.value === 0;
    default:
      return isRearrangement(node);
  }
}

const isRearrangement = ({ op }: Node): boolean =>
  ['reshape', 'transpose', 'slice', 'broadcast', 'stopGradient'].includes(op);
