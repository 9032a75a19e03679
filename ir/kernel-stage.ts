import {
  type Affine,
  type Axis,
  type BufferIndex,
  isLocal,
  type Kernel,
  localArray,
  pointCount,
  type Staging,
} from './kernel.ts';
import { tilesApart } from './kernel-addresses.ts';

/** A kernel with stages. */
export type StagedKernel = Kernel & { readonly staging: Staging };

export function isStaged(kernel: Kernel): kernel is StagedKernel {
  return kernel.staging !== undefined;
}

/** A staged kernel as several without stages, to be run one behind the other. */
export interface StageParts {
  /** The kernels that fill the arrays. */
  readonly stages: readonly Kernel[];
  /** The kernel itself, which reads them. */
  readonly body: Kernel;
}

/** The parts in order. */
export const partList = ({ stages, body }: StageParts): readonly Kernel[] => [...stages, body];

/** Numbers of the axes of a kernel that tell its tiles apart: parallel ones, then reduced ones. */
export function tileAxesOf(
  axes: readonly Axis[],
  { tileAxes, tileTerms }: Pick<Staging, 'tileAxes' | 'tileTerms'>,
): number[] {
  const parallel = axes.filter(({ kind }) => kind === 'parallel').length;
  return [
    ...Array.from({ length: tileAxes }, (_, axis) => axis),
    ...Array.from({ length: tileTerms }, (_, term) => parallel + term),
  ];
}

/** The axes that affines of a stage are over; each point of those in front is a tile. */
export function stageAxes(
  axes: readonly Axis[],
  staging: Staging,
  stage: Pick<Staging['stages'][number], 'axes'>,
): readonly Axis[] {
  const tile = tileAxesOf(axes, staging).map(
    (axis): Axis => ({ extent: axes[axis].extent, kind: 'parallel' }),
  );
  return [...tile, ...stage.axes];
}

/** Number of tiles of a staged kernel that share nothing, not even a sum. */
export function tileCount({ axes, staging }: StagedKernel): number {
  return axes.slice(0, staging.tileAxes).reduce((count, { extent }) => count * extent, 1);
}

/** Number of tiles, one behind the other, that a sum goes through. */
export function tileSteps({ axes, staging }: StagedKernel): number {
  return tileAxesOf(axes, staging)
    .slice(staging.tileAxes)
    .reduce((count, axis) => count * axes[axis].extent, 1);
}

/**
 * The kernels that a staged kernel means: run one behind the other, they store what it stores. The arrays, each for all
 * tiles, are the buffers behind the kernel's own.
 */
export function splitStages(kernel: StagedKernel): StageParts {
  const { axes, staging } = kernel;
  const tile = tileAxesOf(axes, staging);
  const tiles = tile.reduce((count, axis) => count * axes[axis].extent, 1);
  return parts(
    kernel,
    staging.stages.map((_, stage) => kernel.buffers.length + stage),
    tiles,
    // An address in the array of one tile, over axes of which `tile` are those of the tiles.
    (index, own, elements) => {
      const coefficients = [...index.coefficients];
      let stride = elements;
      for (let k = tile.length - 1; k >= 0; k--) {
        coefficients[own[k]] = stride;
        stride *= axes[tile[k]].extent;
      }
      return { offset: index.offset, coefficients };
    },
  );
}

/**
 * The parts as code generators see them: over all tiles, but with the arrays of one tile, as buffers `locals`, by default
 * those behind the kernel's own. To be run in turn, tile by tile.
 */
export function tileParts(
  kernel: StagedKernel,
  locals: readonly number[] = kernel.staging.stages.map((_, k) => kernel.buffers.length + k),
): StageParts {
  return parts(kernel, locals, 1, (index) => index);
}

