import { type Kernel, type NodeIndex, pointCount } from '../../../ir/kernel.ts';
import { nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import { type StagedKernel, tileCount, tileSteps } from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { axesOfKind, type ContractionGroups, extentOf } from '../contraction-groups.ts';
import {
  callsOf,
  type KernelWork,
  NOTHING,
  type Operations,
  plainly,
  scaled,
  total,
} from '../work.ts';
import { type Block, blockSides, blockVectors, sizeOf } from './blocks.ts';
import { contractionReads } from './contraction.ts';
import type { Contraction } from './contraction-match.ts';
import { fillTiling } from './contraction-matrix.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import { pointVectors } from './elementwise.ts';
import { exchangeWaits } from './exchange.ts';
import {
  CHUNK_WAITS,
  DIVISION,
  derived,
  FILL,
  factorOperations,
  finishing,
  indexing,
  LOOP_STEP,
  MULTIPLY_ADD,
  operationsOf,
  WORKGROUP_ACCESS,
} from './operations.ts';
import { distinctValues } from './points.ts';
import { prepare } from './prepare.ts';
import { arrayAccesses, privateParts } from './private-tiles.ts';
import { loopInvariants, reductionVectors, sharedSums } from './reduction.ts';
import { rescaledBy } from './rescale.ts';
import { divisionOf, type Gathered, type Spread } from './staged-division.ts';
import { TUNING } from './tuning.ts';
import {
  type BlocksVariant,
  type MatrixVariant,
  type PointsVariant,
  type PrivateVariant,
  type ReductionVariant,
  type StagedVariant,
  tilingResources,
  type Variant,
} from './variant.ts';

// Operations of the modules that this folder prints.

/** How many times as many multiply-adds a device does in products of matrices. */
const MATRIX_RATE = 4;
/** A value from another invocation of the subgroup. */
const EXCHANGE = 2;

/** Operations of products that are measured by elements in those of products that are measured by vectors, by which rates go. */
export const SCALAR_SHARE = 0.8;

/** What a level of a tree in workgroup memory waits for, in steps of a loop that loads. */
const LEVEL = 0.1;

/** Operations that one invocation does in the time of a load, whatever the others do. */
const ALONE = 512;

/** What a module of `emitGpu` does in one dispatch. */
export function variantWork(kernel: Kernel, variant: Variant, limits: TargetLimits): KernelWork {
  const { kernel: collapsed, groups } = prepare(kernel);
  switch (variant.form) {
    case 'private':
      return privateWork(kernel as StagedKernel, variant);
    case 'staged':
      return stagedWork(kernel as StagedKernel, variant, limits);
    case 'points':
      return elementwiseWork(collapsed, variant);
    case 'reduction':
      return reductionWork(collapsed, variant);
    case 'blocks':
      return blocksWork(collapsed, variant);
    case 'registers':
      return registerWork(collapsed, { ...groups!, tiling: variant });
    case 'tiles':
      return workgroupWork(collapsed, { ...groups!, tiling: variant });
    case 'matrix':
      return matrixWork(collapsed, groups!, variant);
  }
}

function stagedWork(
  kernel: StagedKernel,
  variant: StagedVariant,
  limits: TargetLimits,
): KernelWork {
  const division = divisionOf(kernel, variant, limits);
  const { workgroupSize, kernels, parts, time, serial, barriers, crowding, steps } = division;
  const workgroups = tileCount(kernel);
  const invocations = workgroups * workgroupSize;
  // An invocation without points waits for those that have some.
  const plain = MULTIPLY_ADD * invocations * time * crowding;
  const tiles = workgroups * steps;
  const calls = total(
    ...kernels.map((part, k) => {
      const own = parts[k];
      if (own.kind === 'product') return scaled(own.work.all, tiles);
      return total(
        scaled(callsIn(part), steps / tileSteps(kernel)),
        scaled(rescaling(part, own), tiles),
      );
    }),
  );
  // Contractions in blocks take most of the time where there are some.
  const form = parts.some(({ kind }) => kind === 'product') ? 'tiles' : 'staged';
  const shape = { form, workgroups, serial } as const;
  return { ...calls, plain, barriers: barriers * invocations, invocations, ...shape };
}

/** The factors by which what was summed up before is rescaled in a tile. */
function rescaling(part: Kernel, division: Spread | Gathered): Operations {
  const sums = division.kind === 'gathered' ? division.points * division.reducers : division.units;
  return { plain: 0, randoms: 0, functions: sums * rescaledBy(part).length };
}

function privateWork(kernel: StagedKernel, { workgroupSize }: PrivateVariant): KernelWork {
  const tiles = tileCount(kernel);
  const parts = privateParts(kernel).map(({ part, own, units, sides, quads, isProduct }) => {
    const measured = isProduct ? arrayAccesses(kernel, part) : quads;
    const block = blockOperations(part, { sides, quads: measured }, own);
    const indexing = plainly((own.length > 1 ? DIVISION * own.length : 0) + LOOP_STEP);
    const { plain, ...calls } = scaled(total(indexing, block.all), units);
    return {
      all: { ...calls, plain: isProduct ? SCALAR_SHARE * plain : plain },
      serial: units * (1 + block.serial),
    };
  });
  const own = total(
    plainly(kernel.staging.tileAxes > 1 ? DIVISION * kernel.staging.tileAxes : 0),
    ...parts.map(({ all }) => all),
  );
  const workgroups = Math.ceil(tiles / workgroupSize);
  const serial = parts.reduce((sum, part) => sum + part.serial, 0);
  const shape = { form: 'registers', workgroups, serial } as const;
  return { ...scaled(own, tiles), barriers: 0, invocations: tiles, ...shape };
}

/** Functions and random numbers that a part evaluates at all of its points. */
function callsIn(part: Kernel): Operations {
  const under = nodesUnderReduction(part);
  const points = pointCount(part, 'parallel');
  const terms = pointCount(part, 'reduced');
  return total(
    ...part.nodes.map((node, index) =>
      scaled({ plain: 0, ...callsOf(node) }, under[index] ? points * terms : points),
    ),
  );
}

function elementwiseWork(kernel: Kernel, { width, workgroupSize }: PointsVariant): KernelWork {
  const invocations = pointCount(kernel, 'parallel') / width;
  const repeats = pointCount(kernel, 'sequential');
  const quads = pointVectors(kernel, width);
  const each = total(finishing(kernel, width, quads), plainly(LOOP_STEP * Number(repeats > 1)));
  const own = total(indexing(kernel, 'parallel'), scaled(each, repeats));
  const workgroups = Math.ceil(invocations / workgroupSize);
  const shape = { form: 'points', workgroups, serial: repeats > 1 ? repeats : 0 } as const;
  return { ...scaled(own, invocations), barriers: 0, invocations, ...shape };
}

function reductionWork(kernel: Kernel, variant: ReductionVariant): KernelWork {
  const { outputs, reducers, width, terms: each } = variant;
  const points = pointCount(kernel, 'parallel') / width;
  const invocations = points * reducers;
  const steps = Math.ceil(pointCount(kernel, 'reduced') / each / reducers);
  const count = kernel.reductions.length;
  const { step, invariants, finish } = derived(kernel, `reduction ${width} ${each}`, () => {
    const { looped, invariant } = loopOf(kernel);
    const { terms, results } = reductionVectors(kernel, variant);
    return {
      step: total(
        operationsOf(kernel, looped, width * each, terms),
        indexing(kernel, 'reduced'),
        plainly(count * width * each + LOOP_STEP),
      ),
      invariants: operationsOf(kernel, invariant, width, results),
      finish: finishing(kernel, width, results),
    };
  });
  const levels = Math.log2(reducers);
  const exchanges = variant.exchange > 1;
  const waits = exchanges ? exchangeWaits(sharedSums(variant)) : levels;
  const memory = waits * (LOOP_STEP + 2 * count * width * WORKGROUP_ACCESS);
  const own = total(
    indexing(kernel, 'parallel'),
    invariants,
    scaled(step, steps),
    plainly(memory + (exchanges ? levels * count * width * EXCHANGE : 0)),
    scaled(finish, 1 / reducers),
  );
  const workgroups = Math.ceil(points / outputs);
  const serial = steps + LEVEL * waits;
  const shape = { form: 'reduction', workgroups, serial } as const;
  return { ...scaled(own, invocations), barriers: invocations * waits, invocations, ...shape };
}

/** Nodes that are evaluated for every term, and those below the reduction that are the same for all terms. */
const loopOf = (kernel: Kernel) =>
  derived(kernel, 'loop', () => {
    const under = nodesUnderReduction(kernel);
    const invariant = loopInvariants(kernel);
    const same = new Set(invariant);
    return {
      invariant,
      looped: [...under.keys()].filter((node) => under[node] && !same.has(node)),
    };
  });

function blocksWork(kernel: Kernel, variant: BlocksVariant): KernelWork {
  const sides = blockSides(kernel, variant)!;
  const parallel = axesOfKind(kernel, 'parallel');
  const block = { sides, quads: blockVectors(kernel, sides) };
  const { all, serial } = blockOperations(kernel, block, parallel);
  const invocations = pointCount(kernel, 'parallel') / sizeOf(sides, parallel);
  const workgroups = Math.ceil(invocations / variant.workgroupSize);
  const shape = { form: 'registers', workgroups, serial } as const;
  const own = total(indexing(kernel, 'parallel'), all);
  return { ...scaled(own, invocations), barriers: 0, invocations, ...shape };
}

/** What an invocation does for one block of points, and steps of the loop that it walks. */
function blockOperations(kernel: Kernel, { sides, quads }: Block, parallel: readonly number[]) {
  const reduced = axesOfKind(kernel, 'reduced');
  const [points, terms] = [sizeOf(sides, parallel), sizeOf(sides, reduced)];
  if (kernel.reductions.length === 0) return { all: finishing(kernel, points, quads), serial: 0 };
  const steps = pointCount(kernel, 'reduced') / terms;
  const { looped, invariant } = loopOf(kernel);
  const axes = [...parallel, ...reduced];
  const operations = (nodes: readonly NodeIndex[]) =>
    total(
      ...nodes.map((node) =>
        operationsOf(kernel, [node], distinctValues(kernel, node, sides, axes), quads),
      ),
    );
  const step = total(
    operations(looped),
    steps > 1 ? total(indexing(kernel, 'reduced'), plainly(LOOP_STEP)) : NOTHING,
    plainly(kernel.reductions.length * points * terms),
  );
  const all = total(operations(invariant), scaled(step, steps), finishing(kernel, points, quads));
  // All loads of a step are under way together, but an invocation alone takes its time to compute what it does with them.
  return { all, serial: steps * (1 + step.plain / ALONE) };
}

function registerWork(kernel: Kernel, contraction: Contraction): KernelWork {
  const { tileM, tileN, tileK } = contraction.tiling;
  const { left, right, finish, index } = partsOf(kernel, contraction);
  const tiles = tileCounts(kernel, contraction);
  const k = pointCount(kernel, 'reduced');
  const steps = Math.ceil(k / tileK);
  const step = total(
    scaled(left, tileM * tileK),
    scaled(right, tileN * tileK),
    index,
    plainly(tileM * tileN * tileK * MULTIPLY_ADD + LOOP_STEP),
  );
  const own = total(scaled(step, steps), scaled(finish, tileM * tileN));
  const workgroups = Math.ceil(tiles / TUNING.contraction.registersWorkgroupSize);
  const shape = { form: 'registers', workgroups, serial: steps } as const;
  return { ...scaled(own, tiles), barriers: 0, invocations: tiles, ...shape };
}

function workgroupWork(kernel: Kernel, contraction: Contraction): KernelWork {
  const { tileM, tileN, tileK, threadM, threadN, slices, buffers } = contraction.tiling;
  const { left, right, finish, index } = partsOf(kernel, contraction);
  const { invocations } = tilingResources(contraction.tiling);
  const workgroups = tileCounts(kernel, contraction);
  const chunks = Math.ceil(pointCount(kernel, 'reduced') / tileK);
  const vectors = (tileK * (tileM + tileN)) / VECTOR_WIDTH;
  const fill = total(
    scaled(left, tileK * tileM),
    scaled(right, tileK * tileN),
    scaled(index, vectors),
    plainly(vectors * (FILL + WORKGROUP_ACCESS)),
  );
  const reads = ((threadM + threadN) / VECTOR_WIDTH) * WORKGROUP_ACCESS;
  const step = threadM * threadN * MULTIPLY_ADD + reads + LOOP_STEP;
  const levels = Math.log2(slices);
  const own = total(
    scaled(fill, chunks),
    plainly(invocations * chunks * (tileK / slices) * step),
    plainly(invocations * levels * (threadM * threadN + WORKGROUP_ACCESS)),
    scaled(finish, tileM * tileN),
  );
  const waits = (buffers === 1 ? 2 : 1) * chunks + 2 * levels + Number(slices > 1);
  return {
    ...scaled(own, workgroups),
    barriers: workgroups * invocations * waits,
    invocations: workgroups * invocations,
    form: 'tiles',
    workgroups,
    // A chunk waits for its loads, which are under way together, and at its barriers; ahead of time, only for what is left.
    serial: chunks * (buffers === 1 ? CHUNK_WAITS : CHUNK_WAITS / 2),
  };
}

function matrixWork(kernel: Kernel, groups: ContractionGroups, variant: MatrixVariant): KernelWork {
  const tiling = fillTiling(variant)!;
  const tiles = workgroupWork(kernel, { ...groups, tiling });
  const { tileM, tileN } = variant;
  const products = tiles.workgroups * tileM * tileN * pointCount(kernel, 'reduced');
  // The rest of what an invocation does in tiles, and the products in units of their own.
  const saved = MULTIPLY_ADD * products * (1 - 1 / MATRIX_RATE);
  return { ...tiles, plain: Math.max(tiles.plain / MATRIX_RATE, tiles.plain - saved) };
}

function tileCounts(kernel: Kernel, { batch, m, n, tiling }: Contraction): number {
  const along = (axes: readonly number[], tile: number) => Math.ceil(extentOf(kernel, axes) / tile);
  return extentOf(kernel, batch) * along(m, tiling.tileM) * along(n, tiling.tileN);
}

/** Operations for the factors and the results of a contraction, in all tilings. */
const partsOf = (kernel: Kernel, contraction: Contraction) =>
  derived(kernel, 'factors', () =>
    factorOperations(kernel, contraction, contractionReads(kernel, contraction)),
  );
