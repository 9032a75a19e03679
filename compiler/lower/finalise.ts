import {
  type Expression,
  isLocal,
  type Kernel,
  type KernelBuffer,
  type Staging,
  type Store,
} from '../../ir/kernel.ts';
import { stageAxes } from '../../ir/kernel-stage.ts';
import { kernelBody } from '../../ir/kernel-text.ts';
import type { ScheduleStep, ScheduleTensor } from '../../ir/schedule.ts';
import { joinScopes, type Origin } from '../../ir/source.ts';
import { elementCount } from '../../ir/tensor.ts';
import { shiftAffine } from './affine.ts';
import { canonicalise } from './canonicalise.ts';
import type { LoopNest } from './loop-nest.ts';
import { type NestShape, shapeOf } from './nest-shape.ts';
import { bindingRanges, type Range, rangeOf } from './ranges.ts';

/** Kernels of the schedule; equal ones are one kernel, whatever tensors they run on. */
export class KernelTable {
  readonly kernels: Kernel[] = [];
  private readonly interned = new Map<string, number>();
  private readonly names = new Map<string, number>();
  private readonly byObject = new Map<Omit<Kernel, 'name'>, number>();

  intern(kernel: Omit<Kernel, 'name'>, label: string): number {
    const known = this.byObject.get(kernel);
    if (known !== undefined) return known;
    const index = this.byText(kernel, label);
    this.byObject.set(kernel, index);
    return index;
  }

  private byText(kernel: Omit<Kernel, 'name'>, label: string): number {
    const key = kernelBody({ name: '', ...kernel });
    let index = this.interned.get(key);
    if (index === undefined) {
      const base = label.replace(/\W+$/, '').replaceAll(/\W+/g, '_');
      const count = (this.names.get(base) ?? 0) + 1;
      this.names.set(base, count);
      index = this.kernels.push({ name: count === 1 ? base : `${base}_${count}`, ...kernel }) - 1;
      this.interned.set(key, index);
    }
    return index;
  }
}

const MAX_LABEL_OPS = 5;

/** Turns a loop nest into a step: dead nodes go, axes are merged, tensors become buffers, and the kernel is interned. */
export function finalise(
  nest: LoopNest,
  tensors: readonly ScheduleTensor[],
  table: KernelTable,
): ScheduleStep {
  const { kernel, bound } = bindTensors(nest, tensors);
  const label = labelOf(nest.ops);
  return {
    kernel: table.intern(kernel, label),
    operands: bound.map(({ tensor }) => tensor),
    ...(bound.some(({ low }) => low > 0) ? { offsets: bound.map(({ low }) => low) } : {}),
    label,
    source: nest.origins[0]?.span ?? null,
    ...placeOf(nest.origins),
    ...(nest.macs ? { macs: nest.macs } : {}),
  };
}

/** The layers and the parts of training that a kernel works for. */
function placeOf(origins: readonly Origin[]): Pick<ScheduleStep, 'scope' | 'pass'> {
  const scope = joinScopes(origins.map((origin) => origin.scope));
  const passes = [...new Set(origins.map(({ pass }) => pass ?? 'forward'))];
  const isForward = passes.every((pass) => pass === 'forward');
  return {
    ...(scope === '' ? {} : { scope }),
    ...(isForward ? {} : { pass: passes.join('+') }),
  };
}

/** What a step binds: its kernel, and the range of a tensor that each of the kernel's buffers stands for. */
interface Bound {
  readonly kernel: Omit<Kernel, 'name'>;
  readonly bound: readonly Range[];
}

/** By shape, and by dtypes and sizes of the tensors: as of the shape's nest. */
const boundShapes = new WeakMap<NestShape, Map<string, Bound>>();

/** The kernel of a loop nest, one object for all that differ in their tensors' names, and what it binds. */
export function bindTensors(nest: LoopNest, tensors: readonly ScheduleTensor[]): Bound {
  const { shape, tensors: own } = shapeOf(nest);
  const types = own.map((tensor) => tensors[tensor]);
  let key = '';
  for (const type of types) key += typeKey(type);
  let known = boundShapes.get(shape);
  if (!known) {
    known = new Map();
    boundShapes.set(shape, known);
  }
  let found = known.get(key);
  if (!found) {
    found = bind(shape.nest, types);
    known.set(key, found);
  }
  const { kernel, bound } = found;
  const named = bound.map(({ tensor, low, high, stored }) => ({
    ...{ tensor: own[tensor], low, high, stored },
  }));
  return { kernel, bound: named };
}