function parts(
  { name, axes, buffers, nodes, reductions, stores, staging }: StagedKernel,
  locals: readonly number[],
  tiles: number,
  place: (index: Affine, tile: readonly number[], elements: number) => Affine,
): StageParts {
  const all = [...buffers];
  staging.stages.forEach(({ local: { dtype, elements } }, k) => {
    all[locals[k]] = { dtype, access: 'read_write', elements: elements * tiles };
  });
  const bind =
    (tile: readonly number[]) =>
    <Place extends { readonly buffer: number; readonly index: Affine }>(one: Place): Place => {
      if (!isLocal(one.buffer)) return one;
      const stage = staging.stages.findIndex((_, k) => localArray(k) === one.buffer);
      const local = staging.stages[stage];
      // What names no stage is left for the verifier to find.
      if (!local) return { ...one, buffer: -1 };
      return {
        ...one,
        buffer: locals[stage],
        index: place(one.index, tile, local.local.elements),
      };
    };
  const inNodes = (list: Kernel['nodes'], tile: readonly number[]) =>
    list.map((node) => (node.kind === 'load' ? bind(tile)(node) : node));
  const bodyTile = tileAxesOf(axes, staging);
  const stageTile = bodyTile.map((_, k) => k);
  return {
    stages: staging.stages.map((stage, k) => ({
      name: `${name}.stage${k === 0 ? '' : k + 1}`,
      axes: stageAxes(axes, staging, stage),
      buffers: all,
      nodes: inNodes(stage.nodes, stageTile),
      reductions: stage.reductions,
      stores: stage.stores.map(bind(stageTile)),
    })),
    body: {
      ...{ name, axes, buffers: all, nodes: inNodes(nodes, bodyTile), reductions },
      stores: stores.map(bind(bodyTile)),
    },
  };
}

/** Elements that the points of a stage fill. */
export const filledElements = (stage: Staging['stages'][number]): number =>
  pointCount(stage, 'parallel');

/** The buffers of a kernel that are working memory: what they hold afterwards is nobody's value. */
export function workingMemory({
  scratch,
  staging,
}: Pick<Kernel, 'staging'> & Partial<Pick<Kernel, 'scratch'>>): number[] {
  const all = [scratch ?? null, ...(staging?.stages.map(({ local }) => local.buffer) ?? [])];
  return all.filter((buffer) => buffer !== null);
}

/** What to call each buffer that stages load, store in and take the memory of their arrays from. */
export interface StageRenaming {
  readonly loads: (buffer: number) => number;
  readonly stores: (buffer: number) => number;
  readonly holders: (buffer: number) => number | null;
}

/** Stages over buffers of other numbers; arrays stay what they are. */
export function renameStages(staging: Staging, rename: StageRenaming): Staging {
  return {
    ...staging,
    stages: staging.stages.map((stage) => ({
      ...stage,
      nodes: stage.nodes.map((node) =>
        node.kind === 'load' && !isLocal(node.buffer)
          ? { ...node, buffer: rename.loads(node.buffer) }
          : node,
      ),
      stores: stage.stores.map((store) =>
        isLocal(store.buffer) ? store : { ...store, buffer: rename.stores(store.buffer) },
      ),
      local: {
        ...stage.local,
        buffer: stage.local.buffer === null ? null : rename.holders(stage.local.buffer),
      },
    })),
  };
}

/** The loads of a kernel from buffers, those of its stages first. */
export function bufferLoads({ nodes, staging }: Pick<Kernel, 'nodes' | 'staging'>) {
  return [...(staging?.stages.flatMap((stage) => stage.nodes) ?? []), ...nodes].flatMap((node) =>
    node.kind === 'load' && !isLocal(node.buffer) ? [node] : [],
  );
}

/** The stores of a kernel into buffers, those of its stages first. */
export function bufferStores({ stores, staging }: Pick<Kernel, 'stores' | 'staging'>) {
  return [...(staging?.stages.flatMap((stage) => stage.stores) ?? []), ...stores].filter(
    ({ buffer }) => !isLocal(buffer),
  );
}

/**
 * Whether what a staged kernel stores at the end may be where its stages load `read`: what a tile loads there it stores as well, and
 * no other tile touches it.
 */
export function tilesOwn(
  { axes, stores, staging }: Pick<Kernel, 'axes' | 'stores' | 'staging'>,
  read: BufferIndex,
  written: BufferIndex,
): boolean {
  if (!staging || staging.tileTerms > 0) return false;
  const { stages, tileAxes } = staging;
  if (
    stages.some((stage) => stage.stores.some(({ buffer }) => buffer === written || buffer === read))
  )
    return false;
  const last = stores.filter(({ buffer }) => buffer === written);
  const loads = stages.flatMap((stage) =>
    stage.nodes.flatMap((node) =>
      node.kind === 'load' && node.buffer === read
        ? [{ node, axes: stageAxes(axes, staging, stage) }]
        : [],
    ),
  );
  return (
    loads.every(({ node }) => !node.indirect && node.bounds.length === 0) &&
    last.every(({ indirect, accumulate }) => !indirect && !accumulate) &&
    tilesApart(
      [
        ...last.map(({ index }) => ({ index, axes })),
        ...loads.map(({ node, axes }) => ({ index: node.index, axes })),
      ],
      tileAxes,
    )
  );
}
