import { DTYPES } from '../../ir/dtypes.ts';
import { WASM_LIMITS } from '../../ir/schedule.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { sha256 } from '../codegen/code.ts';
import { wasmScratch, wasmTime } from '../codegen/wasm/time.ts';
import { LANES } from '../codegen/wasm/types.ts';
import { wasmWork } from '../codegen/wasm/work.ts';
import { WASM as WASM_PROFILE } from '../profile/shipped/wasm.ts';
import type { TargetRow } from './target.ts';

export const WASM: TargetRow = {
  limits: WASM_LIMITS,
  defaultLimits: 'WebAssembly',
  limitNames: null,
  emit: async (kernels, { slabBytes }) => {
    const pages = slabBytes / TARGET_RULES.wasm.slabAlignment;
    // Only builds for wasm load the generator.
    const { emitWasm, wasmText } = await import('../codegen/wasm/index.ts');
    const { module: binary, exports, parts } = emitWasm(kernels, pages);
    return {
      emitted: exports.map((name, k) => ({ export: name, grid: [1, 1, 1], parts: parts[k] })),
      binary,
      module: { bytes: binary.length, sha256: await sha256(binary), pages },
      text: () => `${wasmText(kernels, pages)}\n`,
    };
  },
  work: wasmWork,
  dispatches: null,
  time: wasmTime,
  scratch: wasmScratch,
  stageNeedsHolder: true,
  privateElements: 0,
  privateMultiplyAdd: 0,
  // One core does about half a multiply-add in the time in which it moves a byte, and about 2⁹ in that of a call.
  objective: { name: 'time', perElement: 0.5 * DTYPES.f32.bytes, perContraction: 2 ** 9 },
  profile: WASM_PROFILE,
  operationWidth: LANES,
  hasAdapters: false,
  hasWorkgroups: false,
  // The one thread copies and computes.
  overlaps: false,
};
