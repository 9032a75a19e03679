// What the options of memory actions take, apart from the actions: the command line and declarations name these without the rest.

/** What is recomputed: nothing, by a strategy of SuperNeurons (PPoPP 2018), or what is cheapest for the budget. */
export const RECOMPUTE_STRATEGIES = ['none', 'speed', 'memory', 'cost', 'auto'] as const;
/** How rematerialised values are chosen: `--recompute`. */
export type RecomputeStrategy = (typeof RECOMPUTE_STRATEGIES)[number];

/** What is swapped: nothing, by a policy of SuperNeurons (PPoPP 2018), or what is cheapest for the budget. */
export const SWAP_POLICIES = ['none', 'conv', 'lru', 'auto'] as const;
/** How swapped values are chosen: `--swap`. */
export type SwapPolicy = (typeof SWAP_POLICIES)[number];

/** The batch stays whole, or a search may cut it; a number cuts it whatever the budget. */
export const MICRO_BATCH_CHOICES = ['none', 'auto'] as const;
/** In how many parts a batch is cut: 1 for `none`; `auto`: in as many as a budget asks for. */
export type MicroBatches = (typeof MICRO_BATCH_CHOICES)[number] | number;

/** Activations stay f32, or a search may store those that gradients read as f16. */
export const HALF_CHOICES = ['none', 'auto'] as const;
/** Whether a budget may halve activations: `--half`. */
export type HalfActivations = (typeof HALF_CHOICES)[number];

/** Wide intermediates are computed tile by tile where that is expected to cost little, or a budget asks for it; always; or never. */
export const TILE_CHOICES = ['auto', 'always', 'never'] as const;
/** Whether intermediates such as the scores of attention stay out of memory: `--tiles`. */
export type TileChoice = (typeof TILE_CHOICES)[number];

/** A limit on the search is below this, in seconds: `--plan-seconds`. */
export const END_OF_PLAN_SECONDS = 1e6;
