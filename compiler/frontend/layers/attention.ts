import { sameShape } from '../../../ir/tensor.ts';
import type { Factorisation } from '../../factorised/factorisation.ts';
import { formatShape } from '../../format.ts';
import { report } from '../../reporting/report.ts';
import { isPoisoned, mistake, poisoned } from '../context.ts';
import { einsum } from '../contractions.ts';
import { add, greaterEqual, mul, select } from '../elementwise.ts';
import { dropout, softmax } from '../functions.ts';
import { glorotUniform, type Initialiser, zerosInit } from '../initialisers.ts';
import { type LayerParameters, layerOf, layerParameters } from '../parameter.ts';
import { inPart } from '../scope.ts';
import type { Tensor } from '../tensor.ts';
import { iota, reshape } from '../views.ts';
import { checkFeatures, checkSizes } from './check.ts';
import type { VarianceLaw } from './core-initialiser.ts';
import type { LayerOptions } from './dense.ts';
import { weightProduct } from './weight.ts';

/** Mask and dropout of {@link scaledDotProductAttention}. */
export interface DotProductAttentionOptions {
  /** Each query sees the keys up to its own position only; default false. */
  readonly causal?: boolean;
  /** Rate of {@link dropout} of the attention weights; default 0. */
  readonly dropout?: number;
}

/** Stands for minus infinity, whose difference from itself is no number. */
const MASKED = -1e30;

/**
 * softmax(Q·Kᵀ / √features)·V per head (Vaswani et al. 2017, equation 1), for queries [batch, time, heads, features] and keys
 * and values [batch, keys, heads, features]: [batch, time, heads, features].
 *
 * Errors: BTC2003 for shapes that do not fit one another.
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: DotProductAttentionOptions = {},
): Tensor {
  if ([query, key, value].some(isPoisoned) || !checkHeads(query, key, value))
    return poisoned(query.type);
  const scaled = mul(query, 1 / Math.sqrt(query.shape[3]));
  const scores = einsum('bqhd,bkhd->bhqk', scaled, key);
  const seen = options.causal
    ? select(greaterEqual(iota(scores.shape, 2), iota(scores.shape, 3)), scores, MASKED)
    : scores;
  return einsum('bhqk,bkhd->bqhd', dropout(softmax(seen), options.dropout ?? 0), value);
}

function checkHeads(query: Tensor, key: Tensor, value: Tensor): boolean {
  const given = [query, key, value].map(({ dtype, shape }) => `${dtype} ${formatShape(shape)}`);
  const fits =
    query.dtype === 'f32' &&
    query.rank === 4 &&
    [key, value].every(
      ({ dtype, shape }) =>
        dtype === 'f32' && sameShape(shape, query.shape.with(1, key.shape[1] ?? 1)),
    );
  if (fits) return true;
  const wanted = 'queries, keys and values f32 [batch, time, heads, features]';
  report(2003, { op: 'scaledDotProductAttention', wanted, given: given.join(', ') });
  return false;
}

/** Heads and weights of {@link attention}. */
export interface AttentionOptions extends LayerOptions, DotProductAttentionOptions {
  /** Parts of the features that attend on their own. */
  readonly heads: number;
  /** Of the matrices of queries, keys, values and the output; default Glorot uniform. */
  readonly weightInit?: Initialiser;
  /** Factorises those matrices. */
  readonly weight?: Factorisation;
  /** Of factorised matrices; default `glorot`. */
  readonly variance?: VarianceLaw;
}

/** The layer that {@link attention} makes. */
export interface Attention {
  /** [batch, time, features] attends to itself, or to [batch, keys, features]: [batch, time, features]. */
  (x: Tensor, context?: Tensor): Tensor;
  readonly features: number;
}

/**
 * Multi-head attention (Vaswani et al. 2017, section 3.2.2): queries of `x`, keys and values of the context, each a product
 * with a matrix [features, features] and a bias, and so is what comes out.
 *
 * Errors: BTC2015 for heads that do not divide the features, BTC2003 and BTC2014 for inputs that do not fit.
 */
export function attention(features: number, options: AttentionOptions): Attention {
  const { heads } = options;
  const layer = Object.assign(
    layerOf('attention', options, (x: Tensor, context: Tensor = x): Tensor => {
      if (!checkSizes('attention', { features, heads })) return poisoned(x.type);
      if (features % heads !== 0) {
        const wanted = `a divisor of the ${features} features`;
        return mistake(2015, { op: 'attention', name: 'heads', value: heads, wanted }, x.type);
      }
      const parameters = layerParameters(layer, 'attention', options.name);
      const [query, key, value, output] = ['query', 'key', 'value', 'output'].map((part) =>
        projection(parameters, part, features, options),
      );
      if (!checkSequence(x, features) || !checkSequence(context, features)) return poisoned(x.type);
      if (!query || !key || !value || !output) return poisoned(x.type);
      const perHead = (y: Tensor) => reshape(y, [...y.shape.slice(0, 2), heads, features / heads]);
      const attended = scaledDotProductAttention(
        perHead(query(x)),
        perHead(key(context)),
        perHead(value(context)),
        options,
      );
      return isPoisoned(attended) ? attended : output(reshape(attended, x.shape));
    }),
    { features },
  );
  return layer;
}

/** x·W + b with a square matrix; null after a mistake. */
function projection(
  parameters: LayerParameters,
  part: string,
  features: number,
  options: AttentionOptions,
): ((x: Tensor) => Tensor) | null {
  const times = weightProduct('attention', parameters, `${part}.weight`, {
    inFeatures: features,
    outFeatures: features,
    gates: 1,
    dense: options.weightInit ?? glorotUniform,
    factorisation: options.weight,
    law: options.variance,
  });
  const bias = parameters.get(`${part}.bias`, [features], zerosInit);
  return times && ((x) => inPart(part, () => add(times(x), bias)));
}

function checkSequence(x: Tensor, features: number): boolean {
  if (!checkFeatures('attention', x, features)) return false;
  if (x.rank === 3) return true;
  const given = formatShape(x.shape);
  report(2003, { op: 'attention', wanted: '[batch, time, features]', given });
  return false;
}
