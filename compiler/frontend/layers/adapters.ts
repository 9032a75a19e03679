import type { Factorisation } from '../../factorised/factorisation.ts';
import { report } from '../../reporting/report.ts';
import { type Adapter, type AdapterOptions, currentTrace, type FrozenOptions } from '../context.ts';
import { isParameterFilter, type ParameterFilter, parameterFilter } from '../optimiser.ts';
import { heldLayer, isFrozenStorage, whileFrozen } from '../parameter.ts';
import type { Tensor } from '../tensor.ts';
import { isFactorisation } from './adapted-weights.ts';

// Adapters of low rank (Hu et al., "LoRA: Low-rank adaptation of large language models", 2021): a frozen weight W acts as
// W + s · A · B, where A [in, rank] starts at random, B [rank, out] at zero, and s = alpha / rank. Parameters have the names of PEFT, and
// convolutions and tables have adapters as there: adapted-weights.ts.

/** Of {@link lora}. */
export interface LoraOptions extends FrozenOptions {
  /** Columns of A. One of `rank` and `weight` is given. */
  readonly rank?: number;
  /** The adapter counts alpha / rank times; default the rank. With `weight` alpha times, default 1. */
  readonly alpha?: number;
  /** Weights to adapt, by full name, `block1.attention1.query.weight`, and shape; default all of those but tables of embeddings in a larger layer. */
  readonly targets?: ParameterFilter;
  /** Share of an adapter's inputs that training leaves out; default 0. */
  readonly dropout?: number;
  /**
   * An adapter of another form, as `tensorTrain({ … })`, whose last cores start at zero; of matrices alone, not of kernels and tables; a function of the matrix's sizes where weights
   * of several are adapted (of a recurrent layer the hidden size, as for its own factorised weights).
   */
  readonly weight?: Factorisation | ((inFeatures: number, outFeatures: number) => Factorisation);
}

/**
 * A layer, or a function that makes layers, that is frozen and learns by adapters of its weights alone: of linear and recurrent layers, of
 * the projections of attention, of convolutions without groups and of embeddings. A result has the layer's shape. Parameters are
 * `NAME.lora_A.weight` [in, rank] and `NAME.lora_B.weight` [rank, out] for a weight `NAME.weight`; of a convolution [height, width, in, rank]
 * and [1, 1, rank, out]; of an embedding `NAME.lora_embedding_A` [vocabulary, rank] and `NAME.lora_embedding_B` [rank, features].
 * (Hu et al., ICLR 2022.)
 *
 * Errors: BTC2003 for what is no function, BTC2015 for options that are none, BTC3006 where no weight is adapted, and those of `frozen`.
 */
export function lora<Layer extends (...given: never[]) => unknown>(
  layer: Layer,
  options: LoraOptions,
): Layer {
  if (typeof layer !== 'function') {
    report(2003, { op: 'lora', wanted: 'a layer or a function', given: typeof layer });
    return layer;
  }
  const adapter = adapterOptions(options ?? {});
  if (!adapter || !isFrozenStorage('lora', options)) return layer;
  const { targets, storage } = options;
  const takes: Adapter['takes'] =
    targets === undefined
      ? (_name, _shape, form) => form !== 'table' || 'vocabulary' in layer
      : parameterFilter(targets);
  const adapted = <T>(run: () => T): T => {
    const trace = currentTrace('lora');
    const before = trace.adapter;
    trace.adapter = { takes, taken: new Set(), options: adapter };
    try {
      return whileFrozen(storage === undefined ? {} : { storage }, run);
    } finally {
      trace.adapter = before;
    }
  };
  const calls = new Proxy(layer, {
    apply: (target, self, given) => {
      const result = Reflect.apply(target, self, given);
      if (currentTrace('lora').adapter?.taken.size === 0)
        report(3006, {
          op: 'lora',
          targets: targets === undefined ? 'none' : `none that ${targets} takes`,
        });
      return result;
    },
  });
  return heldLayer(calls, adapted);
}

/**
 * Weights with their adapters, W + s · A · B, by full name, of what `run` computes in the program that is built: what a model without
 * adapters takes in their place. BTC2003 for what is no function, BTC3006 where it uses no adapter.
 */
export function mergedWeights(run: () => unknown): Record<string, Tensor> {
  const trace = currentTrace('mergedWeights');
  if (typeof run !== 'function') {
    report(2003, { op: 'mergedWeights', wanted: 'a function', given: typeof run });
    return {};
  }
  // Whatever the program has adapted before is noted anew where `run` uses it.
  trace.adapted.clear();
  run();
  if (trace.adapted.size === 0)
    report(3006, { op: 'mergedWeights', targets: 'none with an adapter' });
  return Object.fromEntries([...trace.adapted].map(([name, merged]) => [name, merged()]));
}

function adapterOptions(options: LoraOptions): AdapterOptions | null {
  const { rank, alpha, dropout: share = 0, weight, targets } = options;
  const misuse = (name: string, value: unknown, wanted: string) => {
    report(2015, { op: 'lora', name, value: String(value), wanted });
    return null;
  };
  if (weight === undefined && !(Number.isSafeInteger(rank) && rank! > 0))
    return misuse('rank', rank, 'a positive whole number');
  if (weight !== undefined && rank !== undefined)
    return misuse('rank', rank, 'left out where there is a weight of another form');
  if (weight !== undefined && typeof weight !== 'function' && !isFactorisation(weight))
    return misuse('weight', weight, 'a factorisation, as blockTerm({ … })');
  if (alpha !== undefined && !Number.isFinite(alpha))
    return misuse('alpha', alpha, 'a finite number');
  if (!(typeof share === 'number' && share >= 0 && share < 1))
    return misuse('dropout', share, 'in [0, 1)');
  if (targets !== undefined && !isParameterFilter(targets))
    return misuse('targets', targets, 'a pattern or a function of name and shape');
  const scale = weight === undefined ? (alpha ?? rank!) / rank! : (alpha ?? 1);
  const factorisation = typeof weight === 'function' || !weight ? weight : () => weight;
  return { rank: rank ?? 0, scale, dropout: share, factorisation };
}
