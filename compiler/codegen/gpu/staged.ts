import { DTYPES } from '../../../ir/dtypes.ts';
import { combinerIdentity, type Kernel } from '../../../ir/kernel.ts';
import { type StagedKernel, tileCount, tileHalves } from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { cascade } from '../cascade.ts';
import { axesOfKind } from '../contraction-groups.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import type { Dialect } from './dialect.ts';
import { innerScope, storeLines } from './expression.ts';
import { assembleModule, decompose, type GpuModule, gridOvershoots } from './module.ts';
import { evaluateTile, registerTiles, type TiledPoints, tileScopes } from './register-tile.ts';
import { TUNING } from './tuning.ts';
import type { StagedVariant } from './variant.ts';
import { combineText, literalText, newWriter, type Writer } from './writer.ts';

/**
 * A kernel with a stage: a workgroup per tile. Its invocations first fill the array in workgroup memory, then, behind a
 * barrier, compute from it what the kernel stores.
 */
export function emitStaged(
  dialect: Dialect,
  kernel: StagedKernel,
  variant: StagedVariant,
  limits: TargetLimits,
): GpuModule {
  const writer = newWriter(dialect);
  const { tileAxes, local } = kernel.stage;
  const halves = tileHalves(kernel);
  const groups = tileCount(kernel);
  const tile = decompose(dialect, kernel.axes, [...Array(tileAxes).keys()], 'group');
  const division = divisionOf(kernel, variant, limits);
  const [fill, finish] = [halves.stage, halves.body].map((half, k) =>
    pointLines(half, writer, tile.names, tileAxes, division.halves[k], division.workgroupSize),
  );
  const body = [
    // A uniform condition, so the barrier behind it stays legal.
    ...(gridOvershoots(groups, limits.maxWorkgroupsPerDimension)
      ? [`if (group >= ${groups}) { return; }`]
      : []),
    ...tile.lines,
    ...fill,
    dialect.barrier,
    ...finish,
  ];
  const array = { name: `b${kernel.buffers.length}`, type: local.dtype, length: local.elements };
  const { workgroupSize } = division;
  const parts = { body, workgroupArrays: [array], workgroupSize, groups };
  return assembleModule(kernel, writer, parts, limits);
}

/** How the invocations of a workgroup share the points of each half. */
interface Division {
  readonly workgroupSize: number;
  readonly halves: readonly TiledPoints[];
  /** How many times as long as alone, for want of workgroup memory that lets others run beside it. */
  readonly crowding: number;
}

/** The divisions of a kernel by sizes of workgroups. */
export function divideTiles(kernel: StagedKernel, limits: TargetLimits): Division[] {
  const { tileAxes, local } = kernel.stage;
  const { workgroupSizes, coreBytes, coreInvocations } = TUNING.staged;
  const { stage, body } = tileHalves(kernel);
  const ways = [stage, body].map((half) => registerTiles(half, ownAxes(half, tileAxes)));
  // Arrays that take much workgroup memory let few workgroups run on a core at a time.
  const together = Math.floor(coreBytes / (local.elements * DTYPES[local.dtype].bytes));
  const sizes = new Set(
    workgroupSizes.map((size) => Math.min(size, limits.maxWorkgroupInvocations)),
  );
  return [...sizes].map((workgroupSize) => {
    const timeOf = ({ units, unitTime }: TiledPoints) =>
      Math.ceil(units / workgroupSize) * unitTime;
    const halves = ways.map((list) => list.reduce((a, b) => (timeOf(b) < timeOf(a) ? b : a)));
    const crowding = Math.max(1, coreInvocations / (together * workgroupSize));
    return { workgroupSize, halves, crowding };
  });
}

/** The division of a variant. */
export function divisionOf(
  kernel: StagedKernel,
  { workgroupSize }: StagedVariant,
  limits: TargetLimits,
): Division {
  return divideTiles(kernel, limits).find((one) => one.workgroupSize === workgroupSize)!;
}

const ownAxes = (half: Kernel, tileAxes: number) => axesOfKind(half, 'parallel').slice(tileAxes);

/** All points of one half in one tile: what is stored at each. */
function pointLines(
  half: Kernel,
  writer: Writer,
  tileNames: readonly (string | null)[],
  tileAxes: number,
  { tile, units }: TiledPoints,
  workgroupSize: number,
): string[] {
  const steps = half.axes.map(({ extent, kind }, axis) => ({ extent: extent / tile[axis], kind }));
  const { dialect } = writer;
  const unit = decompose(dialect, steps, ownAxes(half, tileAxes), 'unit');
  const names = half.axes.map((_, axis) => (axis < tileAxes ? tileNames[axis] : unit.names[axis]));
  const scopes = tileScopes(half, writer, tile, names);
  const sums = half.reduction ? reductionLines(half, scopes, tile) : [];
  const finals = scopes.map((scope, k) => {
    const final = innerScope(scope);
    half.nodes.forEach((node, index) => {
      if (node.kind === 'accumulator') final.names.set(index, `total_${k}`);
    });
    return final;
  });
  const roots = half.stores.map(({ value }) => value);
  return [
    dialect.loop({ name: 'unit', first: 'local', end: String(units), step: workgroupSize }),
    ...unit.lines,
    ...sums,
    ...evaluateTile(finals, tile, roots),
    ...finals.flatMap(storeLines),
    '}',
  ];
}

/** The reduction at each point of a register tile, into `total_0`, `total_1`, …; a loop per reduced axis. */
function reductionLines(
  half: Kernel,
  scopes: readonly ReturnType<typeof innerScope>[],
  tile: readonly number[],
): string[] {
  const { combiner, value } = half.reduction!;
  const { dtype } = half.nodes[value];
  const { writer } = scopes[0];
  const { dialect } = writer;
  const identity = literalText(writer, dtype, combinerIdentity(combiner, dtype));
  const reduced = axesOfKind(half, 'reduced');
  const terms = half.axes.map((_, axis) => (reduced.includes(axis) ? `r${axis}` : null));
  const loops = scopes.map((scope) => innerScope(scope, terms));
  const totals = scopes.map((_, k) => `total_${k}`);
  const extents = reduced.map((axis) => half.axes[axis].extent);
  const blocks = cascade(half, extents);
  const sums = new BlockSums(dialect, totals, dtype, blocks);
  const step = [
    ...evaluateTile(loops, tile, [value]),
    ...totals.map((total, k) => {
      const term = loops[k].names.get(value)!;
      return `${total} = ${combineText(writer, combiner, dtype, total, term)};`;
    }),
  ];
  return [
    ...totals.map((total) => dialect.variable(dtype, total, identity)),
    ...sums.declarations(),
    ...reduced.reduceRight(
      (body, axis, k) =>
        blockedLoop(
          dialect,
          { name: `r${axis}`, first: '0', end: extents[k], step: 1 },
          blocks.cuts[k],
          (level) => sums.flush(level),
          body,
        ),
      step,
    ),
    ...sums.totals(),
  ];
}
