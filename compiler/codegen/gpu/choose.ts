import { DTYPES } from '../../../ir/dtypes.ts';
import { type Kernel, pointCount } from '../../../ir/kernel.ts';
import { isStaged, type StagedKernel } from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import type { CodeModel } from '../code.ts';
import { axesOfKind, extentOf } from '../contraction-groups.ts';
import { unnamed } from '../unnamed.ts';
import type { KernelWork } from '../work.ts';
import { blockVariants } from './block-sizes.ts';
import { matrixVariants } from './contraction-matrix.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import { prepare } from './prepare.ts';
import { hasPrivateTiles } from './private-tiles.ts';
import { divideReduction, exchanging } from './reduction.ts';
import { divideTiles } from './staged-division.ts';
import { TUNING } from './tuning.ts';
import {
  type ContractionVariant,
  parseVariant,
  tilingResources,
  type Variant,
  variantText,
} from './variant.ts';
import { variantWork } from './work.ts';

/**
 * The ways in which a kernel's code can be made within the limits of a device; the first is plain. Not `every` one: without those that
 * are not worth a look where nothing is measured.
 */
export function variantsOf(kernel: Kernel, limits: TargetLimits, every = true): readonly Variant[] {
  if (isStaged(kernel))
    return [
      ...divideTiles(kernel, limits, every).map(
        ({ workgroupSize, exchange, terms, chunk }): Variant => ({
          ...{ form: 'staged', workgroupSize, exchange, terms, chunk },
        }),
      ),
      ...privateVariants(kernel, limits),
    ];
  const { kernel: collapsed, groups } = prepare(kernel);
  if (collapsed.reductions.length === 0) return pointsVariants(collapsed, limits);
  const reductions = reductionVariants(collapsed, limits);
  const blocks = () => blockVariants(collapsed, limits);
  if (!groups) return [...reductions, ...blocks()];
  const { leastM, leastN, leastK, leastOutputs } = TUNING.contraction;
  const [m, n] = [extentOf(collapsed, groups.m), extentOf(collapsed, groups.n)];
  const k = pointCount(collapsed, 'reduced');
  // Where both factors have axes of their own, tiles read every element for many outputs.
  const alone =
    Math.min(m, n) < TUNING.blocks.leastTiled ? [...reductions, ...blocks()] : reductions;
  if (m < leastM || n < leastN || k < leastK || m * n < leastOutputs) return alone;
  const bytes = DTYPES[collapsed.nodes[collapsed.reductions[0].value].dtype].bytes;
  const fits = (tiling: ContractionVariant) => {
    const { invocations, memoryElements } = tilingResources(tiling);
    return (
      memoryElements * bytes <= limits.maxWorkgroupBytes &&
      invocations <= limits.maxWorkgroupInvocations
    );
  };
  const tilings = TUNING.contraction.tilings.filter(fits);
  return [...alone, ...tilings, ...matrixVariants(collapsed, groups, limits)];
}

function privateVariants(kernel: StagedKernel, limits: TargetLimits): Variant[] {
  if (!hasPrivateTiles(kernel)) return [];
  const { privateWorkgroupSize } = TUNING.staged;
  const workgroupSize = Math.min(privateWorkgroupSize, limits.maxWorkgroupInvocations);
  return [{ form: 'private', workgroupSize }];
}

function pointsVariants(kernel: Kernel, limits: TargetLimits): Variant[] {
  const { manyPoints, workgroupSize, fewPointsWorkgroupSize } = TUNING.elementwise;
  const points = pointCount(kernel, 'parallel');
  const sizeFor = (units: number) =>
    Math.min(
      limits.maxWorkgroupInvocations,
      units >= manyPoints ? workgroupSize : fewPointsWorkgroupSize,
    );
  const plain = { form: 'points', width: 1, workgroupSize: sizeFor(points) } as const;
  const inner = axesOfKind(kernel, 'parallel').at(-1);
  const long = axesOfKind(kernel, 'sequential').length > 0;
  if (long || inner === undefined || kernel.axes[inner].extent % VECTOR_WIDTH !== 0) return [plain];
  return [plain, { ...plain, width: 4, workgroupSize: sizeFor(points / VECTOR_WIDTH) }];
}

