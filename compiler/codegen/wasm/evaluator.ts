import type { Expression } from '../../../ir/kernel.ts';
import { callsOf } from '../work.ts';
import type { Cursor, Point } from './cursor.ts';
import { get, splat, type Translation } from './function-body.ts';
import { NodeText } from './node-text.ts';
import { isTurned, turned } from './transposition.ts';
import { LANES } from './types.ts';
import type { Value, Values } from './values.ts';

type Wanted = (node: number) => boolean;

/** Writes the evaluation of nodes and makes them known. */
export class Evaluator {
  private readonly translation: Translation;
  private readonly cursor: Cursor;
  private readonly values: Values;
  private readonly text: NodeText;

  constructor(translation: Translation, cursor: Cursor, values: Values) {
    this.translation = translation;
    this.cursor = cursor;
    this.values = values;
    this.text = new NodeText(translation, cursor, values);
  }

  /**
   * The points at which the loop at `level` makes nodes known, in groups that are evaluated together: all of them where a function is
   * among the `wanted` nodes, which is a long chain of instructions.
   */
  groupsOf<P>(level: number, points: readonly P[], wanted: Wanted): (readonly P[])[] {
    const calls = this.translation.kernel.nodes.some(
      (node, index) => this.isMadeAt(index, level, wanted) && callsOf(node).functions > 0,
    );
    return calls ? [points] : points.map((point) => [point]);
  }

  /** Evaluates what the loop at `level` makes known at points: the nodes that are `wanted`. */
  evaluateAt(level: number, points: readonly Point[], wanted: Wanted): void {
    const { body, kernel } = this.translation;
    kernel.nodes.forEach((node, index) => {
      if (!this.isMadeAt(index, level, wanted)) return;
      body.together(points.map((point) => () => this.makeKnown(node, index, point)));
    });
  }

  private isMadeAt(index: number, level: number, wanted: Wanted): boolean {
    const isAlive = this.translation.analysis.alive[index] === 1;
    return isAlive && this.values.levelOf(index) === level && wanted(index);
  }

  private makeKnown(node: Expression, index: number, point: Point): void {
    const { values } = this;
    if (values.has(index, point)) return;
    const across = this.acrossOf(node, index);
    if (across < 0) values.set(index, point, this.evaluate(node, index, point));
    else this.evaluateBlock(node, index, point, across);
  }

  /** The tiled axis along which a load is turned; -1 where it is not. */
  private acrossOf(node: Expression, index: number): number {
    if (node.kind !== 'load' || !this.values.varies(index)) return -1;
    const { kernel, nest } = this.translation;
    return kernel.axes.findIndex((_, axis) => {
      const tile = this.cursor.segmentOf(axis)?.tile ?? 1;
      return tile % LANES === 0 && isTurned(kernel, node, nest.vectorAxis, axis);
    });
  }

  /** Evaluates a load at all points of a block at once. */
  private evaluateBlock(node: Expression, index: number, point: Point, across: number): void {
    if (node.kind !== 'load') return;
    const { body } = this.translation;
    const first = point[across] - (point[across] % LANES);
    const at = (unit: number) => point.with(across, first + unit);
    const rows = Array.from({ length: LANES }, (_, lane) =>
      this.cursor.memory('v128.load', node, at(0), lane),
    );
    turned(body, rows, `n${index}`).forEach((vector, unit) => {
      this.values.set(index, at(unit), { vector });
    });
  }

  private evaluate(node: Expression, index: number, point: Point): Value {
    const { body } = this.translation;
    const hint = `n${index}`;
    const vector = (text: string) => body.assign('v128', hint, text);
    if (this.values.varies(index)) return { vector: vector(this.text.vector(node, point)) };
    const users = this.vectorUsers(index);
    if (users === 'all' && node.kind === 'load' && this.isPlain(node, point))
      return { vector: vector(this.text.splatLoad(node, point)) };
    const scalar = body.assign(node.dtype, hint, this.text.scalar(node, point, 0));
    if (users === 'none') return { scalar };
    return { scalar, vector: vector(splat(node.dtype, get(scalar))) };
  }

  /** Whether neither data nor bounds have a say in where a load of one element reads. */
  private isPlain({ bounds, indirect }: Expression & { kind: 'load' }, point: Point): boolean {
    return !indirect && this.cursor.unsettled(bounds, point, [0, 0])?.length === 0;
  }

  /** Whether users of a node that is equal on all lanes work on vectors. */
  private vectorUsers(node: number): 'none' | 'some' | 'all' {
    const { kernel, nest, analysis } = this.translation;
    const { vectorAxis, loops, outerDepth } = nest;
    const vectorLoop = loops.findIndex(({ axis }) => axis === vectorAxis);
    if (vectorLoop < 0) return 'none';
    const decided = this.cursor.segmentOf(vectorAxis);
    if ((decided ?? loops[vectorLoop].segments[0]).lanes === 1) return 'none';
    const { users, depends, under } = analysis;
    const inVector = (user: number) =>
      user < 0 ? vectorLoop < outerDepth || under[node] === 1 : depends[user][vectorAxis] === 1;
    const count = users[node].filter(inVector).length;
    if (count === 0) return 'none';
    const isRow = kernel.stores.some(({ indirect }) => indirect?.node === node);
    return decided !== null && count === users[node].length && !isRow ? 'all' : 'some';
  }
}
