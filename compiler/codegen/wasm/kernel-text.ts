import type { Affine, Bound, Expression, Indirection, Kernel, Store } from '../../../ir/kernel.ts';
import { combinerIdentity } from '../../../ir/kernel.ts';
import type { DType } from '../../../ir/tensor.ts';
import { type Analysis, analyse } from './analysis.ts';
import type { Nest, Segment } from './nest.ts';
import { type Lanes, SCALAR_TEXT, ZEROS } from './scalar-text.ts';

// A kernel as a WebAssembly function. Each loop step covers a tile of points. A node is evaluated once for all points of
// the tile that agree on the axes it depends on, at the outermost loop where these are known. Addresses are pointers
// that loops advance; what a tile adds to them is an immediate of the instruction.

/** Offsets of a point inside the tile, in units, one per axis. */
type Point = readonly number[];
type LaneCount = 1 | 4;
type WasmType = 'i32' | 'f32' | 'v128';

/** The locals that hold a node at one point of the tile. Either form is derived from the other where it lacks. */
interface Value {
  scalar?: string;
  vector?: string;
}

/** `local + constant`. */
interface Position {
  readonly local: string | null;
  readonly constant: number;
}

interface Pointer extends Position {
  /** No point has an address below the local, so that a constant may stand in the instruction. */
  readonly ascending: boolean;
}

const BYTES = 4;
const get = (local: string) => `(local.get ${local})`;
const integer = (value: number) => `(i32.const ${value | 0})`;

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}
const constantText = (dtype: DType, value: number) =>
  dtype === 'f32' ? `(f32.const ${floatText(Math.fround(value))})` : integer(value);

/** The function `$name` that runs `kernel` by the loops of `nest`, exported as `name`. */
export function kernelText(kernel: Kernel, nest: Nest, name: string): string {
  return new KernelWriter(kernel, nest).write(name);
}

class KernelWriter {
  private readonly kernel: Kernel;
  private readonly nest: Nest;
  private readonly analysis: Analysis;
  /** The loop at which each node is evaluated: the innermost of its axes. */
  private readonly levels: readonly number[];
  private readonly lines: string[] = [];
  private readonly locals: string[] = [];
  /** Values known at each loop, by node and tile offsets; the first entry is outside of all loops. */
  private readonly known: Map<string, Value>[];
  private readonly segments: (Segment | null)[];
  private readonly positions: Position[];
  private pointers = new Map<string, Pointer>();

  constructor(kernel: Kernel, nest: Nest) {
    this.kernel = kernel;
    this.nest = nest;
    this.analysis = analyse(kernel);
    this.levels = this.analysis.depends.map((axes) =>
      nest.loops.findLastIndex((loop) => axes[loop.axis] === 1),
    );
    this.known = Array.from({ length: nest.loops.length + 1 }, () => new Map());
    this.segments = kernel.axes.map(() => null);
    this.positions = kernel.axes.map(() => ({ local: null, constant: 0 }));
  }

  write(name: string): string {
    this.declarePointers();
    this.levelBody(-1);
    const parameters = this.kernel.buffers.map((_, i) => `(param $b${i} i32)`).join(' ');
    return `(func $${name} (export "${name}") ${parameters}\n${this.locals.join(' ')}\n${this.lines.join('\n')})`;
  }

  private local(type: WasmType, hint: string): string {
    const local = `$${hint}_${this.locals.length}`;
    this.locals.push(`(local ${local} ${type})`);
    return local;
  }

  private assign(type: WasmType, hint: string, text: string): string {
    const local = this.local(type, hint);
    this.lines.push(`(local.set ${local} ${text})`);
    return local;
  }

  // Loops

  private declarePointers(): void {
    const declare = (buffer: number, { coefficients }: Affine) => {
      this.pointers.set(pointerKey(buffer, coefficients), {
        local: `$b${buffer}`,
        constant: 0,
        ascending: coefficients.every((c) => c >= 0),
      });
    };
    this.kernel.nodes.forEach((node, i) => {
      if (node.kind === 'load' && this.analysis.alive[i]) declare(node.buffer, node.index);
    });
    for (const store of this.kernel.stores) declare(store.buffer, store.index);
  }

