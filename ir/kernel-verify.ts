import { DTYPES, STORAGE_TYPES, valueType } from './dtypes.ts';
import type {
  Affine,
  AxisKind,
  Bound,
  Expression,
  Indirection,
  Kernel,
  NodeIndex,
  Store,
} from './kernel.ts';
import { isLocal, localArray, sameAffine } from './kernel.ts';
import {
  addressRange,
  affineRange,
  axisRanges,
  loadRange,
  type Range,
  repeatedAxes,
  storesApart,
  storesDistinct,
} from './kernel-addresses.ts';
import { affinesOf } from './kernel-affines.ts';
import { nodeOperands } from './kernel-cost.ts';
import { isGroup } from './kernel-group.ts';
import { verifyGroupForm, verifyGroupParts } from './kernel-group-verify.ts';
import {
  filledElements,
  isStaged,
  partList,
  type StagedKernel,
  splitStages,
  tileAxesOf,
  tileParts,
  tilesOwn,
} from './kernel-stage.ts';
import { SCALAR_OPS, scalarResult } from './scalar.ts';

// Checks the invariants listed in kernel.ts. Ranges and distinctness are proved by sufficient tests (kernel-addresses.ts):
// a kernel that fails one is refused even where it happens to be right.

type Report = (reason: string) => void;

/** Kernels do not change: one that was found valid stays so, in later passes and as a part of others. */
const sound = new WeakSet<Kernel>();

/** Reasons why `kernel` is not valid, each naming the place (`n3: …`, `stage n3: …`); empty for a valid kernel. */
export function verifyKernel(kernel: Kernel): readonly string[] {
  if (sound.has(kernel)) return [];
  const errors = kernelErrors(kernel);
  if (errors.length === 0) sound.add(kernel);
  return errors;
}

function kernelErrors(kernel: Kernel): string[] {
  const errors: string[] = [];
  const at =
    (part = '') =>
    (place: string) =>
    (reason: string) => {
      errors.push(`${part}${place}: ${reason}`);
    };
  if (isGroup(kernel)) {
    const report = (place: string, reason: string) => at()(place)(reason);
    verifyGroupForm(kernel, report);
    kernel.parts.forEach(({ kernel: part }, p) => {
      for (const reason of verifyKernel(part)) errors.push(`part ${p}, ${reason}`);
    });
    if (errors.length === 0) verifyGroupParts(kernel, report);
    return errors;
  }
  if (kernel.spans) at()('spans')('only a kernel with parts has any');
  if (!isStaged(kernel)) {
    verifyForm(kernel, at());
    verifyRescaled(kernel, at());
    verifyScratch(kernel, at()('scratch'));
    // What follows looks nodes up by index and so needs sound indices.
    if (errors.length > 0) return errors;
    verifyRanges(kernel, at());
    verifyPoints(kernel, at());
    verifyAccess(kernel.buffers, () => [kernel], at(), kernel.scratch);
    return errors;
  }
  verifyTiles(kernel, at()('stages'));
  verifyRescaled(kernel, at());
  if (errors.length > 0) return errors;
  kernel.staging.stages.forEach((_, k) => {
    verifyStage(kernel, k, at()(stageName(k)));
  });
  if (errors.length > 0) return errors;
  const places = [...kernel.staging.stages.map((_, k) => at(`${stageName(k)} `)), at()];
  const parts = partList(splitStages(kernel));
  parts.forEach((part, k) => {
    verifyForm(part, places[k]);
  });
  if (errors.length > 0) return errors;
  parts.forEach((part, k) => {
    verifyPoints(part, places[k], k === parts.length - 1);
  });
  // Inside the arrays of one tile, not only among those of all.
  partList(tileParts(kernel)).forEach((part, k) => {
    verifyRanges(part, places[k]);
  });
  const holders = kernel.staging.stages.map(({ local }) => local.buffer);
  /** Stages load of it what the kernel stores later, tile by tile. */
  const isOwn = (buffer: number) =>
    kernel.stores.some((store) => store.buffer === buffer) && tilesOwn(kernel, buffer, buffer);
  const touching = (buffer: number) => (isOwn(buffer) ? parts.slice(-1) : parts);
  verifyAccess(kernel.buffers, touching, at(), ...holders);
  verifyParts(kernel.buffers, touching, at());
  return errors;
}

const stageName = (stage: number) => (stage === 0 ? 'stage' : `stage ${stage + 1}`);

