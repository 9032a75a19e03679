import { DTYPES } from '../../../ir/dtypes.ts';
import type { Kernel } from '../../../ir/kernel.ts';
import { arrayBytes } from '../../../ir/kernel-arrays.ts';
import { kernelParts } from '../../../ir/kernel-group.ts';
import { isStaged } from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import type { CodeModel } from '../code.ts';
import { chooseVariant, namedVariant } from './choose.ts';
import { matrixBytes, matrixInvocations } from './contraction-matrix.ts';
import { partialElements } from './reduction.ts';
import { chunkBytes } from './staged-division.ts';
import { TUNING } from './tuning.ts';
import { tilingResources, type Variant, variantText } from './variant.ts';

/** How the parts of a kernel with parts are made. */
export interface GroupVariant {
  /** Of all parts. */
  readonly workgroupSize: number;
  readonly parts: readonly Variant[];
}

/** `group of 256: points 4 of 64 | tiles 64x64x16 of 4x4, 1 slices, 1 buffers`. */
export function groupText({ workgroupSize, parts }: GroupVariant): string {
  return `group of ${workgroupSize}: ${parts.map(variantText).join(' | ')}`;
}

/**
 * Invocations of the workgroups of a variant. `any`: none waits for another, so workgroups of other sizes can do the same;
 * `whole`: the size can be any multiple of so many; `fixed`: it cannot be another.
 */
interface Workgroup {
  readonly kind: 'any' | 'whole' | 'fixed';
  readonly size: number;
  readonly unit: number;
}

function workgroupOf(variant: Variant): Workgroup {
  const of = (kind: Workgroup['kind'], size: number, unit = size) => ({ kind, size, unit });
  switch (variant.form) {
    case 'points':
      return of('any', variant.workgroupSize);
    case 'registers':
      return of('any', TUNING.contraction.registersWorkgroupSize);
    case 'reduction': {
      const { outputs, reducers, reducersFirst, exchange } = variant;
      if (reducers === 1) return of('any', outputs);
      // With other numbers of outputs, reducers of one of them would be in other subgroups.
      const kind = exchange > 1 && !reducersFirst ? 'fixed' : 'whole';
      return of(kind, outputs * reducers, reducers);
    }
    case 'blocks':
      return of('any', variant.workgroupSize);
    case 'tiles':
      return of('fixed', tilingResources(variant).invocations);
    case 'matrix':
      return of('fixed', matrixInvocations(variant));
    case 'private':
      return of('any', variant.workgroupSize);
    case 'staged':
      return of('fixed', variant.workgroupSize);
  }
}

/**
 * How kernels share a dispatch, each made in its own way; null where they cannot, for want of a common size of workgroups or of
 * workgroup memory.
 */
export function groupVariant(
  kernels: readonly Kernel[],
  parts: readonly Variant[],
  { maxWorkgroupBytes }: Pick<TargetLimits, 'maxWorkgroupBytes'>,
): GroupVariant | null {
  const known = parts.map(workgroupOf);
  const largest = (kind: Workgroup['kind']) =>
    Math.max(0, ...known.map((one) => (one.kind === kind ? one.size : 0)));
  const workgroupSize = largest('fixed') || largest('whole') || largest('any');
  const fits = ({ kind, size, unit }: Workgroup) =>
    kind === 'any'
      ? workgroupSize % size === 0 || size % workgroupSize === 0
      : kind === 'whole'
        ? workgroupSize % unit === 0
        : workgroupSize === size;
  if (!known.every(fits)) return null;
  // Parts that are made alike share their arrays; any others may have arrays of their own.
  const arrays = new Map<string, number>();
  parts.forEach((variant, p) => {
    const { key, bytes } = arrayOf(kernels[p], sizedPart(variant, workgroupSize));
    // Several arrays of a part need not be as long, one by one, as those of another.
    const own = variant.form === 'staged' ? `${key} ${p}` : key;
    arrays.set(own, Math.max(bytes, arrays.get(own) ?? 0));
  });
  const bytes = [...arrays.values()].reduce((sum, each) => sum + each, 0);
  return bytes <= maxWorkgroupBytes ? { workgroupSize, parts } : null;
}

/** The workgroup memory of a variant. */
function arrayOf(
  kernel: Kernel,
  variant: Variant,
): { readonly key: string; readonly bytes: number } {
  const { form } = variant;
  // Beside its arrays, partial results of two types at most, as many of each as a part has.
  if (form === 'staged') {
    const computations = [kernel, ...(kernel.staging?.stages ?? [])];
    const most = Math.max(...computations.map(({ reductions }) => reductions.length));
    const chunks = isStaged(kernel) ? chunkBytes(kernel, variant) : 0;
    const partial = 8 * most * variant.workgroupSize;
    return { key: form, bytes: arrayBytes(kernel) + chunks + partial };
  }
  if (form === 'matrix') return { key: variantText(variant), bytes: matrixBytes(variant) };
  const types = kernel.reductions.map(({ value }) => kernel.nodes[value].dtype);
  const each = types.reduce((sum, dtype) => sum + DTYPES[dtype].bytes, 0);
  const elements =
    form === 'tiles'
      ? tilingResources(variant).memoryElements
      : form === 'reduction'
        ? partialElements(variant)
        : 0;
  return { key: `${form} ${types.join()}`, bytes: elements * each };
}

/** The part's variant in workgroups of the common size, where there are several in one: the order of its arithmetic stays. */
export function sizedPart(variant: Variant, workgroupSize: number): Variant {
  return variant.form === 'reduction' && variant.reducers > 1
    ? { ...variant, outputs: workgroupSize / variant.reducers }
    : variant;
}

/** The variant of a kernel's parts, each in the one that is chosen for it alone; null where they cannot share a dispatch. */
export function chooseGroup(
  kernels: readonly Kernel[],
  limits: TargetLimits,
  model: CodeModel,
): GroupVariant | null {
  const parts = kernels.map((kernel) => chooseVariant(kernel, limits, model));
  return groupVariant(kernels, parts, limits);
}

/** The variant that a plan names for a kernel with parts, which must be one that they can be made in. */
export function namedGroup(kernel: Kernel, limits: TargetLimits, text: string): GroupVariant {
  const parts = kernelParts(kernel);
  const texts = text.replace(/^group of \d+: /, '').split(' | ');
  const found =
    texts.length === parts.length
      ? groupVariant(
          parts,
          parts.map((part, p) => namedVariant(part, limits, texts[p])),
          limits,
        )
      : null;
  if (!found || groupText(found) !== text)
    throw new Error(`kernel '${kernel.name}' cannot be made as '${text}'`);
  return found;
}