  private enter(level: number): void {
    const { axis, segments } = this.nest.loops[level];
    for (const segment of segments) {
      const { pointers } = this;
      this.known[level + 1].clear();
      this.segments[axis] = segment;
      if (segment.iterations === 1) {
        this.positions[axis] = { local: null, constant: segment.start };
        this.pointers = this.movedPointers(axis, segment.start);
        this.levelBody(level);
      } else this.loop(level, axis, segment);
      this.pointers = pointers;
    }
    this.segments[axis] = null;
  }

  private movedPointers(axis: number, by: number): Map<string, Pointer> {
    return new Map(
      [...this.pointers].map(([key, pointer]) => {
        const constant = pointer.constant + BYTES * strideOf(key, axis) * by;
        return [key, { ...pointer, constant }];
      }),
    );
  }

  private loop(level: number, axis: number, segment: Segment): void {
    const index = this.assign('i32', `i${axis}`, integer(segment.start));
    this.positions[axis] = { local: index, constant: 0 };
    const step = segment.tile * segment.lanes;
    const increments: string[] = [];
    this.pointers = this.movedPointers(axis, segment.start);
    for (const [key, pointer] of this.pointers) {
      const stride = BYTES * strideOf(key, axis);
      if (stride === 0) continue;
      const local = this.assign('i32', 'p', get(pointer.local!));
      this.pointers.set(key, { ...pointer, local });
      increments.push(`(local.set ${local} (i32.add ${get(local)} ${integer(stride * step)}))`);
    }
    const label = `$l${this.lines.length}`;
    this.lines.push(`(loop ${label}`);
    this.levelBody(level);
    this.lines.push(...increments);
    const end = segment.start + segment.iterations * step;
    this.lines.push(
      `(br_if ${label} (i32.ne (local.tee ${index} (i32.add ${get(index)} ${integer(step)})) ${integer(end)})))`,
    );
  }

  /** All that happens in one step of the loop at `level`; -1 is the function itself. */
  private levelBody(level: number): void {
    const { loops, outerDepth } = this.nest;
    const last = outerDepth - 1;
    if (level < last) {
      this.evaluateLevel(level, () => true);
      this.enter(level + 1);
      return;
    }
    const { under } = this.analysis;
    if (level === last) {
      if (this.kernel.reduction) {
        this.evaluateLevel(level, (node) => under[node] === 1);
        this.reduce();
      }
      this.storeAll(level);
      return;
    }
    if (level < loops.length - 1) {
      this.evaluateLevel(level, (node) => under[node] === 1);
      this.enter(level + 1);
    } else this.accumulate(level);
  }

  /** The points of a step of the loops down to `level`, the innermost loop varying fastest. */
  private points(level: number, from = 0): Point[] {
    let points: Point[] = [this.kernel.axes.map(() => 0)];
    for (const { axis } of this.nest.loops.slice(from, level + 1)) {
      const { tile } = this.segments[axis]!;
      points = points.flatMap((point) =>
        Array.from({ length: tile }, (_, unit) => point.with(axis, unit)),
      );
    }
    return points;
  }

  private evaluateLevel(level: number, wanted: (node: number) => boolean): void {
    for (const point of this.points(level)) this.evaluateAt(level, point, wanted);
  }

  private evaluateAt(level: number, point: Point, wanted: (node: number) => boolean): void {
    this.kernel.nodes.forEach((node, index) => {
      if (!this.analysis.alive[index] || this.levels[index] !== level || !wanted(index)) return;
      const { known } = this;
      const key = this.pointKey(index, point);
      if (!known[level + 1].has(key)) known[level + 1].set(key, this.evaluate(node, index, point));
    });
  }

  private pointKey(node: number, point: Point): string {
    const depends = this.analysis.depends[node];
    let key = String(node);
    for (let axis = 0; axis < point.length; axis++) if (depends[axis]) key += `,${point[axis]}`;
    return key;
  }

  // Reductions

  private accumulators = new Map<string, string>();

  private accumulatorKey = (point: Point, chain: number, lanes: LaneCount) =>
    `${point.join()};${chain};${lanes}`;