const typeKeys = new WeakMap<ScheduleTensor, string>();

/** Of dtype and size. */
function typeKey(tensor: ScheduleTensor): string {
  let key = typeKeys.get(tensor);
  if (key === undefined) {
    key = `${tensor.dtype}${elementCount(tensor.shape)},`;
    typeKeys.set(tensor, key);
  }
  return key;
}

function bind(nest: LoopNest, tensors: readonly Pick<ScheduleTensor, 'dtype' | 'shape'>[]): Bound {
  // The parts of a loop nest with stages were canonicalised when they were joined.
  const simple = nest.staging ? nest : canonicalise(roundedByStores(nest));
  const ranges = bindingRanges(simple);
  const bound: Range[] = [];
  // An access in terms of its buffer: an index into `bound`, and addresses from the start of the range.
  const bindAccess =
    (axes: LoopNest['axes']) =>
    <Access extends Extract<Expression, { kind: 'load' }> | Store>(unbound: Access): Access => {
      const { stored: _, ...rest } = unbound;
      const access = rest as Access;
      if (isLocal(access.buffer)) return access;
      const { tensor, low } = rangeOf(axes, access);
      const range = ranges.find(
        (one) => one.tensor === tensor && one.low <= low && low < one.high,
      )!;
      if (!bound.includes(range)) bound.push(range);
      return {
        ...access,
        buffer: bound.indexOf(range),
        index: shiftAffine(access.index, -range.low),
      };
    };
  const bindLoads = (nodes: readonly Expression[], axes: LoopNest['axes']) =>
    nodes.map((node) => (node.kind === 'load' ? bindAccess(axes)(node) : node));
  const { staging } = simple;
  const withLoads = staging?.stages.map((stage) => ({
    ...stage,
    nodes: bindLoads(stage.nodes, stageAxes(simple.axes, staging, stage)),
  }));
  const nodes = bindLoads(simple.nodes, simple.axes);
  const loaded = bound.length;
  const stages = withLoads?.map((stage) => ({
    ...stage,
    stores: stage.stores.map(bindAccess(stageAxes(simple.axes, staging!, stage))),
  }));
  const stores = simple.stores.map(bindAccess(simple.axes));
  const stored = new Set(
    [...(stages?.flatMap((stage) => stage.stores) ?? []), ...stores].map((store) => store.buffer),
  );
  const accumulates = new Set(
    stores.filter((store) => store.accumulate).map((store) => store.buffer),
  );
  const buffers = bound.map(
    ({ tensor, low, high }, k): KernelBuffer => ({
      dtype: tensors[tensor].dtype,
      access: !stored.has(k) ? 'read' : k < loaded || accumulates.has(k) ? 'read_write' : 'write',
      elements: Math.min(high, elementCount(tensors[tensor].shape)) - low,
    }),
  );
  const held = stages && withHolders({ ...staging!, stages }, buffers, bound);
  const { axes, reductions } = simple;
  return {
    kernel: { axes, buffers, nodes, reductions, stores, ...(held ? { staging: held } : {}) },
    bound,
  };
}

/** Without the roundings that stores do: what is rounded before it is stored as a half is stored as it is. */
function roundedByStores(nest: LoopNest): LoopNest {
  if (nest.stores.every(({ stored }) => stored === undefined)) return nest;
  const stores = nest.stores.map((store) => {
    const node = nest.nodes[store.value];
    const isRounded = node.kind === 'apply' && node.op === 'roundF16';
    return store.stored === 'f16' && isRounded ? { ...store, value: node.operands[0] } : store;
  });
  return { ...nest, stores };
}

/** Binds the tensors that arrays take their memory from, if there are any. */
function withHolders(staging: Staging, buffers: KernelBuffer[], bound: Range[]): Staging {
  const stages = staging.stages.map((stage) => {
    const { dtype, elements, buffer: tensor } = stage.local;
    if (tensor === null) return stage;
    bound.push({ tensor, low: 0, high: elements, stored: true });
    const buffer = buffers.push({ dtype, access: 'write', elements }) - 1;
    return { ...stage, local: { ...stage.local, buffer } };
  });
  return { ...staging, stages };
}

/** What a kernel computes, in the graph's terms. */
export function labelOf(ops: readonly string[]): string {
  const named = ops.length > 1 ? ops.filter((op) => op !== 'copy') : ops;
  return named.length > MAX_LABEL_OPS
    ? `${named.slice(0, MAX_LABEL_OPS).join('+')}+…`
    : named.join('+');
}