/** That the axes of the tiles are axes of the kernel. */
function verifyTiles(kernel: StagedKernel, report: Report): void {
  const { axes, staging } = kernel;
  const { tileAxes, tileTerms, stages } = staging;
  const count = (kind: AxisKind) => axes.filter((axis) => axis.kind === kind).length;
  if (kernel.scratch !== undefined) report('the kernel has scratch memory as well');
  if (stages.length === 0) report('there is none');
  if (!(isWhole(tileAxes) && tileAxes >= 0 && tileAxes <= count('parallel')))
    report(`${tileAxes} of ${count('parallel')} parallel axes are no tile axes`);
  if (!(isWhole(tileTerms) && tileTerms >= 0 && tileTerms <= count('reduced')))
    report(`${tileTerms} of ${count('reduced')} reduced axes are no tile terms`);
  if (count('sequential') > 0) report('has sequential axes');
}

/** What the kernels of a staged one cannot show: that they belong together. */
function verifyStage(kernel: StagedKernel, number: number, report: Report): void {
  const { axes, buffers, staging } = kernel;
  const stage = staging.stages[number];
  const { local, stores } = stage;
  const own = localArray(number);
  const tile = tileAxesOf(axes, staging);
  if (stage.axes.some(({ kind }) => kind === 'sequential')) report('has sequential axes');
  if (filledElements(stage) !== local.elements)
    report(`${filledElements(stage)} points fill ${local.elements} elements`);
  const [store, ...others] = stores;
  if (store?.buffer !== own || store.accumulate || store.indirect)
    report('the first store is not a plain one into the array');
  if (others.some(({ buffer, accumulate }) => isLocal(buffer) || accumulate))
    report('another store is not a plain one into a buffer');
  if (others.length > 0 && staging.tileTerms > 0) report('stores in a buffer for each tile term');
  const loadsOf = (nodes: Kernel['nodes'], wanted: (buffer: number) => boolean) =>
    nodes.flatMap((node) => (node.kind === 'load' && wanted(node.buffer) ? [node] : []));
  if (loadsOf(stage.nodes, (buffer) => isLocal(buffer) && buffer <= own).length > 0)
    report('loads from an array that no earlier stage fills');
  const later = staging.stages
    .slice(number + 1)
    .flatMap((one) => loadsOf(one.nodes, (buffer) => buffer === own));
  const reads = loadsOf(kernel.nodes, (buffer) => buffer === own);
  if (later.length + reads.length === 0) report('nothing loads what it fills');
  const varies = (axesOfTile: readonly number[]) => (access: { readonly index: Affine }) =>
    axesOfTile.some((axis) => access.index.coefficients[axis] !== 0);
  if (
    [store, ...later].some(varies([...tile.keys()])) ||
    reads.some(varies(tile)) ||
    kernel.stores.some(({ buffer }) => isLocal(buffer))
  )
    report('an address in the array depends on the tile, or the kernel stores there');
  if (local.buffer === null) return;
  const holder = buffers[local.buffer];
  if (!holder) report(`there is no buffer b${local.buffer}`);
  else if (
    holder.access !== 'write' ||
    holder.dtype !== local.dtype ||
    holder.elements !== local.elements
  )
    report(`b${local.buffer} does not hold the array`);
}

/** What one part stores in a buffer, no other touches: tiles are at different parts at the same time. */
function verifyParts(
  buffers: Kernel['buffers'],
  touching: (buffer: number) => readonly Kernel[],
  at: At,
): void {
  buffers.forEach((_, buffer) => {
    const parts = touching(buffer);
    const stored = parts.filter(({ stores }) => stores.some((store) => store.buffer === buffer));
    const loaded = parts.filter(({ nodes }) =>
      nodes.some((node) => node.kind === 'load' && node.buffer === buffer),
    );
    if (stored.length > 0 && new Set([...stored, ...loaded]).size > 1)
      at(`b${buffer}`)('one part of the kernel stores what another touches');
  });
}

function verifyScratch({ buffers, scratch }: Kernel, report: Report): void {
  if (scratch === undefined) return;
  if (!buffers[scratch]) report(`there is no buffer b${scratch}`);
  else if (buffers[scratch].access !== 'write') report(`b${scratch} is not written`);
}

function verifyForm(kernel: Kernel, at: At): void {
  verifyAxes(kernel, at);
  if (kernel.stores.length === 0) at('stores')('there is none');
  kernel.nodes.forEach((node, index) => {
    verifyNode(kernel, node, index, at(`n${index}`));
  });
  verifyReductions(kernel, at);
  kernel.stores.forEach((store, index) => {
    verifyStore(kernel, store, at(`store ${index}`));
  });
}

/** @param mayRepeat whether stores may stay at one element along axes */
function verifyPoints(kernel: Kernel, at: At, mayRepeat = false): void {
  verifyReducedAxes(kernel, at);
  verifyDistinctStores(kernel, at, mayRepeat);
}

type At = (place: string) => Report;

const AXIS_ORDER: Readonly<Record<AxisKind, number>> = { parallel: 0, reduced: 1, sequential: 2 };

