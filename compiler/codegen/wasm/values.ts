import type { Cursor, Point } from './cursor.ts';
import { extractLane, get, type LaneCount, splat, type Translation } from './function-body.ts';
import { LANES } from './types.ts';

/** The locals that hold a node at one point. Where a form lacks, the other gives it. */
export interface Value {
  readonly scalar?: string;
  readonly vector?: string;
}

/** The nodes that are evaluated already, each once for all points that agree on its axes. */
export class Values {
  private readonly translation: Translation;
  private readonly cursor: Cursor;
  /** The loop at which each node is evaluated: the innermost of its axes. */
  private readonly levels: readonly number[];
  /** Values at each loop, by node and tile offsets; the first entry is outside of all loops. */
  private readonly known: readonly Map<string, Value>[];

  constructor(translation: Translation, cursor: Cursor) {
    const { nest, analysis } = translation;
    this.translation = translation;
    this.cursor = cursor;
    this.levels = analysis.depends.map((axes) =>
      nest.loops.findLastIndex((loop) => axes[loop.axis] === 1),
    );
    this.known = Array.from({ length: nest.loops.length + 1 }, () => new Map());
  }

  /** The loop at which a node is evaluated; -1 is outside of all loops. */
  levelOf(node: number): number {
    return this.levels[node];
  }

  /** Whether a node is known at a point. */
  has(node: number, point: Point): boolean {
    return this.knownWith(node).has(this.key(node, point));
  }

  /** Makes a node known at a point. */
  set(node: number, point: Point, value: Value): void {
    this.knownWith(node).set(this.key(node, point), value);
  }

  /** Forgets what is evaluated at a loop, for another segment of it. */
  forget(level: number): void {
    this.known[level + 1].clear();
  }

  /** Whether a node is not the same on all lanes. */
  varies(node: number): boolean {
    const { nest, analysis } = this.translation;
    return this.cursor.lanes === LANES && analysis.depends[node][nest.vectorAxis] === 1;
  }

  /** A node as an operand at one point, on one lane or all. */
  operand(node: number, point: Point, lanes: LaneCount): string {
    if (lanes === 1) return this.lane(node, point, 0);
    const { scalar, vector } = this.get(node, point);
    return vector ? get(vector) : splat(this.dtypeOf(node), get(scalar!));
  }

  /** One lane of a node as an operand. */
  lane(node: number, point: Point, lane: number): string {
    const { scalar, vector } = this.get(node, point);
    return scalar ? get(scalar) : extractLane(this.dtypeOf(node), lane, get(vector!));
  }

  private get(node: number, point: Point): Value {
    const value = this.knownWith(node).get(this.key(node, point));
    if (!value) throw new Error(`n${node} is used before it is evaluated`);
    return value;
  }

  private dtypeOf(node: number) {
    return this.translation.kernel.nodes[node].dtype;
  }

  private knownWith(node: number): Map<string, Value> {
    return this.known[this.levels[node] + 1];
  }

  private key(node: number, point: Point): string {
    const { depends, forms } = this.translation.analysis;
    let key = String(node);
    const own = forms?.[node];
    if (!own) {
      for (let axis = 0; axis < point.length; axis++)
        if (depends[node][axis]) key += `,${point[axis]}`;
      return key;
    }
    for (const coefficients of own) {
      let value = 0;
      for (let axis = 0; axis < point.length; axis++)
        if (coefficients[axis] !== 0)
          value += coefficients[axis] * this.cursor.unitsOf(axis, point);
      key += `,${value}`;
    }
    return key;
  }
}