  /** Runs the reduced loops; the accumulator nodes are known behind them. */
  private reduce(): void {
    const { outerDepth, loops, vectorAxis, chains } = this.nest;
    const { value, combiner } = this.kernel.reduction!;
    const { dtype } = this.kernel.nodes[value];
    const outer = this.points(outerDepth - 1);
    const along = loops.slice(outerDepth).find(({ axis }) => axis === vectorAxis);
    const forms: readonly LaneCount[] = along
      ? [...new Set(along.segments.map(({ lanes }) => lanes))]
      : [this.lanesNow()];
    this.accumulators = new Map();
    const identity = constantText(dtype, combinerIdentity(combiner, dtype));
    for (const point of outer)
      for (const lanes of forms)
        for (let chain = 0; chain < chains; chain++) {
          const local =
            lanes === 4
              ? this.assign('v128', 'a', `(${dtype}x4.splat ${identity})`)
              : this.assign(dtype, 'a', identity);
          this.accumulators.set(this.accumulatorKey(point, chain, lanes), local);
        }
    this.enter(outerDepth);
    const accumulator = this.kernel.nodes.findIndex((node) => node.kind === 'accumulator');
    for (const point of outer) {
      const parts = forms.map((lanes) => {
        const locals = Array.from({ length: chains }, (_, chain) =>
          get(this.accumulators.get(this.accumulatorKey(point, chain, lanes))!),
        );
        const total = tree(locals, (a, b) => this.combine(dtype, lanes, a, b));
        if (!along || lanes === 1) return total;
        const vector = get(this.assign('v128', 'a', total));
        const extracted = [0, 2, 1, 3].map((lane) => `(${dtype}x4.extract_lane ${lane} ${vector})`);
        return tree(extracted, (a, b) => this.combine(dtype, 1, a, b));
      });
      const total = tree(parts, (a, b) => this.combine(dtype, 1, a, b));
      const isVector = !along && forms[0] === 4;
      const local = this.assign(isVector ? 'v128' : dtype, 'a', total);
      this.known[outerDepth].set(
        this.pointKey(accumulator, point),
        isVector ? { vector: local } : { scalar: local },
      );
    }
  }

  private combine(dtype: DType, lanes: LaneCount, a: string, b: string): string {
    const { combiner } = this.kernel.reduction!;
    const row = SCALAR_TEXT[combiner === 'sum' ? 'add' : combiner];
    const form: Lanes = lanes === 4 ? `${dtype}x4` : dtype;
    return row[form]!(a, b, '');
  }

  private accumulate(level: number): void {
    const { outerDepth, chains } = this.nest;
    const { value } = this.kernel.reduction!;
    const { dtype } = this.kernel.nodes[value];
    const { under } = this.analysis;
    const outer = this.points(outerDepth - 1);
    const lanes = this.lanesNow();
    this.points(level, outerDepth).forEach((inner, step) => {
      for (const point of outer) {
        const at = point.map((unit, axis) => unit + inner[axis]);
        this.evaluateAt(level, at, (node) => under[node] === 1);
        const local = this.accumulators.get(this.accumulatorKey(point, step % chains, lanes))!;
        const sum = this.combine(dtype, lanes, get(local), this.operand(value, at, lanes));
        this.lines.push(`(local.set ${local} ${sum})`);
      }
    });
  }

  // Stores

  private storeAll(level: number): void {
    const late = (node: number) => this.kernel.reduction === null || !this.analysis.under[node];
    for (const point of this.points(level)) {
      this.evaluateAt(level, point, late);
      for (const store of this.kernel.stores) this.store(store, point);
    }
  }

  private store(store: Store, point: Point): void {
    const lanes = this.lanesNow();
    const { dtype } = this.kernel.buffers[store.buffer];
    const uniform = !store.indirect || !this.variesByLane(store.indirect.node);
    if (lanes === 4 && uniform && this.strideNow(store.index) === 1) {
      const value = this.operand(store.value, point, 4);
      this.storeAt(store, point, 0, (memory) => {
        const sum = store.accumulate ? `(f32x4.add ${memory('v128.load')} ${value})` : value;
        return memory('v128.store', sum);
      });
      return;
    }
    for (let lane = 0; lane < lanes; lane++) {
      const value = this.laneOperand(store.value, point, lane);
      this.storeAt(store, point, lane, (memory) => {
        const sum = store.accumulate ? `(f32.add ${memory('f32.load')} ${value})` : value;
        return memory(`${dtype}.store`, sum);
      });
    }
  }