/** What generated code computes indices and counters in. */
const I32: Range = { low: -(2 ** 31), high: 2 ** 31 - 1 };
/** Counters are taken modulo 2^32; what a window reads beside its tensor, and gives away, may have one below 0. */
const COUNTER: Range = { low: -(2 ** 31), high: 2 ** 32 - 1 };

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
      else if (valueType(buffer.dtype) !== node.dtype) report(`b${node.buffer} is ${buffer.dtype}`);
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
      if (!DTYPES[node.dtype].accepts(node.value)) report(`${node.value} is not an i32`);
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
    case 'accumulator': {
      const reduction = kernel.reductions[node.reduction];
      if (!reduction) report('an accumulator without a reduction');
      else if (kernel.nodes[reduction.value]?.dtype !== node.dtype)
        report(`the reduced value n${reduction.value} is not ${node.dtype}`);
    }
  }
}

function verifyReductions({ axes, nodes, reductions }: Kernel, at: At): void {
  if (reductions.length === 0 && axes.some((axis) => axis.kind === 'reduced'))
    at('reduce')('reduced axes without a reduction');
  reductions.forEach(({ value }, k) => {
    const report = at(reduceName(k));
    if (!nodes[value]) report(`there is no node n${value}`);
    const isUsed =
      nodes.some((node) => node.kind === 'accumulator' && node.reduction === k) ||
      reductions.some(({ rescaled }) => rescaled === k);
    if (!isUsed) report('nothing uses the accumulator');
  });
}

/** That sums are rescaled where code can do so, and by what they may be. */
function verifyRescaled({ nodes, reductions, staging }: Kernel, at: At): void {
  staging?.stages.forEach((stage, k) => {
    if (stage.reductions.some(({ rescaled }) => rescaled !== undefined))
      at(stageName(k))('a stage rescales no sums');
  });
  reductions.forEach(({ combiner, value, rescaled }, k) => {
    if (rescaled === undefined) return;
    const report = at(reduceName(k));
    const by = isWhole(rescaled) && rescaled < k ? reductions[rescaled] : undefined;
    const isF32 = (node: number) => nodes[node]?.dtype === 'f32';
    if (by?.combiner !== 'max' || by.rescaled !== undefined || !isF32(by.value))
      report('what it is rescaled by is no maximum of f32 in front of it');
    if (combiner !== 'sum' || !isF32(value)) report('only sums of f32 are rescaled');
    if (!staging) report('only kernels with stages rescale sums');
  });
}

const reduceName = (reduction: number) => (reduction === 0 ? 'reduce' : `reduce ${reduction + 1}`);

function verifyStore(kernel: Kernel, store: Store, report: Report): void {
  const buffer = kernel.buffers[store.buffer];
  const value = kernel.nodes[store.value];
  if (!buffer) report(`there is no buffer b${store.buffer}`);
  if (!value) report(`there is no node n${store.value}`);
  if (store.indirect && !kernel.nodes[store.indirect.node])
    report(`there is no node n${store.indirect.node}`);
  if (buffer && value && valueType(buffer.dtype) !== value.dtype)
    report(`n${store.value} is ${value.dtype}, b${store.buffer} is ${buffer.dtype}`);
  if (buffer && STORAGE_TYPES[buffer.dtype]?.isScaled)
    report(`b${store.buffer} is ${buffer.dtype}, which is only read`);
  verifyAffine(kernel, store.index, report);
  verifyIndirection(kernel, store.indirect, report);
  if (!store.accumulate) return;
  if (buffer && buffer.dtype !== 'f32') report('only f32 accumulates');
  if (!kernel.axes.some((axis) => axis.kind === 'sequential'))
    report('accumulates without sequential axes');
}

function verifyRanges(kernel: Kernel, at: At): void {
  const axes = axisRanges(kernel);
  const within = (place: string, index: Affine, { low, high }: Range, what: string) => {
    const range = affineRange(index, axes);
    if (range.low < low || range.high > high)
      at(place)(`computes ${range.low} to ${range.high}, not all of them ${what}`);
  };
  const verify = (place: string, buffer: number, range: Range) => {
    const { elements } = kernel.buffers[buffer];
    if (range.low > range.high) return;
    if (range.low < 0 || range.high >= elements)
      at(place)(`addresses ${range.low} to ${range.high} of b${buffer}, which has ${elements}`);
  };
  kernel.nodes.forEach((node, i) => {
    if (node.kind === 'index') within(`n${i}`, node.index, I32, 'i32');
    if (node.kind === 'random') within(`n${i}`, node.counter, COUNTER, 'i32 or u32');
    if (node.kind === 'inBounds' || node.kind === 'load')
      for (const { index } of node.bounds) within(`n${i}`, index, I32, 'i32');
    if (node.kind !== 'load') return;
    const range = loadRange(kernel, node.index, node.bounds);
    if (range.low <= range.high) verify(`n${i}`, node.buffer, addressRange(range, node.indirect));
  });
  kernel.stores.forEach((store, i) => {
    const range = affineRange(store.index, axes);
    verify(`store ${i}`, store.buffer, addressRange(range, store.indirect));
  });
}

