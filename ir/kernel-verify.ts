import type { Affine, AxisKind, Bound, Expression, Indirection, Kernel, Store } from './kernel.ts';
import { sameAffine } from './kernel.ts';
import { nodeOperands } from './kernel-cost.ts';
import { SCALAR_OPS, scalarResult } from './scalar.ts';

// Checks the invariants listed in kernel.ts. Ranges are found by interval arithmetic, which is exact for one affine
// function over a box; the conditions of a bounded load narrow it (see `loadRange`). Distinctness of stores is
// proved by mixed radix (see `storesDistinct`). Both tests are sufficient, not necessary: a kernel that fails one
// is refused even where it happens to be right.

type Report = (reason: string) => void;

interface Range {
  readonly low: number;
  readonly high: number;
}

/** Reasons why `kernel` is not valid, each naming the place (`n3: …`); empty for a valid kernel. */
export function verifyKernel(kernel: Kernel): string[] {
  const errors: string[] = [];
  const at = (place: string) => (reason: string) => {
    errors.push(`${place}: ${reason}`);
  };
  verifyAxes(kernel, at);
  kernel.nodes.forEach((node, index) => {
    verifyNode(kernel, node, index, at(`n${index}`));
  });
  verifyReduction(kernel, at('reduce'));
  kernel.stores.forEach((store, index) => {
    verifyStore(kernel, store, at(`store ${index}`));
  });
  // What follows looks nodes up by index and so needs sound indices.
  if (errors.length > 0) return errors;
  verifyRanges(kernel, at);
  verifyReducedAxes(kernel, at);
  verifyDistinctStores(kernel, at);
  verifyAccess(kernel, at);
  return errors;
}

type At = (place: string) => Report;

const AXIS_ORDER: Readonly<Record<AxisKind, number>> = { parallel: 0, reduced: 1, sequential: 2 };

const isWhole = (value: number) => Number.isSafeInteger(value);
const isPositive = (value: number) => isWhole(value) && value > 0;

function verifyAxes(kernel: Kernel, at: At): void {
  kernel.axes.forEach((axis, i) => {
    if (!isPositive(axis.extent)) at(`a${i}`)(`the extent ${axis.extent} is not positive`);
    const before = kernel.axes[i - 1];
    if (before && AXIS_ORDER[before.kind] > AXIS_ORDER[axis.kind])
      at(`a${i}`)(`a ${axis.kind} axis stands behind a ${before.kind} one`);
  });
  const kinds = new Set(kernel.axes.map((axis) => axis.kind));
  if (kinds.has('reduced') && kinds.has('sequential'))
    at('axes')('reduced and sequential axes in one kernel');
  kernel.buffers.forEach((buffer, i) => {
    if (!isPositive(buffer.elements)) at(`b${i}`)(`the size ${buffer.elements} is not positive`);
  });
}

function verifyAffine(kernel: Kernel, affine: Affine, report: Report): void {
  if (affine.coefficients.length !== kernel.axes.length)
    report(`${affine.coefficients.length} coefficients for ${kernel.axes.length} axes`);
  else if (![affine.offset, ...affine.coefficients].every(isWhole))
    report('an offset or coefficient is not a whole number');
}

function verifyBounds(kernel: Kernel, bounds: readonly Bound[], report: Report): void {
  for (const bound of bounds) {
    verifyAffine(kernel, bound.index, report);
    if (!isPositive(bound.extent)) report(`the bound ${bound.extent} is not positive`);
  }
}

function verifyIndirection(
  kernel: Kernel,
  indirect: Indirection | undefined,
  report: Report,
): void {
  if (!indirect) return;
  const node = kernel.nodes[indirect.node];
  if (node && node.dtype !== 'i32') report(`the address n${indirect.node} is not i32`);
  if (!isPositive(indirect.extent)) report(`the bound ${indirect.extent} is not positive`);
  if (!isWhole(indirect.stride)) report(`the stride ${indirect.stride} is not a whole number`);
}