  private storeAt(
    { buffer, index, indirect }: Store,
    point: Point,
    lane: number,
    instruction: (memory: (name: string, value?: string) => string) => string,
  ): void {
    const row = indirect && this.laneOperand(indirect.node, point, lane);
    const extra = indirect && `(i32.mul ${row} ${integer(BYTES * indirect.stride)})`;
    const safe = indirect === undefined || indirect.stride >= 0;
    const memory = (name: string, value = '') =>
      this.memory(name, buffer, index, point, lane, { extra, immediate: safe, value });
    const line = instruction(memory);
    this.lines.push(
      indirect ? `(if (i32.lt_u ${row} ${integer(indirect.extent)}) (then ${line}))` : line,
    );
  }

  // Positions

  private lanesNow(): LaneCount {
    const { vectorAxis } = this.nest;
    return vectorAxis < 0 ? 1 : (this.segments[vectorAxis]?.lanes ?? 1);
  }

  private variesByLane(node: number): boolean {
    return this.lanesNow() === 4 && this.analysis.depends[node][this.nest.vectorAxis] === 1;
  }

  /** By how much an affine function grows from lane to lane. */
  private strideNow({ coefficients }: Affine): number {
    return this.lanesNow() === 4 ? coefficients[this.nest.vectorAxis] : 0;
  }

  private unitsOf(axis: number, point: Point): number {
    return point[axis] * (this.segments[axis]?.lanes ?? 1);
  }

  private affine({ offset, coefficients }: Affine, point: Point, lane: number): string {
    let constant = offset + lane * this.strideNow({ offset, coefficients });
    const terms: string[] = [];
    coefficients.forEach((coefficient, axis) => {
      if (coefficient === 0) return;
      const position = this.positions[axis];
      constant += coefficient * (position.constant + this.unitsOf(axis, point));
      if (position.local === null) return;
      const index = get(position.local);
      terms.push(coefficient === 1 ? index : `(i32.mul ${index} ${integer(coefficient)})`);
    });
    if (constant !== 0 || terms.length === 0) terms.push(integer(constant));
    return tree(terms, (a, b) => `(i32.add ${a} ${b})`);
  }

  private inside(bounds: readonly Bound[], point: Point, lane: number): string {
    return tree(
      bounds.map(({ index, extent }) => {
        return `(i32.lt_u ${this.affine(index, point, lane)} ${integer(extent)})`;
      }),
      (a, b) => `(i32.and ${a} ${b})`,
    );
  }

  /** An instruction on the memory at an element of a buffer. */
  private memory(
    name: string,
    buffer: number,
    index: Affine,
    point: Point,
    lane: number,
    { extra = '', immediate = true, operand = '', value = '' }: MemoryOptions,
  ): string {
    const pointer = this.pointers.get(pointerKey(buffer, index.coefficients))!;
    let elements = index.offset + lane * this.strideNow(index);
    index.coefficients.forEach((coefficient, axis) => {
      elements += coefficient * this.unitsOf(axis, point);
    });
    const constant = pointer.constant + BYTES * elements;
    const base = get(pointer.local!);
    const moved = extra === '' ? base : `(i32.add ${base} ${extra})`;
    if (pointer.ascending && immediate && constant >= 0)
      return `(${name} offset=${constant} align=4 ${operand} ${moved} ${value})`;
    return `(${name} align=4 ${operand} (i32.add ${moved} ${integer(constant)}) ${value})`;
  }

  // Nodes

  /** A node as an operand at one point, on one or four lanes. */
  private operand(node: number, point: Point, lanes: LaneCount): string {
    const { scalar, vector } = this.value(node, point);
    if (lanes === 1) return scalar ? get(scalar) : this.extract(node, vector!, 0);
    return vector ? get(vector) : `(${this.kernel.nodes[node].dtype}x4.splat ${get(scalar!)})`;
  }

  private laneOperand(node: number, point: Point, lane: number): string {
    const { scalar, vector } = this.value(node, point);
    return scalar ? get(scalar) : this.extract(node, vector!, lane);
  }

  private extract(node: number, vector: string, lane: number): string {
    return `(${this.kernel.nodes[node].dtype}x4.extract_lane ${lane} ${get(vector)})`;
  }

