import { type Affine, type Kernel, pointCount, type Store } from '../../../ir/kernel.ts';
import type { StagedKernel } from '../../../ir/kernel-stage.ts';

// A staged kernel that stores at each point over what it reads of an array there could have had the array in its result from the start.
// Memory is then brought into caches while functions are computed, not in a last pass that does little else.

/** What stands for an array: elements of a buffer from an offset on that depends on the tile. */
interface Place {
  readonly array: number;
  readonly buffer: number;
  /** By tile axis. */
  readonly tile: readonly number[];
  readonly offset: number;
}

/** @param parts stages and body of a kernel, whose arrays are in the buffers `holders`; they are the same with arrays in results */
export function arraysInResults(
  kernel: StagedKernel,
  parts: readonly Kernel[],
  holders: readonly number[],
): readonly Kernel[] {
  return holders.reduce((parts, holder, stage) => {
    const place = placeOf(parts, holder, stage, kernel);
    return place ? parts.map((part) => moved(part, place)) : parts;
  }, parts);
}

function placeOf(
  parts: readonly Kernel[],
  array: number,
  stage: number,
  { staging: { tileAxes, stages } }: StagedKernel,
): Place | null {
  const body = parts[parts.length - 1];
  const reads = loadsOf(body, array);
  if (reads.length === 0 || body.reductions.length > 0) return null;
  if (body.axes.some(({ kind }) => kind === 'sequential')) return null;
  const { index } = reads[0];
  const fills = parts.flatMap((part) => part.stores.filter(({ buffer }) => buffer === array));
  const plain =
    reads.every((read) => isSame(read.index, index)) &&
    parts.every((part) => loadsOf(part, array).every((load) => isPlain(load))) &&
    fills.every(isPlainStore) &&
    isWhole(body, index, tileAxes, stages[stage].local.elements);
  if (!plain) return null;
  for (const store of body.stores) {
    const { buffer } = store;
    const result = body.buffers[buffer];
    const difference = store.index.coefficients.map((c, axis) => c - index.coefficients[axis]);
    if (!isPlainStore(store) || result.dtype !== body.buffers[array].dtype) continue;
    if (result.access !== 'write' || difference.some((c, axis) => c !== 0 && axis >= tileAxes))
      continue;
    if (parts.some((part) => loadsOf(part, buffer).length > 0)) continue;
    if (parts.flatMap(({ stores }) => stores).some((s) => s !== store && s.buffer === buffer))
      continue;
    const offset = store.index.offset - index.offset;
    const place = { array, buffer, tile: difference.slice(0, tileAxes), offset };
    if (mayBegin(parts, stage, place)) return place;
  }
  return null;
}

type Load = Extract<Kernel['nodes'][number], { kind: 'load' }>;

const loadsOf = ({ nodes }: Kernel, buffer: number): readonly Load[] =>
  nodes.flatMap((node) => (node.kind === 'load' && node.buffer === buffer ? [node] : []));
const isPlain = ({ indirect, bounds }: Load) => !indirect && bounds.length === 0;
const isPlainStore = ({ indirect, accumulate }: Store) => !indirect && !accumulate;
const isSame = (a: Affine, b: Affine) =>
  a.offset === b.offset && a.coefficients.every((c, axis) => c === b.coefficients[axis]);

/** Whether the points of a tile read each element of an array once. */
function isWhole(
  body: Kernel,
  { coefficients, offset }: Affine,
  tileAxes: number,
  elements: number,
): boolean {
  const inside = body.axes.flatMap(({ extent }, axis) =>
    axis >= tileAxes && extent > 1 ? [{ extent, step: coefficients[axis] }] : [],
  );
  let dense = 1;
  for (const { extent, step } of inside.sort((a, b) => a.step - b.step)) {
    if (step !== dense) return false;
    dense *= extent;
  }
  const ofTiles = coefficients.slice(0, tileAxes).some((c) => c !== 0);
  return offset === 0 && !ofTiles && dense === elements && pointCount(body, 'parallel') > 0;
}

/**
 * Whether a stage may write where the result will be. A plan may have the result in the place of an operand of its size: what reads
 * such a one in the stage must read the element that it writes, and nothing may read it later.
 */
function mayBegin(parts: readonly Kernel[], stage: number, place: Place): boolean {
  const { buffers, stores, reductions } = parts[stage];
  const { dtype, elements } = buffers[place.buffer];
  const shared = buffers.flatMap((one, k) =>
    one.access === 'read' && one.dtype === dtype && one.elements === elements ? [k] : [],
  );
  const targets = stores
    .filter(({ buffer }) => buffer === place.array)
    .map(({ index }) => placed(index, place));
  const inStage = shared.flatMap((buffer) => loadsOf(parts[stage], buffer));
  const later = parts
    .slice(stage + 1)
    .some((part) => shared.some((buffer) => loadsOf(part, buffer).length > 0));
  if (later) return false;
  if (inStage.length === 0) return true;
  return (
    reductions.length === 0 &&
    targets.length === 1 &&
    inStage.every((load) => isPlain(load) && isSame(load.index, targets[0]))
  );
}

const placed = ({ offset, coefficients }: Affine, place: Place): Affine => ({
  offset: offset + place.offset,
  coefficients: coefficients.map((c, axis) => c + (place.tile[axis] ?? 0)),
});

function moved(part: Kernel, place: Place): Kernel {
  const move = <One extends { readonly buffer: number; readonly index: Affine }>(one: One): One =>
    one.buffer === place.array
      ? { ...one, buffer: place.buffer, index: placed(one.index, place) }
      : one;
  return {
    ...part,
    nodes: part.nodes.map((node) => (node.kind === 'load' ? move(node) : node)),
    stores: part.stores.map(move),
  };
}