function reductionVariants(kernel: Kernel, limits: TargetLimits): Variant[] {
  const last = (kind: 'parallel' | 'reduced') => {
    const axis = axesOfKind(kernel, kind).at(-1);
    return axis !== undefined && kernel.axes[axis].extent % VECTOR_WIDTH === 0;
  };
  const shapes = [
    [1, 1] as const,
    ...(last('reduced') ? [[1, 4] as const] : []),
    ...(last('parallel') ? [[4, 1] as const] : []),
  ];
  const all = shapes.flatMap(([width, terms]) => [
    divideReduction(kernel, limits, width, terms),
    divideReduction(kernel, limits, width, terms, 1),
  ]);
  const texts = all.map(variantText);
  const distinct = all.filter((_, i) => texts.indexOf(texts[i]) === i);
  return [...distinct, ...distinct.flatMap((variant) => exchanging(variant, limits) ?? [])];
}

const choices = new WeakMap<CodeModel, Map<string, WeakMap<Kernel, Variant>>>();

/**
 * The way that was measured to be the fastest on the device, where it was; else the one that should be, by the rates of the
 * device. Derived once per kernel and model.
 */
export function chooseVariant(named: Kernel, limits: TargetLimits, model: CodeModel): Variant {
  const kernel = unnamed(named);
  const byLimits = choices.get(model) ?? new Map<string, WeakMap<Kernel, Variant>>();
  choices.set(model, byLimits);
  const within = `${limits.maxWorkgroupInvocations} ${limits.maxWorkgroupBytes} ${limits.minSubgroupSize} ${JSON.stringify(limits.subgroupMatrices)}`;
  const known = byLimits.get(within) ?? new WeakMap<Kernel, Variant>();
  byLimits.set(within, known);
  let chosen = known.get(kernel);
  if (!chosen) {
    chosen = choose(kernel, limits, model);
    known.set(kernel, chosen);
  }
  return chosen;
}

function choose(kernel: Kernel, limits: TargetLimits, model: CodeModel): Variant {
  const measured = model.measured?.(kernel);
  const all = variantsOf(kernel, limits, measured != null || model.form !== undefined);
  const ofForm = all.filter(({ form }) => form === model.form);
  const candidates = ofForm.length > 0 ? ofForm : all;
  const named = measured && candidates.find((variant) => variantText(variant) === measured);
  if (named) return named;
  if (candidates.length === 1) return candidates[0];
  const known = candidates.map((variant) => {
    const work = variantWork(kernel, variant, limits);
    return { variant, work, seconds: model.seconds(kernel, work) };
  });
  const most = SAME * Math.min(...known.map(({ seconds }) => seconds));
  const fastest = known.filter(({ seconds }) => !(seconds > most));
  // Where memory is what takes the time, that with fewer accesses is more sure to reach its rate: vectors rather than scalars.
  const moving = fastest.filter(({ work }) => model.isMoving?.(kernel, work));
  return (moving.length === fastest.length ? moving : fastest.slice(0, 1)).reduce((best, one) =>
    effortOf(one.work) < effortOf(best.work) ? one : best,
  ).variant;
}

/** Times that differ by less are the same. */
const SAME = 1.001;
/** What waiting for a workgroup is worth, in operations. */
const BARRIER = 16;

const effortOf = ({ plain, barriers }: KernelWork) => plain + BARRIER * barriers;

/** The variant that a plan names, which must be one that the kernel can be made in. */
export function namedVariant(kernel: Kernel, limits: TargetLimits, text: string): Variant {
  const variant = parseVariant(text);
  const candidates = variantsOf(kernel, limits);
  const found = variant && candidates.find((one) => variantText(one) === text);
  if (!found) throw new Error(`kernel '${kernel.name}' cannot be made as '${text}'`);
  return found;
}
