/** Whether steps may share a dispatch, as the command line and the API take it. */
export const DISPATCHES = ['shared', 'single'] as const;
export type Dispatches = (typeof DISPATCHES)[number];

/** Whether kernels may use subgroups where the limits say how large these are. */
export const SUBGROUPS = ['auto', 'never'] as const;
export type Subgroups = (typeof SUBGROUPS)[number];
