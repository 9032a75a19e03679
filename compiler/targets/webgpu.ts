import { DTYPES } from '../../ir/dtypes.ts';
import { isGroup, kernelParts } from '../../ir/kernel-group.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import {
  chooseGroup,
  chooseVariant,
  emitWgsl,
  gpuWork,
  groupText,
  namedGroup,
  namedVariant,
  PRIVATE_ELEMENTS,
  PRIVATE_MULTIPLY_ADD,
  variantText,
  vectorBuffers,
} from '../codegen/gpu/index.ts';
import { codeLimits } from '../codegen/plan.ts';
import { WEBGPU_LIMIT_NAMES } from '../profile/device-limits.ts';
import { H100 } from '../profile/shipped/h100.ts';
import type { TargetRow } from './target.ts';

export const WEBGPU: TargetRow = {
  limits: WEBGPU_DEFAULT_LIMITS,
  defaultLimits: "WebGPU's default limits",
  limitNames: WEBGPU_LIMIT_NAMES,
  emit: async (kernels, { limits, variants }) => {
    const within = { ...WEBGPU_DEFAULT_LIMITS, ...codeLimits(limits) };
    const parts = new Map();
    const emitted = kernels.map((kernel, k) => {
      if (isGroup(kernel)) {
        const group =
          'seconds' in variants
            ? chooseGroup(kernelParts(kernel), within, variants)
            : namedGroup(kernel, within, variants[k]);
        if (!group) throw new Error(`internal error: '${kernel.name}' cannot be one dispatch`);
        return { ...emitWgsl(kernel, group, within, parts), variant: groupText(group) };
      }
      const variant =
        'seconds' in variants
          ? chooseVariant(kernel, within, variants)
          : namedVariant(kernel, within, variants[k]);
      return { ...emitWgsl(kernel, variant, within), variant: variantText(variant) };
    });
    const text = () =>
      emitted.map(({ wgsl }, k) => `// kernel ${k}: ${kernels[k].name}\n${wgsl}\n`).join('\n');
    return { emitted, binary: null, module: null, text };
  },
  work: gpuWork,
  dispatches: {
    shares: (kernels, limits, model) => chooseGroup(kernels, limits, model) !== null,
    vectors: vectorBuffers,
  },
  time: null,
  scratch: () => 0,
  stageNeedsHolder: false,
  privateElements: PRIVATE_ELEMENTS,
  privateMultiplyAdd: PRIVATE_MULTIPLY_ADD,
  // A GPU does about 4 multiply-adds in the time in which it moves a byte, and about 2²² in that of one dispatch.
  objective: { name: 'time', perElement: 4 * DTYPES.f32.bytes, perContraction: 2 ** 22 },
  profile: H100,
  operationWidth: 1,
  hasAdapters: true,
  hasWorkgroups: true,
  overlaps: true,
};