  private value(node: number, point: Point): Value {
    const value = this.known[this.levels[node] + 1].get(this.pointKey(node, point));
    if (!value) throw new Error(`n${node} is used before it is evaluated`);
    return value;
  }

  private evaluate(node: Expression, index: number, point: Point): Value {
    const { dtype } = node;
    const hint = `n${index}`;
    if (this.variesByLane(index))
      return { vector: this.assign('v128', hint, this.vectorText(node, point)) };
    const wantsVector = this.vectorUsers(index);
    if (wantsVector === 'all' && node.kind === 'load' && !node.indirect && !node.bounds.length) {
      const text = this.memory('v128.load32_splat', node.buffer, node.index, point, 0, {});
      return { vector: this.assign('v128', hint, text) };
    }
    const scalar = this.assign(dtype, hint, this.scalarText(node, point, 0));
    if (wantsVector === 'none') return { scalar };
    return { scalar, vector: this.assign('v128', hint, `(${dtype}x4.splat ${get(scalar)})`) };
  }

  /** Whether users of a node that is equal on all lanes work on vectors. */
  private vectorUsers(node: number): 'none' | 'some' | 'all' {
    const { vectorAxis, loops, outerDepth } = this.nest;
    const vectorLoop = loops.findIndex(({ axis }) => axis === vectorAxis);
    if (vectorLoop < 0) return 'none';
    const decided = this.segments[vectorAxis];
    if (decided ? decided.lanes === 1 : loops[vectorLoop].segments[0].lanes === 1) return 'none';
    const { users, depends, under } = this.analysis;
    const inVector = (user: number) =>
      user < 0 ? vectorLoop < outerDepth || under[node] === 1 : depends[user][vectorAxis] === 1;
    const count = users[node].filter(inVector).length;
    if (count === 0) return 'none';
    const onlyVector =
      decided !== null && count === users[node].length && !this.kernel.stores.some(usesRow(node));
    return onlyVector ? 'all' : 'some';
  }

  /** The value of one lane; operands are taken from vectors where they vary. */
  private scalarText(node: Expression, point: Point, lane: number): string {
    switch (node.kind) {
      case 'load': {
        const load = this.memory(`${node.dtype}.load`, node.buffer, node.index, point, lane, {
          extra: node.indirect && this.rowText(node.indirect, point, lane),
          immediate: node.bounds.length === 0 && !(node.indirect && node.indirect.stride < 0),
        });
        if (node.bounds.length === 0) return load;
        return `(if (result ${node.dtype}) ${this.inside(node.bounds, point, lane)} (then ${load}) (else ${constantText(node.dtype, 0)}))`;
      }
      case 'constant':
        return constantText(node.dtype, node.value);
      case 'index':
        return this.affine(node.index, point, lane);
      case 'inBounds':
        return node.bounds.length === 0 ? integer(1) : this.inside(node.bounds, point, lane);
      case 'apply': {
        const dtype = this.operandType(node);
        const [a, b, c] = node.operands.map((operand) => this.laneOperand(operand, point, lane));
        return SCALAR_TEXT[node.op][dtype]!(a, b, c);
      }
      case 'random':
        return `(f32x4.extract_lane 0 ${this.uniform(node, `(i32x4.splat ${this.affine(node.counter, point, lane)})`, `(i32x4.splat ${this.laneOperand(node.step, point, lane)})`)})`;
      case 'accumulator':
        throw new Error('the accumulator is known behind the reduced loops');
    }
  }

  private vectorText(node: Expression, point: Point): string {
    switch (node.kind) {
      case 'load':
        return this.vectorLoad(node, point);
      case 'index':
        return this.affineVector(node.index, point);
      case 'inBounds': {
        const masks = node.bounds.map(
          ({ index, extent }) =>
            `(i32x4.lt_u ${this.affineVector(index, point)} (i32x4.splat ${integer(extent)}))`,
        );
        masks.push('(v128.const i32x4 1 1 1 1)');
        return tree(masks, (a, b) => `(v128.and ${a} ${b})`);
      }
      case 'apply': {
        const form = SCALAR_TEXT[node.op][`${this.operandType(node)}x4` as Lanes];
        if (!form) return this.laneByLane(node, point);
        const [a, b, c] = node.operands.map((operand) => this.operand(operand, point, 4));
        return form(a, b, c);
      }
      case 'random':
        return this.uniform(
          node,
          this.affineVector(node.counter, point),
          this.operand(node.step, point, 4),
        );
      default:
        throw new Error(`'${node.kind}' does not vary from lane to lane`);
    }
  }

