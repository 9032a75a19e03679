/** The passes in their order, apart from what they do: the command line names them without loading the compiler. */
export const PASS_NAMES = [
  'trace',
  'simplify',
  'contract',
  'gradient',
  'optimise',
  'expand-folds',
  'simplify-gradients',
  'micro-batch',
  'slice',
  'halve',
  'lower',
  'join-reductions',
  'fuse',
  'join-variances',
  'keep-terms',
  'fuse-producers',
  'split-reductions',
  'finalise',
  'scratch',
  'order',
  'share-parts',
  'actions',
  'in-place',
  'allocate',
  'group',
  'codegen',
  'assemble',
] as const;

/** The name of a pass, as `--print-after` takes it (docs/passes.md). */
export type PassName = (typeof PASS_NAMES)[number];