function verifyNode(kernel: Kernel, node: Expression, index: number, report: Report): void {
  for (const operand of nodeOperands(node)) {
    if (!(isWhole(operand) && operand >= 0 && operand < index)) {
      report(`operand n${operand} does not precede it`);
      return;
    }
  }
  switch (node.kind) {
    case 'load': {
      const buffer = kernel.buffers[node.buffer];
      if (!buffer) report(`there is no buffer b${node.buffer}`);
      else if (buffer.dtype !== node.dtype) report(`b${node.buffer} is ${buffer.dtype}`);
      verifyAffine(kernel, node.index, report);
      verifyBounds(kernel, node.bounds, report);
      verifyIndirection(kernel, node.indirect, report);
      break;
    }
    case 'apply': {
      if (!Object.hasOwn(SCALAR_OPS, node.op)) {
        report(`there is no operation '${node.op}'`);
        break;
      }
      const result = scalarResult(
        node.op,
        node.operands.map((operand) => kernel.nodes[operand].dtype),
      );
      if ('reason' in result) report(result.reason);
      else if (result.dtype !== node.dtype) report(`the result is ${result.dtype}`);
      break;
    }
    case 'constant':
      if (node.dtype === 'i32' && (node.value | 0) !== node.value)
        report(`${node.value} is not an i32`);
      break;
    case 'index':
      verifyAffine(kernel, node.index, report);
      break;
    case 'inBounds':
      verifyBounds(kernel, node.bounds, report);
      break;
    case 'random':
      verifyAffine(kernel, node.counter, report);
      if (kernel.nodes[node.step].dtype !== 'i32') report(`the step n${node.step} is not i32`);
      break;
    case 'accumulator':
      if (!kernel.reduction) report('an accumulator without a reduction');
      else if (kernel.nodes[kernel.reduction.value]?.dtype !== node.dtype)
        report(`the reduced value n${kernel.reduction.value} is not ${node.dtype}`);
  }
}

function verifyReduction(kernel: Kernel, report: Report): void {
  const { reduction } = kernel;
  const reduced = kernel.axes.some((axis) => axis.kind === 'reduced');
  if (!reduction) {
    if (reduced) report('reduced axes without a reduction');
    return;
  }
  if (!kernel.nodes[reduction.value]) report(`there is no node n${reduction.value}`);
  if (!kernel.nodes.some((node) => node.kind === 'accumulator'))
    report('nothing uses the accumulator');
}

function verifyStore(kernel: Kernel, store: Store, report: Report): void {
  const buffer = kernel.buffers[store.buffer];
  const value = kernel.nodes[store.value];
  if (!buffer) report(`there is no buffer b${store.buffer}`);
  if (!value) report(`there is no node n${store.value}`);
  if (store.indirect && !kernel.nodes[store.indirect.node])
    report(`there is no node n${store.indirect.node}`);
  if (buffer && value && buffer.dtype !== value.dtype)
    report(`n${store.value} is ${value.dtype}, b${store.buffer} is ${buffer.dtype}`);
  verifyAffine(kernel, store.index, report);
  verifyIndirection(kernel, store.indirect, report);
  if (!store.accumulate) return;
  if (buffer && buffer.dtype !== 'f32') report('only f32 accumulates');
  if (!kernel.axes.some((axis) => axis.kind === 'sequential'))
    report('accumulates without sequential axes');
}

/** Values that an affine function takes when each axis stays within its range. */
function affineRange(affine: Affine, axes: readonly Range[]): Range {
  let low = affine.offset;
  let high = affine.offset;
  affine.coefficients.forEach((coefficient, axis) => {
    if (coefficient === 0) return;
    const { low: from, high: to } = axes[axis];
    low += coefficient * (coefficient > 0 ? from : to);
    high += coefficient * (coefficient > 0 ? to : from);
  });
  return { low, high };
}

const intersect = (a: Range, b: Range): Range => ({
  low: Math.max(a.low, b.low),
  high: Math.min(a.high, b.high),
});

function axisRanges(kernel: Kernel): Range[] {
  return kernel.axes.map((axis) => ({ low: 0, high: axis.extent - 1 }));
}

/** Each axis narrowed by the bounds on that axis alone. */
function narrowedAxes(kernel: Kernel, bounds: readonly Bound[]): Range[] {
  const axes = axisRanges(kernel);
  for (const { index, extent } of bounds) {
    const used = index.coefficients.flatMap((coefficient, axis) => (coefficient ? [axis] : []));
    if (used.length !== 1) continue;
    const coefficient = index.coefficients[used[0]];
    const ends = [-index.offset / coefficient, (extent - 1 - index.offset) / coefficient];
    axes[used[0]] = intersect(axes[used[0]], {
      low: Math.ceil(Math.min(...ends)),
      high: Math.floor(Math.max(...ends)),
    });
  }
  return axes;
}

