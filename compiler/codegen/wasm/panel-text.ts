import type { Affine, Kernel } from '../../../ir/kernel.ts';
import { bufferLocal, type FunctionBody, get, integer, tree } from './function-body.ts';
import { KernelWriter } from './kernel-writer.ts';
import { blockAt, epilogue, leftPackings, panelsOf, rightPackings } from './panel-blocks.ts';
import { PANEL_COLUMNS, type PanelPlan, type Piece, SUM_BLOCKS, TILE_ROWS } from './panel-form.ts';
import { type Parts, writePart } from './parts.ts';
import { planNest } from './plan-nest.ts';

/** Where the code being written stands on an axis: in a piece, at the block whose number is in a local, or at the only one. */
interface Place {
  readonly axis: number;
  readonly piece: Piece;
  readonly local: string | null;
}

/** The loops over blocks of a contraction in panels, with what is done in each. */
export function writePanels(
  kernel: Kernel,
  plan: PanelPlan,
  body: FunctionBody,
  parts: Parts | null,
): void {
  new PanelWriter(kernel, plan, body, parts).write();
}

/** Steps of the outermost loop. */
export function panelParts({ parallel, pieces }: PanelPlan): number {
  return parallel.length > 0 ? pieces[parallel[0]][0].iterations : 1;
}

/** Bytes from row to row, from term to term and from tile to tile of the left factor. */
function leftStrides({ leftForm, leftInPlace, layout }: PanelPlan): number[] {
  if (leftForm === 'tiles') return [4, 4 * TILE_ROWS, 4 * layout.leftRow];
  const row = leftInPlace ?? 4 * layout.leftRow;
  return [row, 4, TILE_ROWS * row];
}

class PanelWriter {
  private readonly kernel: Kernel;
  private readonly plan: PanelPlan;
  private readonly body: FunctionBody;
  /** Counts the blocks of terms whose sums are in the accumulators of level 1. */
  private readonly count: string;
  private readonly folded: string | null;
  private readonly parts: Parts | null;

  constructor(kernel: Kernel, plan: PanelPlan, body: FunctionBody, parts: Parts | null) {
    this.parts = parts;
    this.kernel = kernel;
    this.plan = plan;
    this.body = body;
    this.count = body.assign('i32', 'count', integer(0));
    this.folded = plan.deep ? body.assign('i32', 'folded', integer(0)) : null;
  }

  write(): void {
    const { parallel, reduced } = this.plan;
    this.walk(parallel, [], (places) => {
      this.set(this.count, integer(0));
      if (this.folded) this.set(this.folded, integer(0));
      this.walk(reduced, places, (inside) => this.writeProducts(inside));
      if (this.folded) this.writeFold(places);
      if (this.plan.resultInPlace === null) {
        const block = this.blockOf(places, parallel);
        this.run(epilogue(this.kernel, this.plan, block), places);
      }
    });
  }

  private set(local: string, value: string): void {
    this.body.push(`(local.set ${local} ${value})`);
  }

  /** A loop per axis over the blocks of each of its pieces. */
  private walk(
    axes: readonly number[],
    places: readonly Place[],
    inside: (places: readonly Place[]) => void,
  ): void {
    const [axis, ...inner] = axes;
    if (axis === undefined) {
      inside(places);
      return;
    }
    this.writeCopies(places);
    const parts = places.length === 0 ? this.parts : null;
    this.plan.pieces[axis].forEach((piece, k) => {
      const write = () => this.walkPiece({ axis, piece }, parts, inner, places, inside);
      if (parts) writePart(this.body, parts, k === 0, write);
      else write();
    });
  }

  private walkPiece(
    { axis, piece }: Pick<Place, 'axis' | 'piece'>,
    parts: Parts | null,
    inner: readonly number[],
    places: readonly Place[],
    inside: (places: readonly Place[]) => void,
  ): void {
    if (piece.iterations === 1) {
      this.walk(inner, [...places, { axis, piece, local: null }], inside);
      return;
    }
    const { body } = this;
    const [first, end] = parts ? [parts.from, parts.to] : [integer(0), integer(piece.iterations)];
    const local = body.assign('i32', `i${axis}`, first);
    const label = body.label();
    body.push(`(loop ${label}`);
    this.walk(inner, [...places, { axis, piece, local }], inside);
    const next = `(local.tee ${local} (i32.add ${get(local)} ${integer(1)}))`;
    body.push(`(br_if ${label} (i32.ne ${next} ${end})))`);
  }

  private blockOf(places: readonly Place[], axes: readonly number[]) {
    const pieces = this.kernel.axes.map((_, axis) => {
      return places.find((place) => place.axis === axis)?.piece ?? this.plan.pieces[axis][0];
    });
    return blockAt(axes, pieces);
  }