  private vectorLoad(node: Expression & { kind: 'load' }, point: Point): string {
    const { buffer, index, indirect, bounds } = node;
    const stride = this.strideNow(index);
    const uniform =
      (!indirect || !this.variesByLane(indirect.node)) &&
      bounds.every((bound) => this.strideNow(bound.index) === 0);
    if (!uniform) return this.laneByLane(node, point);
    const options = {
      extra: indirect && this.rowText(indirect, point, 0),
      immediate: bounds.length === 0 && !(indirect && indirect.stride < 0),
    };
    const memory = (name: string, lane: number, more: MemoryOptions = {}) =>
      this.memory(name, buffer, index, point, lane, { ...options, ...more });
    let load: string;
    if (stride === 1) load = memory('v128.load', 0);
    else if (stride === 0) load = memory('v128.load32_splat', 0);
    else {
      load = memory('v128.load32_zero', 0);
      for (let lane = 1; lane < 4; lane++)
        load = memory('v128.load32_lane', lane, { operand: String(lane), value: load });
    }
    if (bounds.length === 0) return load;
    return `(if (result v128) ${this.inside(bounds, point, 0)} (then ${load}) (else ${ZEROS}))`;
  }

  private laneByLane(node: Expression, point: Point): string {
    let text = `(${node.dtype}x4.splat ${this.scalarText(node, point, 0)})`;
    for (let lane = 1; lane < 4; lane++)
      text = `(${node.dtype}x4.replace_lane ${lane} ${text} ${this.scalarText(node, point, lane)})`;
    return text;
  }

  private affineVector(affine: Affine, point: Point): string {
    const splat = `(i32x4.splat ${this.affine(affine, point, 0)})`;
    const stride = this.strideNow(affine);
    if (stride === 0) return splat;
    const steps = [0, 1, 2, 3].map((lane) => (lane * stride) | 0).join(' ');
    return `(i32x4.add ${splat} (v128.const i32x4 ${steps}))`;
  }

  private uniform(node: Expression & { kind: 'random' }, counter: string, step: string): string {
    return `(call $uniform ${integer(node.seed)} ${integer(node.stream)} ${counter} ${step})`;
  }

  /** Bytes that a data-dependent term adds to an address, its row clamped. */
  private rowText({ node, stride, extent }: Indirection, point: Point, lane: number): string {
    const row = this.laneOperand(node, point, lane);
    const last = integer(extent - 1);
    const atLeast = SCALAR_TEXT.max.i32!(row, integer(0), '');
    const clamped = `(select ${atLeast} ${last} (i32.lt_s ${row} ${last}))`;
    return `(i32.mul ${clamped} ${integer(BYTES * stride)})`;
  }

  /** The element type that decides the form of an operation; the condition of a select does not count. */
  private operandType(node: Expression & { kind: 'apply' }): DType {
    return this.kernel.nodes[node.operands[node.operands.length - 1]].dtype;
  }
}

interface MemoryOptions {
  /** Bytes added to the address, as text. */
  readonly extra?: string;
  /** Whether the constant part may stand in the instruction: not where the address before a check may wrap. */
  readonly immediate?: boolean;
  /** Lane index of the instruction. */
  readonly operand?: string;
  readonly value?: string;
}

const usesRow = (node: number) => (store: Store) => store.indirect?.node === node;

function pointerKey(buffer: number, coefficients: readonly number[]): string {
  return `${buffer}:${coefficients.join()}`;
}

function strideOf(key: string, axis: number): number {
  return Number(key.slice(key.indexOf(':') + 1).split(',')[axis]);
}

/** Combines neighbours pairwise, so that the depth is logarithmic. */
function tree(texts: readonly string[], combine: (a: string, b: string) => string): string {
  let level = texts;
  while (level.length > 1) {
    level = level.flatMap((text, i) =>
      i % 2 === 1 ? [] : i + 1 < level.length ? [combine(text, level[i + 1])] : [text],
    );
  }
  return level[0];
}