/** Beyond this many bounds on several axes the search over their subsets is cut off. */
const MOST_SUBSTITUTIONS = 6;

/**
 * Values of `index` where all bounds hold; empty (low > high) where they never do. Bounds on one axis narrow the
 * axis. A bound on several, `0 <= B < extent`, is used by writing the index as `m·B + rest`, with B in its own
 * narrowed range; every subset of the bounds gives a valid range, and so does their intersection.
 */
function loadRange(kernel: Kernel, index: Affine, bounds: readonly Bound[]): Range {
  const axes = narrowedAxes(kernel, bounds);
  if (axes.some((axis) => axis.low > axis.high)) return { low: 0, high: -1 };
  const several = bounds
    .filter((bound) => bound.index.coefficients.filter((c) => c !== 0).length > 1)
    .slice(0, MOST_SUBSTITUTIONS);
  let range = affineRange(index, axes);
  for (let subset = 1; subset < 1 << several.length; subset++) {
    const chosen = several.filter((_, i) => subset & (1 << i));
    range = intersect(range, substitutedRange(index, chosen, axes));
  }
  return range;
}

function substitutedRange(index: Affine, bounds: readonly Bound[], axes: readonly Range[]): Range {
  let rest = index;
  let low = 0;
  let high = 0;
  for (const { index: inner, extent } of bounds) {
    const axis = inner.coefficients.findIndex(
      (coefficient, i) => coefficient !== 0 && rest.coefficients[i] !== 0,
    );
    if (axis < 0) continue;
    const factor = rest.coefficients[axis] / inner.coefficients[axis];
    if (!isWhole(factor)) continue;
    const value = intersect(affineRange(inner, axes), { low: 0, high: extent - 1 });
    low += factor * (factor > 0 ? value.low : value.high);
    high += factor * (factor > 0 ? value.high : value.low);
    rest = {
      offset: rest.offset - factor * inner.offset,
      coefficients: rest.coefficients.map((c, i) => c - factor * inner.coefficients[i]),
    };
  }
  const remainder = affineRange(rest, axes);
  return { low: low + remainder.low, high: high + remainder.high };
}

/** The range of an address whose data-dependent node is clamped (loads) or checked (stores). */
function addressRange(range: Range, indirect: Indirection | undefined): Range {
  if (!indirect) return range;
  const reach = indirect.stride * (indirect.extent - 1);
  return { low: range.low + Math.min(0, reach), high: range.high + Math.max(0, reach) };
}

function verifyRanges(kernel: Kernel, at: At): void {
  const verify = (place: string, buffer: number, range: Range) => {
    const { elements } = kernel.buffers[buffer];
    if (range.low > range.high) return;
    if (range.low < 0 || range.high >= elements)
      at(place)(`addresses ${range.low} to ${range.high} of b${buffer}, which has ${elements}`);
  };
  kernel.nodes.forEach((node, i) => {
    if (node.kind !== 'load') return;
    const range = loadRange(kernel, node.index, node.bounds);
    if (range.low <= range.high) verify(`n${i}`, node.buffer, addressRange(range, node.indirect));
  });
  kernel.stores.forEach((store, i) => {
    const range = affineRange(store.index, axisRanges(kernel));
    verify(`store ${i}`, store.buffer, addressRange(range, store.indirect));
  });
}

/**
 * The reduced value never needs the accumulator, and what a store needs depends on the reduced axes only through the
 * accumulator.
 */
function verifyReducedAxes(kernel: Kernel, at: At): void {
  if (!kernel.reduction) return;
  const isReduced = kernel.axes.map((axis) => axis.kind === 'reduced');
  const varies = (affine: Affine) =>
    affine.coefficients.some((c, axis) => c !== 0 && isReduced[axis]);
  const needsAccumulator: boolean[] = [];
  const needsReduced: boolean[] = [];
  for (const node of kernel.nodes) {
    const operands = nodeOperands(node);
    const bounds = node.kind === 'load' || node.kind === 'inBounds' ? node.bounds : [];
    needsAccumulator.push(
      node.kind === 'accumulator' || operands.some((operand) => needsAccumulator[operand]),
    );
    needsReduced.push(
      operands.some((operand) => needsReduced[operand]) ||
        bounds.some((bound) => varies(bound.index)) ||
        ((node.kind === 'load' || node.kind === 'index') && varies(node.index)) ||
        (node.kind === 'random' && varies(node.counter)),
    );
  }
  const { value } = kernel.reduction;
  if (needsAccumulator[value]) at('reduce')(`n${value} depends on the accumulator`);
  kernel.stores.forEach((store, i) => {
    const needed = store.indirect ? [store.value, store.indirect.node] : [store.value];
    if (varies(store.index) || needed.some((node) => needsReduced[node]))
      at(`store ${i}`)('depends on a reduced axis other than through the accumulator');
  });
}