/**
 * No reduced value needs an accumulator, and what a store needs depends on the reduced axes only through the
 * accumulators.
 */
function verifyReducedAxes(kernel: Kernel, at: At): void {
  if (kernel.reductions.length === 0) return;
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
  kernel.reductions.forEach(({ value }, k) => {
    if (needsAccumulator[value]) at(reduceName(k))(`n${value} depends on an accumulator`);
  });
  kernel.stores.forEach((store, i) => {
    const needed = store.indirect ? [store.value, store.indirect.node] : [store.value];
    if (varies(store.index) || needed.some((node) => needsReduced[node]))
      at(`store ${i}`)('depends on a reduced axis other than through the accumulator');
  });
}

function verifyDistinctStores(kernel: Kernel, at: At, mayRepeat: boolean): void {
  const axes = axisRanges(kernel);
  kernel.stores.forEach((store, i) => {
    const repeated = repeatedAxes(kernel, store);
    if (!storesDistinct(kernel, store, []) || (repeated.length > 0 && !mayRepeat))
      at(`store ${i}`)('two points of the parallel axes may store to the same element');
    else if (variesAlong(kernel, store.value, repeated))
      at(`store ${i}`)('stays at one element along axes that its value changes along');
    else if (
      repeated.length > 0 &&
      kernel.nodes.some((node) => node.kind === 'load' && node.buffer === store.buffer)
    )
      at(`store ${i}`)('stays at one element along axes, in a buffer that is loaded');
    for (let j = 0; j < i; j++) {
      const other = kernel.stores[j];
      if (other.buffer !== store.buffer || storesApart(kernel, other, store, axes)) continue;
      at(`store ${i}`)(`may store where store ${j} of another point does`);
    }
  });
}

/** Whether a value may change along parallel axes, also by what is reduced for it. */
function variesAlong(
  { nodes, reductions }: Kernel,
  value: NodeIndex,
  axes: readonly number[],
): boolean {
  const known = new Map<NodeIndex, boolean>();
  const varies = (index: NodeIndex): boolean => {
    const before = known.get(index);
    if (before !== undefined) return before;
    const node = nodes[index];
    const reduction = node.kind === 'accumulator' ? reductions[node.reduction] : undefined;
    const by = reduction?.rescaled;
    const operands = [
      ...nodeOperands(node),
      ...(reduction ? [reduction.value] : []),
      ...(by === undefined ? [] : [reductions[by].value]),
    ];
    const own = affinesOf(node).some(({ coefficients }) =>
      axes.some((axis) => coefficients[axis] !== 0),
    );
    const result = own || operands.some(varies);
    known.set(index, result);
    return result;
  };
  return axes.length > 0 && varies(value);
}

/** How the kernels that share `buffers` use them; those `apart` are working memory. */
function verifyAccess(
  buffers: Kernel['buffers'],
  touching: (buffer: number) => readonly Kernel[],
  at: At,
  ...apart: readonly (number | null | undefined)[]
): void {
  buffers.forEach(({ access }, index) => {
    const report = at(`b${index}`);
    const kernels = touching(index);
    const loads = kernels.flatMap(({ nodes }) =>
      nodes.flatMap((node) => (node.kind === 'load' && node.buffer === index ? [node] : [])),
    );
    const stores = kernels.flatMap((kernel) =>
      kernel.stores.filter((store) => store.buffer === index),
    );
    if (apart.includes(index)) {
      if (loads.length + stores.length > 0) report('is used, but is working memory');
      return;
    }
    const reads = loads.length > 0 || stores.some((store) => store.accumulate);
    if (loads.length > 0 && access === 'write') report("is loaded, but its access is 'write'");
    if (stores.some((store) => store.accumulate) && access !== 'read_write')
      report(`is accumulated into, but its access is '${access}'`);
    if (stores.length > 0 && access === 'read') report("is stored to, but its access is 'read'");
    if (stores.length === 0 && access !== 'read') report('is never stored to');
    if (!reads && access === 'read') report('is never loaded');
    if (loads.length === 0 || stores.length === 0) return;
    const sameElement = loads.every((load) =>
      stores.some(
        (store) =>
          sameAffine(load.index, store.index) && sameIndirection(load.indirect, store.indirect),
      ),
    );
    if (!sameElement) report('a point loads an element that it does not store');
  });
}

function sameIndirection(a: Indirection | undefined, b: Indirection | undefined): boolean {
  return a?.node === b?.node && a?.stride === b?.stride && a?.extent === b?.extent;
}
