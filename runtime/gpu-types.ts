import type { PlanFeature } from '../ir/plan-features.ts';
import type { PlanLimits } from '../ir/plan-limits.ts';

// WebGPU as the declarations of this package show it. A program need not have WebGPU's own types to use them, and what it
// takes for those (lib.dom, @webgpu/types) is assignable. Parameters that are `never` are of no concern here.

/** Those that types of WebGPU know. */
export type StandardFeature = Exclude<PlanFeature, `chromium-${string}`>;

/** The optional features of an adapter or a device. */
export interface GpuFeaturesLike {
  has(feature: string): boolean;
  forEach?(visit: (feature: string) => void): void;
}

/** A product of matrices that the subgroups of an adapter compute. */
export interface GpuMatrixLike {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What an adapter says of itself. */
export interface GpuInfoLike {
  readonly vendor?: string;
  readonly device?: string;
  readonly description?: string;
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
  readonly subgroupMatrixConfigs?: Iterable<GpuMatrixLike>;
}

/** A `GPUDevice`, by what tells it from other objects. */
export interface GpuDeviceLike {
  readonly limits: PlanLimits;
  readonly features?: GpuFeaturesLike;
  readonly adapterInfo?: GpuInfoLike;
  readonly queue: { writeBuffer: unknown; submit: unknown };
  readonly lost: Promise<{ readonly message: string }>;
  createBuffer(descriptor: never): object;
  destroy(): void;
}

/** A `GPUAdapter`, as far as it is used: its limits and features, and a device of it. */
export interface GpuAdapterLike<Device extends GpuDeviceLike = GpuDeviceLike> {
  readonly limits: PlanLimits;
  readonly features?: GpuFeaturesLike;
  readonly info?: GpuInfoLike;
  requestDevice(descriptor?: {
    requiredFeatures?: ('timestamp-query' | StandardFeature)[];
    requiredLimits?: Record<string, number | undefined>;
  }): Promise<Device>;
}

/** A `GPU`: the browser's `navigator.gpu`, or one of a package in Node. */
export interface GpuLike<Device extends GpuDeviceLike = GpuDeviceLike> {
  requestAdapter(options?: {
    powerPreference?: 'high-performance';
  }): Promise<GpuAdapterLike<Device> | null>;
}

/** A `GPUBuffer`, by what tells it from other objects. */
export interface GpuBufferLike {
  readonly size: number;
  readonly usage: number;
  readonly mapState?: string;
  mapAsync: unknown;
  destroy(): unknown;
}

/** A part of a `GPUBuffer`, as WebGPU's own `GPUBufferBinding` says it: bytes `offset` to `offset + size`, by default to the end. */
export interface GpuBufferRange<Buffer extends GpuBufferLike = GpuBufferLike> {
  readonly buffer: Buffer;
  readonly offset?: number;
  readonly size?: number;
}

/** WebGPU's own type of a buffer where the program has it. */
export type GpuBuffer = typeof globalThis extends {
  GPUBuffer: { prototype: infer Own extends GpuBufferLike };
}
  ? Own
  : GpuBufferLike;

/** WebGPU's own type where the program has it, for what this package gives. */
export type Gpu = typeof globalThis extends { GPU: { prototype: infer Own extends GpuLike } }
  ? Own
  : GpuLike;
/** WebGPU's own type of a device where the program has it. */
export type GpuDevice = typeof globalThis extends {
  GPUDevice: { prototype: infer Own extends GpuDeviceLike };
}
  ? Own
  : GpuDeviceLike;
