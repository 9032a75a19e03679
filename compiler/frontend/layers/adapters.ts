import type { Shape } from '../../../ir/tensor.ts';
import type { Factorisation } from '../../factorised/factorisation.ts';
import { report } from '../../reporting/report.ts';
import { type AdapterOptions, currentTrace, type FrozenOptions, isPoisoned } from '../context.ts';
import { einsum } from '../contractions.ts';
import { add, mul } from '../elementwise.ts';
import { dropout } from '../functions.ts';
import { uniformInit, zerosInit } from '../initialisers.ts';
import { isParameterFilter, type ParameterFilter, parameterFilter } from '../optimiser.ts';
import { heldLayer, isFrozenStorage, type LayerParameters, whileFrozen } from '../parameter.ts';
import type { Tensor } from '../tensor.ts';
import { matrixVariance } from './core-initialiser.ts';
import { factorisedMatrix, factorisedProduct, factorisedWeight } from './factorised-product.ts';

// Adapters of low rank (Hu et al., "LoRA: Low-rank adaptation of large language models", 2021): a frozen weight W acts as
// W + s · A · B, where A [in, rank] starts at random, B [rank, out] at zero, and s = alpha / rank. Parameters have the names of PEFT.

/** Of {@link lora}. */
export interface LoraOptions extends FrozenOptions {
  /** Columns of A. One of `rank` and `weight` is given. */
  readonly rank?: number;
  /** The adapter counts alpha / rank times; default the rank. With `weight` alpha times, default 1. */
  readonly alpha?: number;
  /** Weights to adapt, by full name, `block1.attention1.query.weight`, and shape; default all matrices that inputs are multiplied by. */
  readonly targets?: ParameterFilter;
  /** Share of an adapter's inputs that training leaves out; default 0. */
  readonly dropout?: number;
  /**
   * An adapter of another form, as `tensorTrain({ … })`, whose last cores start at zero; a function of the matrix's sizes where weights
   * of several are adapted (of a recurrent layer the hidden size, as for its own factorised weights).
   */
  readonly weight?: Factorisation | ((inFeatures: number, outFeatures: number) => Factorisation);
}

/**
 * A layer, or a function that makes layers, that is frozen and learns by adapters of its weights alone: of linear and recurrent layers and
 * of the projections of attention. A result has the layer's shape. Parameters are `NAME.lora_A.weight` [in, rank] and
 * `NAME.lora_B.weight` [rank, out] for a weight `NAME.weight`.
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
  const takes = targets === undefined ? () => true : parameterFilter(targets);
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

/** What is added to the product with a weight, and to the weight itself. */
interface AddedWeight {
  readonly product: (x: Tensor, timeMajor: boolean) => Tensor;
  readonly matrix: () => Tensor;
}

/** The product with a weight [inFeatures, gates · outFeatures], with its adapter where it has one. */
export function adaptedProduct(
  parameters: LayerParameters,
  name: string,
  [inFeatures, outFeatures, gates]: readonly [number, number, number],
  weight: Tensor,
  product: (x: Tensor, timeMajor?: boolean) => Tensor,
): (x: Tensor, timeMajor?: boolean) => Tensor {
  const trace = currentTrace('lora');
  const { adapter, adapted } = trace;
  const full = parameters.nameOf(name);
  if (!adapter?.takes(full, weight.shape)) return product;
  adapter.taken.add(full);
  const { options } = adapter;
  const added = whileFrozen(null, () =>
    options.factorisation
      ? factorisedAdapter(parameters, name, [inFeatures, outFeatures, gates], options.factorisation)
      : lowRankAdapter(parameters, name, [inFeatures, gates * outFeatures], options.rank),
  );
  if (!added) return product;
  const scaled = (x: Tensor) => (options.scale === 1 ? x : mul(x, options.scale));
  adapted.set(full, () => add(weight, scaled(added.matrix())));
  return (x, timeMajor = false) => {
    const given = options.dropout > 0 ? dropout(x, options.dropout) : x;
    return add(product(x, timeMajor), scaled(added.product(given, timeMajor)));
  };
}

function lowRankAdapter(
  parameters: LayerParameters,
  name: string,
  [rows, columns]: readonly [number, number],
  rank: number,
): AddedWeight | null {
  const bound = 1 / Math.sqrt(rows);
  const owner = ownerOf(name);
  const a = parameters.get(`${owner}lora_A.weight`, [rows, rank], uniformInit(-bound, bound));
  const b = parameters.get(`${owner}lora_B.weight`, [rank, columns], zerosInit);
  if (isPoisoned(a) || isPoisoned(b)) return null;
  if (a.shape[1] !== rank) {
    // The layer has an adapter in this program already.
    const [first, second] = [a.shape[1], rank].map((columns) => `rank ${columns}`);
    report(1007, {
      name: parameters.nameOf(`${owner}lora_A.weight`),
      what: 'shapes',
      first,
      second,
    });
    return null;
  }
  return {
    product: (x, timeMajor) => einsum(timeMajor ? 'bti,ir,rj->tbj' : '...i,ir,rj->...j', x, a, b),
    matrix: () => einsum('ir,rj->ij', a, b),
  };
}

function factorisedAdapter(
  parameters: LayerParameters,
  name: string,
  [rows, columns, gates]: readonly [number, number, number],
  factorisationOf: NonNullable<AdapterOptions['factorisation']>,
): AddedWeight | null {
  const factorisation: unknown = factorisationOf(rows, columns);
  if (!isFactorisation(factorisation)) {
    const value = String(factorisation);
    report(2015, {
      op: 'lora',
      name: 'weight',
      value,
      wanted: 'a factorisation, as blockTerm({ … })',
    });
    return null;
  }
  const matrix = factorisation.network(rows, columns, gates);
  if (!matrix) return null;
  const variance = matrixVariance('lecun', matrix);
  const weight = factorisedWeight(parameters, `${ownerOf(name)}lora`, matrix, variance, 'zero');
  if (weight.cores.flat().some(isPoisoned)) return null;
  return {
    product: (x, timeMajor) => {
      const lead: Shape = x.shape.slice(0, -1);
      const flat = timeMajor ? x : x.reshape([-1, rows]);
      const made = factorisedProduct(flat, weight, timeMajor ? 'reversed' : undefined);
      return timeMajor ? made : made.reshape([...lead, gates * columns]);
    },
    matrix: () => factorisedMatrix(weight),
  };
}

/** `query.weight` is a weight of `query.`, `weight` of the layer; anything else has a place of its own. */
function ownerOf(name: string): string {
  return /(^|\.)weight$/.test(name) ? name.slice(0, -'weight'.length) : `${name}.`;
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

function isFactorisation(value: unknown): value is Factorisation {
  return typeof (value as Factorisation | null)?.network === 'function';
}