interface Digit {
  readonly stride: number;
  /** Largest difference of two values of the digit. */
  readonly reach: number;
}

/**
 * Whether the address tells all parallel points apart, whatever the other digits are. Sorted by stride, each stride
 * must exceed all that the smaller digits together can make: then the address is a number in mixed radix.
 * Digits that are not parallel (sequential axes, a data-dependent term) may be folded together at equal strides.
 */
function storesDistinct(kernel: Kernel, store: Store, extra: readonly Digit[]): boolean {
  const digits: Digit[] = [];
  const folded = new Map<number, number>();
  const fold = (stride: number, reach: number) => {
    folded.set(stride, (folded.get(stride) ?? 0) + reach);
  };
  for (let axis = 0; axis < kernel.axes.length; axis++) {
    const { kind, extent } = kernel.axes[axis];
    const stride = Math.abs(store.index.coefficients[axis]);
    if (kind === 'parallel') {
      if (extent > 1) digits.push({ stride, reach: extent - 1 });
    } else if (kind === 'sequential' && stride > 0 && extent > 1) fold(stride, extent - 1);
  }
  if (store.indirect && store.indirect.extent > 1 && store.indirect.stride !== 0)
    fold(Math.abs(store.indirect.stride), store.indirect.extent - 1);
  for (const { stride, reach } of extra) fold(stride, reach);
  for (const [stride, reach] of folded) digits.push({ stride, reach });
  digits.sort((a, b) => a.stride - b.stride);
  let below = 0;
  for (const { stride, reach } of digits) {
    if (stride <= below) return false;
    below += stride * reach;
  }
  return true;
}

function verifyDistinctStores(kernel: Kernel, at: At): void {
  const axes = axisRanges(kernel);
  kernel.stores.forEach((store, i) => {
    if (!storesDistinct(kernel, store, []))
      at(`store ${i}`)('two points of the parallel axes may store to the same element');
    for (let j = 0; j < i; j++) {
      const other = kernel.stores[j];
      if (other.buffer !== store.buffer || storesApart(kernel, other, store, axes)) continue;
      at(`store ${i}`)(`may store where store ${j} of another point does`);
    }
  });
}

/** Whether no point stores through `a` where another point stores through `b`. */
function storesApart(kernel: Kernel, a: Store, b: Store, axes: readonly Range[]): boolean {
  const ranges = [a, b].map((store) =>
    addressRange(affineRange(store.index, axes), store.indirect),
  );
  if (ranges[0].high < ranges[1].low || ranges[1].high < ranges[0].low) return true;
  if (a.indirect || b.indirect) return false;
  const shifted = { ...b.index, offset: a.index.offset };
  if (!sameAffine(a.index, shifted)) return false;
  const distance = Math.abs(a.index.offset - b.index.offset);
  return storesDistinct(kernel, a, distance === 0 ? [] : [{ stride: distance, reach: 1 }]);
}

function verifyAccess(kernel: Kernel, at: At): void {
  kernel.buffers.forEach(({ access }, index) => {
    const report = at(`b${index}`);
    const loads = kernel.nodes.flatMap((node) =>
      node.kind === 'load' && node.buffer === index ? [node] : [],
    );
    const stores = kernel.stores.filter((store) => store.buffer === index);
    const reads = loads.length > 0 || stores.some((store) => store.accumulate);
    if (loads.length > 0 && access === 'write') report("is loaded, but its access is 'write'");
    if (stores.some((store) => store.accumulate) && access !== 'read_write')
      report(`is accumulated into, but its access is '${access}'`);
    if (stores.length > 0 && access === 'read') report("is stored to, but its access is 'read'");
    if (stores.length === 0 && access !== 'read') report('is never stored to');
    if (!reads && access === 'read') report('is never loaded');
    if (loads.length === 0 || stores.length === 0) return;
    const sameElement = loads.every((load) =>
      stores.every(
        (store) => !load.indirect && !store.indirect && sameAffine(load.index, store.index),
      ),
    );
    if (!sameElement) report('a point loads another element than the one that it stores');
  });
}
