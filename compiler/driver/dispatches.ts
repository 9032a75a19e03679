/** Whether steps may share a dispatch, as the command line and the API take it. */
export const DISPATCHES = ['shared', 'single'] as const;
export type Dispatches = (typeof DISPATCHES)[number];
