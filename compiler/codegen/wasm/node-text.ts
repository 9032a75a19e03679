import { DTYPES } from '../../../ir/dtypes.ts';
import type { Bound, Expression, Indirection, Kernel } from '../../../ir/kernel.ts';
import type { ScalarOp } from '../../../ir/scalar.ts';
import type { DType } from '../../../ir/tensor.ts';
import type { Cursor, MemoryOptions, Point } from './cursor.ts';
import {
  constantText,
  extractLane,
  integer,
  splat,
  type Translation,
  tree,
} from './function-body.ts';
import { inlineText } from './inline.ts';
import { ONES, SCALAR_TEXT, ZEROS } from './scalar-text.ts';
import { LANES, WASM_MEMORY, WASM_TYPES, type WasmType } from './types.ts';
import type { Values } from './values.ts';

const FLAGS: ReadonlySet<ScalarOp> = new Set([
  ...(['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const),
  ...(['and', 'or', 'not', 'isNan'] as const),
]);

const ALL_LANES = [0, LANES - 1] as const;

type Load = Expression & { kind: 'load' };
type Apply = Expression & { kind: 'apply' };

/** What computes a node at a point, as text; its operands are known already. */
export class NodeText {
  private readonly kernel: Kernel;
  private readonly below: ReadonlySet<number>;
  private readonly cursor: Cursor;
  private readonly values: Values;

  constructor({ kernel, below }: Translation, cursor: Cursor, values: Values) {
    this.kernel = kernel;
    this.below = below;
    this.cursor = cursor;
    this.values = values;
  }

  /** The value of one lane; operands are taken from vectors where they vary. */
  scalar(node: Expression, point: Point, lane: number): string {
    const { cursor, values } = this;
    switch (node.kind) {
      case 'load': {
        const { load: name, widenOne } = this.memoryOf(node);
        const zero = constantText(node.dtype, 0);
        const bounds = cursor.unsettled(node.bounds, point, [lane, lane]);
        if (!bounds) return zero;
        const load = widenOne(
          cursor.memory(name, node, point, lane, this.addressing(node, bounds, point, lane)),
        );
        return this.checked(bounds, point, lane, WASM_TYPES[node.dtype].value, load, zero);
      }
      case 'constant':
        return constantText(node.dtype, node.value);
      case 'index':
        return cursor.affine(node.index, point, lane);
      case 'inBounds': {
        const bounds = cursor.unsettled(node.bounds, point, [lane, lane]);
        if (!bounds) return integer(0);
        return bounds.length === 0 ? integer(1) : cursor.inside(bounds, point, lane);
      }
      case 'apply': {
        const [a, b, c] = node.operands.map((operand) => values.lane(operand, point, lane));
        return SCALAR_TEXT[node.op].one[this.operandType(node)]!(a, b, c);
      }
      case 'random': {
        const counter = splat('i32', cursor.affine(node.counter, point, lane));
        const step = splat('i32', values.lane(node.step, point, lane));
        return extractLane('f32', 0, uniform(node, counter, step));
      }
      case 'accumulator':
        throw new Error('the accumulator is known behind the reduced loops');
    }
  }

  /** The values of all lanes of a node that varies from lane to lane. */
  vector(node: Expression, point: Point): string {
    const { cursor, values } = this;
    switch (node.kind) {
      case 'load':
        return this.vectorLoad(node, point);
      case 'index':
        return cursor.affineVector(node.index, point);
      case 'inBounds': {
        const bounds = cursor.unsettled(node.bounds, point, ALL_LANES);
        if (!bounds) return ZEROS;
        const masks = bounds.map(
          ({ index, extent }) =>
            `(i32x4.lt_u ${cursor.affineVector(index, point)} ${splat('i32', integer(extent))})`,
        );
        masks.push(ONES);
        return tree(masks, (a, b) => `(v128.and ${a} ${b})`);
      }
      case 'apply': {
        const form = SCALAR_TEXT[node.op].all[this.operandType(node)];
        if (!form) return this.laneByLane(node, point);
        const short = this.boundedText(node, point);
        if (short) return short;
        const [a, b, c] = node.operands.map((operand) => values.operand(operand, point, LANES));
        if (node.op === 'exp' && this.below.has(node.operands[0]))
          return inlineText('expNegative', a);
        if (node.op === 'select' && this.isFlag(node.operands[0]))
          return `(v128.bitselect ${b} ${c} (i32x4.neg ${a}))`;
        return form(a, b, c);
      }
      case 'random': {
        const counter = cursor.affineVector(node.counter, point);
        return uniform(node, counter, values.operand(node.step, point, LANES));
      }
      default:
        throw new Error(`'${node.kind}' does not vary from lane to lane`);
    }
  }

  /**
   * The larger, or the smaller, of a number and a constant. The instructions that go by a comparison alone give the first where
   * that is NaN, as is wanted; of two zeros too, which matters where the other one is wanted.
   */
  private boundedText({ op, dtype, operands }: Apply, point: Point): string | null {
    if ((op !== 'max' && op !== 'min') || dtype !== 'f32') return null;
    const isConstant = operands.map((one) => this.kernel.nodes[one].kind === 'constant');
    if (isConstant[0] === isConstant[1]) return null;
    const [value, bound] = isConstant[1] ? operands : operands.toReversed();
    const node = this.kernel.nodes[bound];
    if (node.kind !== 'constant' || Number.isNaN(node.value)) return null;
    const [x, limit] = [value, bound].map((one) => this.values.operand(one, point, LANES));
    const text = `(f32x4.p${op} ${x} ${limit})`;
    if (DTYPES.f32.round(node.value) !== 0) return text;
    const keeps = op === 'max' ? Object.is(node.value, -0) : Object.is(node.value, 0);
    if (keeps) return text;
    // A sum with +0 is +0 for either zero.
    return op === 'max' && node.value === 0 ? `(f32x4.add ${text} ${ZEROS})` : null;
  }

  /** Whether a node is 0 or 1. */
  private isFlag(index: number): boolean {
    const node = this.kernel.nodes[index];
    return node.kind === 'inBounds' || (node.kind === 'apply' && FLAGS.has(node.op));
  }

  /** One element, of an address that neither bounds nor data decide, on all lanes. */
  splatLoad(node: Load, point: Point): string {
    const { loadSplat, widenAll } = this.memoryOf(node);
    return widenAll(this.cursor.memory(loadSplat, node, point, 0));
  }

  private vectorLoad(node: Load, point: Point): string {
    const { cursor, values } = this;
    const { index, indirect } = node;
    const bounds = cursor.unsettled(node.bounds, point, ALL_LANES);
    if (!bounds) return ZEROS;
    const stride = cursor.stride(index);
    const uniformRow = !indirect || !values.varies(indirect.node);
    if (!uniformRow || bounds.some((bound) => cursor.stride(bound.index) !== 0))
      return this.laneByLane(node, point);
    const options = this.addressing(node, bounds, point, 0);
    const memory = (name: string, lane: number, more?: MemoryOptions) =>
      cursor.memory(name, node, point, lane, { ...options, ...more });
    const { loadVector, loadSplat, loadFirst, loadLane, laneOperand, widenAll } =
      this.memoryOf(node);
    let load: string;
    if (stride === 1) load = memory(loadVector, 0);
    else if (stride === 0) load = memory(loadSplat, 0);
    else {
      load = memory(loadFirst, 0);
      for (let lane = 1; lane < LANES; lane++)
        load = memory(loadLane, lane, { operand: laneOperand(lane), value: load });
    }
    return this.checked(bounds, point, 0, 'v128', widenAll(load), ZEROS);
  }

  private memoryOf({ buffer }: Load) {
    return WASM_MEMORY[this.kernel.buffers[buffer].dtype];
  }

  private laneByLane(node: Expression, point: Point): string {
    let text = splat(node.dtype, this.scalar(node, point, 0));
    for (let lane = 1; lane < LANES; lane++)
      text = `(${WASM_TYPES[node.dtype].vector}.replace_lane ${lane} ${text} ${this.scalar(node, point, lane)})`;
    return text;
  }

  private addressing(
    { buffer, indirect }: Load,
    bounds: readonly Bound[],
    point: Point,
    lane: number,
  ): MemoryOptions {
    return {
      extra: indirect && this.rowText(indirect, this.cursor.elementBytes(buffer), point, lane),
      immediate: bounds.length === 0 && !(indirect && indirect.stride < 0),
    };
  }

  /** Bytes that a data-dependent term adds to an address, its row clamped. */
  private rowText(
    { node, stride, extent }: Indirection,
    elementBytes: number,
    point: Point,
    lane: number,
  ): string {
    const row = this.values.lane(node, point, lane);
    const last = integer(extent - 1);
    const atLeast = SCALAR_TEXT.max.one.i32!(row, integer(0), '');
    const clamped = `(select ${atLeast} ${last} (i32.lt_s ${row} ${last}))`;
    return `(i32.mul ${clamped} ${integer(elementBytes * stride)})`;
  }

  /** A load where the bounds hold, zero elsewhere. */
  private checked(
    bounds: readonly Bound[],
    point: Point,
    lane: number,
    type: WasmType,
    load: string,
    zero: string,
  ): string {
    if (bounds.length === 0) return load;
    const inside = this.cursor.inside(bounds, point, lane);
    return `(if (result ${type}) ${inside} (then ${load}) (else ${zero}))`;
  }

  /** The element type that decides the form of an operation; no condition of a select. */
  private operandType({ operands }: Apply): DType {
    return this.kernel.nodes[operands[operands.length - 1]].dtype;
  }
}

function uniform(node: Expression & { kind: 'random' }, counter: string, step: string): string {
  return `(call $uniform ${integer(node.seed)} ${integer(node.stream)} ${counter} ${step})`;
}