  /** A derived kernel, whose first axes are the open loops. */
  private run(kernel: Kernel, places: readonly Place[]): void {
    const locals = places.flatMap(({ local }) => local ?? []);
    const writer = new KernelWriter(kernel, planNest(kernel, locals.length), this.body);
    locals.forEach((local, axis) => {
      writer.cursor.stand(axis, local);
    });
    for (let level = -1; level < locals.length - 1; level++)
      writer.evaluateLevel(level, () => true);
    writer.levelBody(locals.length - 1);
  }

  /** Copies the factors whose blocks are decided by the open loops, and not by fewer. */
  private writeCopies(places: readonly Place[]): void {
    const { kernel, plan } = this;
    const { leftDepth, rightDepth, parallel, reduced } = plan;
    const block = this.blockOf(places, [...parallel, ...reduced].slice(0, places.length));
    const copies = [
      ...(leftDepth === places.length ? leftPackings(kernel, plan, block) : []),
      ...(rightDepth === places.length ? rightPackings(kernel, plan, block) : []),
    ];
    for (const packing of copies) this.run(packing, places);
  }

  private writeProducts(places: readonly Place[]): void {
    this.writeCopies(places);
    const { kernel, plan, body } = this;
    const { groups, layout, rows, terms, columns, leftInPlace, resultInPlace, parallel } = plan;
    const block = this.blockOf(places, [...parallel, ...plan.reduced]);
    const points = (axes: readonly number[]) =>
      axes.reduce((product, axis) => product * block.pieces[axis].chunk, 1);
    const left = kernel.nodes[groups.left];
    const [store] = kernel.stores;
    const a =
      leftInPlace !== null && left.kind === 'load'
        ? this.address(left.buffer, left.index, places)
        : this.inScratch(layout.left);
    const c =
      resultInPlace === null
        ? this.inScratch(layout.sums)
        : this.address(store.buffer, store.index, places);
    const { panels, rest, restColumns } = panelsOf(block.pieces[columns].chunk);
    const strides = [...leftStrides(plan), resultInPlace ?? 4 * layout.sumRow];
    const call = (first: number, count: number, width: number) => {
      const numbers = [points(rows), points(terms), count, 4 * layout.panel, ...strides];
      const result = `(i32.add ${c} ${integer(4 * PANEL_COLUMNS * first)})`;
      const addresses = [a, this.inScratch(layout.right + first * layout.panel), result];
      const operands = [...addresses, ...numbers.map(integer), get(this.count)];
      body.push(`(call $product${width} ${operands.join(' ')})`);
    };
    if (panels > 0) call(0, panels, PANEL_COLUMNS);
    if (rest > 0) call(panels, 1, restColumns);
    this.set(this.count, `(i32.add ${get(this.count)} ${integer(1)})`);
    if (!this.folded) return;
    body.push(`(if (i32.eq ${get(this.count)} ${integer(SUM_BLOCKS)}) (then`);
    this.writeFold(places);
    body.push('))');
  }

  /** Adds the sums of blocks to those of the next level, and begins them anew. */
  private writeFold(places: readonly Place[]): void {
    const { plan, body } = this;
    const { layout, rows } = plan;
    const block = this.blockOf(places, plan.parallel);
    const rowCount = rows.reduce((product, axis) => product * block.pieces[axis].chunk, 1);
    const ends = [this.inScratch(layout.deepSums), this.inScratch(layout.sums)];
    const bytes = integer(4 * layout.sumRow * rowCount);
    body.push(`(if ${get(this.count)} (then`);
    body.push(`(call $fold ${ends.join(' ')} ${bytes} ${get(this.folded!)})`);
    this.set(this.folded!, integer(1));
    this.set(this.count, integer(0));
    body.push('))');
  }

  private inScratch(element: number): string {
    return `(i32.add ${get(bufferLocal(this.kernel.scratch!))} ${integer(4 * element)})`;
  }

  /** The address of an element of four bytes at the first point of the block. */
  private address(
    buffer: number,
    { offset, coefficients }: Affine,
    places: readonly Place[],
  ): string {
    let constant = offset;
    const terms = [get(bufferLocal(buffer))];
    for (const { axis, piece, local } of places) {
      constant += coefficients[axis] * piece.start;
      const step = 4 * coefficients[axis] * piece.chunk;
      if (local !== null && step !== 0) terms.push(`(i32.mul ${get(local)} ${integer(step)})`);
    }
    if (constant !== 0) terms.push(integer(4 * constant));
    return tree(terms, (a, b) => `(i32.add ${a} ${b})`);
  }
}
