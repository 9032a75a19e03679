import type { Target } from '../../ir/plan.ts';
import type { TargetRow } from './target.ts';
import { WASM } from './wasm.ts';
import { WEBGPU } from './webgpu.ts';

export const TARGETS: Readonly<Record<Target, TargetRow>> = { webgpu: WEBGPU, wasm: WASM };
