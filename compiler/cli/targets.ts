/** What plans are built for, in the order of preference. */
export const TARGETS = ['webgpu', 'wasm'] as const;
export type TargetName = (typeof TARGETS)[number];
