import type { Kernel } from '../../../ir/kernel.ts';
import { type Cascade, cascade, levelsOf } from '../cascade.ts';
import { Accumulators } from './accumulators.ts';
import { analyse } from './analysis.ts';
import { Cursor } from './cursor.ts';
import { Evaluator } from './evaluator.ts';
import type { FunctionBody, Translation } from './function-body.ts';
import type { Nest } from './nest.ts';
import { type Parts, writePart } from './parts.ts';
import { StoreText } from './store-text.ts';
import { Values } from './values.ts';

/**
 * Writes the loops of a kernel. Each loop step covers a tile of points. A node is evaluated once for all points of the tile
 * that agree on the axes it depends on, at the outermost loop where these are known.
 */
export class KernelWriter {
  readonly cursor: Cursor;
  private readonly translation: Translation;
  private readonly parts: Parts | null;
  private readonly values: Values;
  private readonly evaluator: Evaluator;
  private readonly stores: StoreText;
  private readonly blocks: Cascade;
  /** Per reduction. */
  private accumulators: readonly Accumulators[] = [];

  /**
   * @param parts of the outermost loop, of which a call does some
   * @param tileAxes of a staged kernel that this is a part of
   * @param below nodes known to be 0 at most, or NaN
   */
  constructor(
    kernel: Kernel,
    nest: Nest,
    body: FunctionBody,
    parts: Parts | null = null,
    tileAxes = 0,
    below: ReadonlySet<number> = new Set(),
  ) {
    const translation = { kernel, nest, analysis: analyse(kernel, tileAxes), body, below };
    this.translation = translation;
    this.parts = parts;
    this.cursor = new Cursor(translation);
    this.values = new Values(translation, this.cursor);
    this.evaluator = new Evaluator(translation, this.cursor, this.values);
    this.stores = new StoreText(translation.kernel, this.cursor, this.values);
    this.blocks = blocksOf(kernel, nest);
  }

  /** All that happens in one step of the loop at `level`; -1 is the function itself. */
  levelBody(level: number): void {
    const { loops, outerDepth } = this.translation.nest;
    const last = outerDepth - 1;
    if (level < last) {
      this.evaluateLevel(level, () => true);
      this.enter(level + 1);
    } else if (level === last) {
      this.reduce();
      this.storeAll(level);
    } else if (level < loops.length - 1) {
      this.evaluateLevel(level, this.isReduced);
      this.enter(level + 1);
    } else this.accumulate(level);
  }

  private enter(level: number): void {
    const { loops, outerDepth } = this.translation.nest;
    const { axis, segments } = loops[level];
    const cuts = this.blocks.cuts[level - outerDepth] ?? [];
    const blocks = cuts.map(({ level, iterations }) => ({
      iterations,
      begin: () => {
        for (const one of this.accumulators) one.flush(level);
      },
    }));
    segments.forEach((segment, k) => {
      this.values.forget(level);
      const parts = level === 0 ? this.parts : null;
      const range = parts && k === 0 ? { range: parts } : {};
      const write = () =>
        this.cursor.cover(axis, segment, () => this.levelBody(level), { blocks, ...range });
      if (parts) writePart(this.translation.body, parts, k === 0, write);
      else write();
    });
  }

  /** Evaluates what the loop at `level` makes known: the nodes that are `wanted`. */
  evaluateLevel(level: number, wanted: (node: number) => boolean): void {
    const points = this.cursor.points(level);
    for (const group of this.evaluator.groupsOf(level, points, wanted))
      this.evaluator.evaluateAt(level, group, wanted);
  }

  /** Whether a reduced value needs a node. */
  private readonly isReduced = (node: number) => this.translation.analysis.under[node] === 1;

  /** Runs the reduced loops, if any; accumulator nodes are known behind them. */
  private reduce(): void {
    const { kernel, nest } = this.translation;
    if (kernel.reductions.length === 0) return;
    this.evaluateLevel(nest.outerDepth - 1, this.isReduced);
    const points = this.cursor.points(nest.outerDepth - 1);
    this.accumulators = kernel.reductions.map(
      (reduction) =>
        new Accumulators(
          this.translation,
          reduction,
          this.cursor,
          points,
          levelsOf(kernel, reduction, this.blocks),
        ),
    );
    this.enter(nest.outerDepth);
    kernel.nodes.forEach((node, index) => {
      if (node.kind !== 'accumulator') return;
      for (const point of points)
        this.values.set(index, point, this.accumulators[node.reduction].total(point));
    });
  }

  /** One step of the innermost reduced loop. */
  private accumulate(level: number): void {
    const { kernel, nest } = this.translation;
    const { lanes } = this.cursor;
    const outer = this.cursor.points(nest.outerDepth - 1);
    const terms = this.cursor
      .points(level, nest.outerDepth)
      .flatMap((inner, step) =>
        outer.map((point) => ({ point, step, at: point.map((unit, axis) => unit + inner[axis]) })),
      );
    for (const group of this.evaluator.groupsOf(level, terms, this.isReduced)) {
      const points = group.map(({ at }) => at);
      this.evaluator.evaluateAt(level, points, this.isReduced);
      for (const { point, step, at } of group)
        kernel.reductions.forEach(({ value }, r) => {
          this.accumulators[r].add(point, step, lanes, this.values.operand(value, at, lanes));
        });
    }
  }

  private storeAll(level: number): void {
    const { kernel, body } = this.translation;
    const wanted = (node: number) => kernel.reductions.length === 0 || !this.isReduced(node);
    const points = this.cursor.points(level);
    for (const group of this.evaluator.groupsOf(level, points, wanted)) {
      this.evaluator.evaluateAt(level, group, wanted);
      for (const point of group)
        for (const store of kernel.stores) body.push(...this.stores.lines(store, point));
    }
  }
}

/** The blocks of a sum over the reduced loops. */
function blocksOf(kernel: Kernel, { loops, outerDepth, chains }: Nest): Cascade {
  const reduced = loops.slice(outerDepth);
  const iterations = reduced.map(({ segments }) =>
    segments.reduce((sum, segment) => sum + segment.iterations, 0),
  );
  const steps = reduced.at(-1)?.segments[0].tile ?? 0;
  return cascade(kernel, iterations, Math.ceil(steps / chains));
}
