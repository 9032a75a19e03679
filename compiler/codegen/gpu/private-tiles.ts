import { type Kernel, type NodeIndex, pointCount } from '../../../ir/kernel.ts';
import { nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import { partList, type StagedKernel, tileCount, tileParts } from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { axesOfKind, contractionGroups, extentOf } from '../contraction-groups.ts';
import { type Block, blockLines, inSides, sizeOf } from './blocks.ts';
import { range } from './contraction-functions.ts';
import { type Dialect, VECTOR_WIDTH } from './dialect.ts';
import { storedValues } from './expression.ts';
import { assembleModule, decompose, type GpuModule, gridOvershoots } from './module.ts';
import { derived } from './operations.ts';
import {
  distinctValues,
  neededNodes,
  type Quads,
  quadAccesses,
  quadBuffers,
  withMore,
} from './points.ts';
import { hasRescaled } from './rescale.ts';
import { ownAxes, tileAxesByPart } from './staged-division.ts';
import { TUNING } from './tuning.ts';
import type { PrivateVariant } from './variant.ts';
import { newWriter } from './writer.ts';

// Kernels with stages whose tiles are so small that an invocation computes one alone, with the arrays in memory of its own: no
// barriers, and no workgroup memory, which adapters in software make slow.

/** One of the computations of a tile: a loop over blocks of its points. */
export interface PrivatePart extends Block {
  readonly part: Kernel;
  /** Parallel axes inside of the tile. */
  readonly own: readonly number[];
  /** Number of blocks. */
  readonly units: number;
  /**
   * Whether it is a product of matrices. Those are summed in scalars, and measured by the elements that they load, as adapters in software
   * take vectors apart; what walks along memory once is measured by vectors.
   */
  readonly isProduct: boolean;
}

/** Whether an invocation can hold the arrays of a tile. Sums that go from tile to tile or are rescaled are for workgroups. */
export function hasPrivateTiles(kernel: StagedKernel): boolean {
  const { staging } = kernel;
  const elements = staging.stages.reduce((sum, { local }) => sum + local.elements, 0);
  return (
    staging.tileTerms === 0 && !hasRescaled(kernel) && elements <= TUNING.staged.privateElements
  );
}

/** The stages in order, then the kernel, each in the blocks that take the fewest operations. */
export function privateParts(kernel: StagedKernel): readonly PrivatePart[] {
  return derived(kernel, 'private', () => {
    const tiles = tileAxesByPart(kernel);
    return partList(tileParts(kernel)).map((part, k) => {
      const own = ownAxes(part, tiles[k]);
      const isProduct = isMatrixProduct(part);
      const block = bestBlock(kernel, part, own, isProduct);
      const points = own.reduce((count, axis) => count * part.axes[axis].extent, 1);
      return { part, own, units: points / sizeOf(block.sides, own), isProduct, ...block };
    });
  });
}

function isMatrixProduct(part: Kernel): boolean {
  const groups = contractionGroups(part);
  return groups !== null && [groups.m, groups.n].every((axes) => extentOf(part, axes) > 1);
}

function bestBlock(
  kernel: StagedKernel,
  part: Kernel,
  own: readonly number[],
  isProduct: boolean,
): Block {
  const blocks = sidesOf(part, own).map((sides) => ({
    sides,
    quads: vectorsOf(kernel, part, own, sides),
  }));
  const measured = (quads: Quads) => (isProduct ? arrayAccesses(kernel, part) : quads);
  const efforts = blocks.map(({ sides, quads }) =>
    effortOf(part, { sides, quads: measured(quads) }, own),
  );
  return blocks[efforts.indexOf(Math.min(...efforts))];
}

/** Accesses to the arrays of the stages, which take what a part of a vector takes. */
export function arrayAccesses({ buffers }: StagedKernel, { nodes, stores }: Kernel): Quads {
  const loads = nodes.flatMap((node, index) =>
    node.kind === 'load' && node.buffer >= buffers.length ? [[index, 0] as const] : [],
  );
  const own = stores.filter(({ buffer }) => buffer >= buffers.length);
  return { axis: 0, loads: new Map(loads), draws: new Map(), stores: new Set(own) };
}

/** Blocks over the last axes inside of a tile, and over some terms of the innermost sum. */
function sidesOf(part: Kernel, own: readonly number[]): number[][] {
  const { mostSums, mostProducts } = TUNING.blocks;
  const isSum = part.reductions.length > 0;
  const axes = own.slice(isSum ? -TUNING.staged.blockAxes : -1);
  const most = isSum ? mostSums : VECTOR_WIDTH;
  let found = [part.axes.map(() => 1)];
  for (const axis of axes)
    found = found.flatMap((sides) =>
      TUNING.staged.blockSides
        .filter((side) => part.axes[axis].extent % side === 0)
        .map((side) => sides.with(axis, side))
        .filter((block) => sizeOf(block, own) <= most),
    );
  const last = isSum ? axesOfKind(part, 'reduced').at(-1) : undefined;
  if (last === undefined || part.axes[last].extent % VECTOR_WIDTH !== 0) return found;
  const several = found
    .map((sides) => sides.with(last, VECTOR_WIDTH))
    .filter((sides) => sizeOf(sides, [...own, last]) <= mostProducts);
  return [...found, ...several];
}

/** The vectors among the accesses to buffers, across the points of a block and along its terms. */
function vectorsOf(
  kernel: StagedKernel,
  part: Kernel,
  own: readonly number[],
  sides: readonly number[],
): Quads {
  const isBuffer = (buffer: number) => buffer < kernel.buffers.length;
  const isWide = (axis: number | undefined) =>
    axis !== undefined && sides[axis] % VECTOR_WIDTH === 0 ? axis : undefined;
  const across = isWide(own.at(-1));
  const along = isWide(axesOfKind(part, 'reduced').at(-1));
  const roots = [...storedValues(part), ...part.reductions.map(({ value }) => value)];
  const vectors = neededNodes(part, roots).filter((index) => {
    const node = part.nodes[index];
    return node.kind === 'load' ? isBuffer(node.buffer) : node.kind === 'random';
  });
  const stores = part.stores.filter(({ buffer }) => isBuffer(buffer));
  const under = nodesUnderReduction(part);
  const terms = vectors.filter((index) => under[index]);
  return withMore(quadAccesses(part, across, vectors, stores), quadAccesses(part, along, terms));
}

/** What a load costs, in operations. */
const LOAD = 3;
/** What a step of a loop costs. */
const STEP = 3;

/** About how many operations a part takes in blocks: for choices between blocks. */
function effortOf(part: Kernel, { sides, quads }: Block, own: readonly number[]): number {
  const under = nodesUnderReduction(part);
  const reduced = axesOfKind(part, 'reduced');
  const all = [...own, ...reduced];
  const points = sizeOf(sides, own);
  const costOf = (index: NodeIndex, axes: readonly number[]) => {
    const { kind } = part.nodes[index];
    if (kind === 'constant' || kind === 'accumulator') return 0;
    const each = kind === 'load' ? (quads.loads.has(index) ? LOAD / VECTOR_WIDTH : LOAD) : 1;
    return each * distinctValues(part, index, sides, axes);
  };
  let [step, finish] = [STEP + part.reductions.length * sizeOf(sides, all), STEP];
  for (const index of part.nodes.keys())
    if (under[index]) step += costOf(index, all);
    else finish += costOf(index, own);
  for (const store of part.stores)
    finish += (points * LOAD) / (quads.stores.has(store) ? VECTOR_WIDTH : 1);
  const steps = reduced.length > 0 ? pointCount(part, 'reduced') / sizeOf(sides, reduced) : 0;
  return (steps * step + finish) / points;
}

/** An invocation per tile, which computes the parts one after the other. */
export function emitPrivate(
  dialect: Dialect,
  kernel: StagedKernel,
  { workgroupSize }: PrivateVariant,
  limits: TargetLimits,
): GpuModule {
  const { axes, staging, buffers } = kernel;
  const tiles = tileCount(kernel);
  const groups = Math.ceil(tiles / workgroupSize);
  const exact =
    tiles % workgroupSize === 0 && !gridOvershoots(groups, limits.maxWorkgroupsPerDimension);
  const parts = privateParts(kernel);
  const quads = parts.flatMap(({ part, quads: own }) => [...quadBuffers(part, own)]);
  const writer = newWriter(dialect, new Set(quads));
  const { point } = dialect.names;
  const tileAxes = tileAxesByPart(kernel);
  const tile = decompose(dialect, axes, tileAxes.at(-1)!, point, 'tile');
  const tileNames = tileAxes.at(-1)!.map((axis) => tile.names[axis]);
  const body = [
    dialect.constant('index', point, `group * ${workgroupSize} + local`),
    ...(exact ? [] : [`if (${point} >= ${tiles}) { return; }`]),
    ...tile.lines,
    ...staging.stages.map(({ local: { dtype, elements } }, k) =>
      dialect.array(
        dtype,
        `b${buffers.length + k}`,
        range(elements).map(() => dialect.zero(dtype)),
      ),
    ),
    ...parts.flatMap((one, k) => {
      const { part, own, units, sides } = one;
      const unit = decompose(dialect, inSides(part, sides), own, 'unit', 'unit');
      const names = part.axes.map((_, axis) => {
        const place = tileAxes[k].indexOf(axis);
        return place < 0 ? unit.names[axis] : tileNames[place];
      });
      return [
        ...(units > 1
          ? [dialect.loop({ name: 'unit', first: '0', end: String(units) })]
          : ['{', dialect.constant('index', 'unit', '0')]),
        ...unit.lines,
        ...blockLines(part, writer, one, names, !one.isProduct),
        '}',
      ];
    }),
  ];
  return assembleModule(kernel, writer, { body, workgroupSize, groups }, limits);
}
