/** What executes a plan. */
export type Target = 'webgpu' | 'wasm';

/** What a target is to a plan: rules of the format and of memory that compiler and runtime share. */
export interface TargetRules {
  /** For people. */
  readonly label: string;
  /** Alignment of tensor offsets, part of the plan's format. */
  readonly offsetAlignment: number;
  /** Slab sizes are multiples of this, called `slabUnit` in messages. */
  readonly slabAlignment: number;
  readonly slabUnit: string;
  /** The field of a plan's kernel that holds or names its code. */
  readonly code: 'wgsl' | 'export';
  /** Whether the code of all kernels is one module beside the plan. */
  readonly hasModule: boolean;
  /** Whether a plan may say what its code was generated within. */
  readonly hasLimits: boolean;
  /** Whether a step runs on a grid of workgroups. */
  readonly hasGrid: boolean;
  /** Whether the host reads and writes device memory itself, so that nothing is staged. */
  readonly readsDirectly: boolean;
  /** Whether the device can be lost with its memory, so that snapshots keep what no program writes as well. */
  readonly losesMemory: boolean;
  /** The optional feature of a device without which its code has no halves in memory; null where it always has. */
  readonly halvesFeature: 'shader-f16' | null;
  /** Whether all slabs lie in one address space, which is then but one slab. */
  readonly oneAddressSpace: boolean;
}

/** The rules of every target. */
export const TARGET_RULES: Readonly<Record<Target, TargetRules>> = {
  webgpu: {
    label: 'WebGPU',
    // What every WebGPU device accepts.
    offsetAlignment: 256,
    slabAlignment: 256,
    slabUnit: 'alignment',
    code: 'wgsl',
    hasModule: false,
    hasLimits: true,
    hasGrid: true,
    readsDirectly: false,
    losesMemory: true,
    halvesFeature: 'shader-f16',
    oneAddressSpace: false,
  },
  wasm: {
    label: 'WebAssembly',
    // For 128-bit vectors; slabs are pages.
    offsetAlignment: 16,
    slabAlignment: 65536,
    slabUnit: 'rounding up to pages of 64 KiB',
    code: 'export',
    hasModule: true,
    hasLimits: false,
    hasGrid: false,
    readsDirectly: true,
    losesMemory: false,
    halvesFeature: null,
    oneAddressSpace: true,
  },
};

/** All targets. */
export const TARGET_NAMES = Object.keys(TARGET_RULES) as Target[];

/** Whether a value is the name of a target. */
export const isTarget = (value: unknown): value is Target =>
  typeof value === 'string' && Object.hasOwn(TARGET_RULES, value);
