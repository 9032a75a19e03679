import { combinerIdentity, type Reduction } from '../../../ir/kernel.ts';
import type { DType } from '../../../ir/tensor.ts';
import type { Cursor, Point } from './cursor.ts';
import {
  constantText,
  extractLane,
  get,
  type LaneCount,
  splat,
  type Translation,
  tree,
} from './function-body.ts';
import type { Nest } from './nest.ts';
import { SCALAR_TEXT, ZEROS } from './scalar-text.ts';
import { LANES, WASM_TYPES } from './types.ts';
import type { Value } from './values.ts';

/**
 * The accumulators of a reduction. Each point of the tile has one per unrolled step, on as many lanes as
 * its steps have; vectors along a reduced axis may leave a rest to single lanes, which needs both.
 * A sum in blocks has further levels of them, for all unrolled steps together.
 */
export class Accumulators {
  private readonly translation: Translation;
  private readonly reduction: Reduction;
  private readonly dtype: DType;
  /** Whether one point has what the lanes of a vector accumulate. */
  private readonly acrossLanes: boolean;
  private readonly forms: readonly LaneCount[];
  private readonly points: readonly Point[];
  private readonly levels: number;
  private readonly locals = new Map<string, string>();

  /** Writes the accumulators of `points`, of all levels, before the first step. */
  constructor(
    translation: Translation,
    reduction: Reduction,
    cursor: Cursor,
    points: Point[],
    levels: number,
  ) {
    const { kernel, nest } = translation;
    this.translation = translation;
    this.reduction = reduction;
    this.points = points;
    this.levels = levels;
    this.dtype = kernel.nodes[reduction.value].dtype;
    const along = reducedVectorLoop(nest);
    this.acrossLanes = along !== undefined;
    this.forms = along ? [...new Set(along.segments.map(({ lanes }) => lanes))] : [cursor.lanes];
    for (const point of points)
      for (const lanes of this.forms) {
        for (let chain = 0; chain < nest.chains; chain++)
          this.create(keyOf(point, chain, lanes), lanes, this.identity(lanes));
        if (this.isByComparison(lanes)) this.create(nanKeyOf(point), lanes, ZEROS);
        for (let level = 1; level < levels; level++)
          this.create(levelKeyOf(point, level, lanes), lanes, this.identity(lanes));
      }
  }

  private create(key: string, lanes: LaneCount, text: string): void {
    const { body } = this.translation;
    const type = lanes === LANES ? 'v128' : WASM_TYPES[this.dtype].value;
    this.locals.set(key, body.assign(type, 'a', text));
  }

  /**
   * Whether the largest, or the smallest, is found by comparisons alone, to which NaN means nothing: whether there was one is kept
   * beside it. That is a third of the instructions that an engine makes of `f32x4.max`.
   */
  private isByComparison(lanes: LaneCount): boolean {
    return lanes === LANES && this.dtype === 'f32' && this.reduction.combiner !== 'sum';
  }

  private identity(lanes: LaneCount): string {
    const { dtype } = this;
    const identity = constantText(dtype, combinerIdentity(this.reduction.combiner, dtype));
    return lanes === LANES ? splat(dtype, identity) : identity;
  }

  /** Writes the end of a block: what is on `level` is added to the next level, if there is one, and begins anew. */
  flush(level: number): void {
    const { body } = this.translation;
    if (level + 1 >= this.levels) return;
    for (const point of this.points)
      for (const lanes of this.forms) {
        const keys = this.keysOf(point, level, lanes);
        const above = this.locals.get(levelKeyOf(point, level + 1, lanes))!;
        const block = this.combineAll(
          lanes,
          keys.map((key) => get(this.locals.get(key)!)),
        );
        body.push(`(local.set ${above} ${this.combine(lanes, get(above), block)})`);
        for (const key of keys)
          body.push(`(local.set ${this.locals.get(key)} ${this.identity(lanes)})`);
      }
  }

  private keysOf(point: Point, level: number, lanes: LaneCount): string[] {
    if (level > 0) return [levelKeyOf(point, level, lanes)];
    const { chains } = this.translation.nest;
    return Array.from({ length: chains }, (_, chain) => keyOf(point, chain, lanes));
  }

  /** Writes step number `step` of a point: `value` joins what is accumulated on as many lanes. */
  add(point: Point, step: number, lanes: LaneCount, value: string): void {
    const { nest, body } = this.translation;
    const local = this.locals.get(keyOf(point, step % nest.chains, lanes))!;
    if (this.isByComparison(lanes)) {
      const seen = this.locals.get(nanKeyOf(point))!;
      body.push(`(local.set ${local} (f32x4.p${this.reduction.combiner} ${get(local)} ${value}))`);
      body.push(`(local.set ${seen} (v128.or ${get(seen)} (f32x4.ne ${value} ${value})))`);
      return;
    }
    body.push(`(local.set ${local} ${this.combine(lanes, get(local), value)})`);
  }

  /** Writes what a point has in all after the last step. */
  total(point: Point): Value {
    const { body } = this.translation;
    const total = this.combineAll(
      1,
      this.forms.map((lanes) => this.totalOf(point, lanes)),
    );
    return !this.acrossLanes && this.forms[0] === LANES
      ? { vector: body.assign('v128', 'a', total) }
      : { scalar: body.assign(WASM_TYPES[this.dtype].value, 'a', total) };
  }

  private totalOf(point: Point, lanes: LaneCount): string {
    const { body } = this.translation;
    const levels = Array.from({ length: this.levels }, (_, level) =>
      this.combineAll(
        lanes,
        this.keysOf(point, level, lanes).map((key) => this.known(point, lanes, key)),
      ),
    );
    const total = levels.reduce((below, level) => this.combine(lanes, level, below));
    if (!this.acrossLanes || lanes === 1) return total;
    const vector = get(body.assign('v128', 'a', total));
    return this.combineAll(
      1,
      [0, 2, 1, 3].map((lane) => extractLane(this.dtype, lane, vector)),
    );
  }

  /** What an accumulator has, NaN where one has come by: a lane whose bits are all set is one. */
  private known(point: Point, lanes: LaneCount, key: string): string {
    const value = get(this.locals.get(key)!);
    return this.isByComparison(lanes)
      ? `(v128.or ${value} ${get(this.locals.get(nanKeyOf(point))!)})`
      : value;
  }

  private combineAll(lanes: LaneCount, texts: readonly string[]): string {
    return tree(texts, (a, b) => this.combine(lanes, a, b));
  }

  private combine(lanes: LaneCount, a: string, b: string): string {
    const { combiner } = this.reduction;
    const { one, all } = SCALAR_TEXT[combiner === 'sum' ? 'add' : combiner];
    return (lanes === LANES ? all : one)[this.dtype]!(a, b, '');
  }
}

const reducedVectorLoop = ({ loops, outerDepth, vectorAxis }: Nest) =>
  loops.slice(outerDepth).find(({ axis }) => axis === vectorAxis);

const keyOf = (point: Point, chain: number, lanes: LaneCount) =>
  `${point.join()};${chain};${lanes}`;

const nanKeyOf = (point: Point) => `${point.join()};NaN`;

const levelKeyOf = (point: Point, level: number, lanes: LaneCount) =>
  `${point.join()};level ${level};${lanes}`;
