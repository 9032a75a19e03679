import { type Affine, type BufferIndex, type Kernel, LOCAL, type Stage } from './kernel.ts';

/** A kernel with a stage. */
export type StagedKernel = Kernel & { readonly stage: Stage };

export function isStaged(kernel: Kernel): kernel is StagedKernel {
  return kernel.stage !== undefined;
}

/** A staged kernel as two without stages. */
export interface StageHalves {
  /** The kernel that fills the array. */
  readonly stage: Kernel;
  /** The kernel that reads it. */
  readonly body: Kernel;
}

/** Number of tiles of a staged kernel. */
export function tileCount({ axes, stage }: StagedKernel): number {
  return axes.slice(0, stage.tileAxes).reduce((count, { extent }) => count * extent, 1);
}

/**
 * The two kernels that a staged kernel means: run one behind the other, they store what it stores. The array, for all
 * tiles, is the buffer behind the kernel's own.
 */
export function splitStage(kernel: StagedKernel): StageHalves {
  const { local, tileAxes } = kernel.stage;
  const strides = kernel.axes.map(() => 0);
  let stride = local.elements;
  for (let axis = tileAxes - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= kernel.axes[axis].extent;
  }
  return halves(kernel, kernel.buffers.length, stride, ({ offset, coefficients }) => ({
    offset,
    coefficients: coefficients.map((c, axis) => (axis < tileAxes ? strides[axis] : c)),
  }));
}

/**
 * The two kernels as code generators see them: over all tiles, but with the array of one tile, as buffer `local`. To be
 * run in turn, tile by tile.
 */
export function tileHalves(kernel: StagedKernel, local = kernel.buffers.length): StageHalves {
  return halves(kernel, local, kernel.stage.local.elements, (index) => index);
}

function halves(
  { name, axes, buffers, nodes, reduction, stores, stage }: StagedKernel,
  local: BufferIndex,
  elements: number,
  place: (index: Affine) => Affine,
): StageHalves {
  const all = buffers.toSpliced(local, 1, {
    dtype: stage.local.dtype,
    access: 'read_write',
    elements,
  });
  const loads = (list: Kernel['nodes']): Kernel['nodes'] =>
    list.map((node) =>
      node.kind === 'load' && node.buffer === LOCAL
        ? { ...node, buffer: local, index: place(node.index) }
        : node,
    );
  return {
    stage: {
      name: `${name}.stage`,
      axes: [...axes.slice(0, stage.tileAxes), ...stage.axes],
      buffers: all,
      nodes: stage.nodes,
      reduction: stage.reduction,
      stores: [{ ...stage.store, buffer: local, index: place(stage.store.index) }],
    },
    body: { name, axes, buffers: all, nodes: loads(nodes), reduction, stores },
  };
}
