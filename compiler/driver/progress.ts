import type { PassName } from './pass-names.ts';

/** What a compilation is at, for who watches: nothing depends on it. */
export type CompileProgress =
  /** A pass begins. */
  | { readonly kind: 'pass'; readonly pass: PassName }
  /** Initial values are drawn. */
  | { readonly kind: 'initial' }
  /** A search for memory actions has met a plan, within the budget or not. */
  | {
      readonly kind: 'search';
      readonly budgetBytes: number;
      /** Of the plan, everything counted. */
      readonly deviceBytes: number;
      /** Predicted, of one run of every program. */
      readonly seconds: number;
    };
