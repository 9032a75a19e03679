import { isFloat } from '../../../ir/dtypes.ts';
import { sameShape } from '../../../ir/tensor.ts';
import type { Factorisation } from '../../factorised/factorisation.ts';
import { formatShape } from '../../format.ts';
import { report } from '../../reporting/report.ts';
import { broadcastShapes } from '../broadcast.ts';
import { isPoisoned, mistake, poisoned } from '../context.ts';
import { glorotUniform, type Initialiser, zerosInit } from '../initialisers.ts';
import { type LayerParameters, layerOf, layerParameters } from '../parameter.ts';
import {
  add,
  cast,
  cos,
  dropout,
  einsum,
  exp,
  expandDims,
  greaterEqual,
  iota,
  mul,
  reshape,
  select,
  sin,
  softmax,
  split,
  stack,
  sub,
} from '../parts.ts';
import { inPart } from '../scope.ts';
import type { Tensor } from '../tensor.ts';
import { checkFeatures, checkSizes } from './check.ts';
import type { VarianceLaw } from './core-initialiser.ts';
import type { LayerOptions } from './dense.ts';
import { weightProduct } from './weight.ts';

/** What queries see of the keys. */
export interface AttentionMasks {
  /**
   * Broadcast to the scores [batch, heads, time, keys]: i32 is 0 where a query does not see a key, f32 is added to the scores, as a bias of
   * positions.
   */
  readonly mask?: Tensor;
  /** [batch, keys] i32: 0 for keys that are padding, which nobody sees. */
  readonly keyMask?: Tensor;
}

/** Masks and dropout of {@link scaledDotProductAttention}. */
export interface DotProductAttentionOptions extends AttentionMasks {
  /** Each query sees the keys up to its own position only; default false. */
  readonly causal?: boolean;
  /** Rate of {@link dropout} of the attention weights; default 0. */
  readonly dropout?: number;
}

/** Stands for minus infinity, whose difference from itself is no number, where a query may see no key. */
const MASKED = -1e30;

/**
 * softmax(Q·Kᵀ / √features)·V per head (Vaswani et al. 2017, equation 1), for queries [batch, time, heads, features] and keys
 * and values [batch, keys, heads, features]: [batch, time, heads, features]. Keys and values may have fewer heads, each for as many
 * queries' heads in a row (Ainslie et al. 2023). A query that sees no key at all takes the mean of the values.
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
  const [batch, time, heads, features] = query.shape;
  const [, keys, groups] = key.shape;
  const shared = groups < heads;
  // Heads that share keys are an axis of their own, so that keys are read in place.
  const parted = shared ? reshape(scaled, [batch, time, groups, heads / groups, features]) : scaled;
  const products = einsum(shared ? 'bqghd,bkgd->bghqk' : 'bqhd,bkhd->bhqk', parted, key);
  const scores = reshape(products, [batch, heads, time, keys]);
  if (!checkMasks(scores, options)) return poisoned(query.type);
  const weights = visible(dropout(softmax(masked(scores, options)), options.dropout ?? 0), options);
  if (!shared) return einsum('bhqk,bkhd->bqhd', weights, value);
  const ofGroups = reshape(weights, [batch, groups, heads / groups, time, keys]);
  return reshape(einsum('bghqk,bkgd->bqghd', ofGroups, value), query.shape);
}

/** Scores as they count. */
function masked(scores: Tensor, { causal, mask, keyMask }: DotProductAttentionOptions): Tensor {
  let seen = scores;
  if (mask) seen = isFloat(mask.dtype) ? add(seen, mask) : select(mask, seen, MASKED);
  if (keyMask) seen = select(expandDims(expandDims(keyMask, 1), 1), seen, MASKED);
  if (!causal) return seen;
  // Each query sees the first key, unless that is masked otherwise.
  const least = mask || keyMask ? MASKED : Number.NEGATIVE_INFINITY;
  return select(comesBefore(scores), seen, least);
}

/** Whether the key of a score comes no later than its query. */
const comesBefore = ({ shape }: Tensor): Tensor => greaterEqual(iota(shape, 2), iota(shape, 3));

/**
 * Weights of what came before. Where nothing else is masked, each query sees the first key, so that all other weights are 0 as they are. Where
 * that is said, tiles of them need no scores.
 */
const visible = (weights: Tensor, { causal, mask, keyMask }: DotProductAttentionOptions): Tensor =>
  causal && !mask && !keyMask ? mul(weights, cast(comesBefore(weights), 'f32')) : weights;

function checkMasks({ shape }: Tensor, { mask, keyMask }: AttentionMasks): boolean {
  const op = 'scaledDotProductAttention';
  if ([mask, keyMask].some((one) => one && isPoisoned(one))) return false;
  const joined = mask && broadcastShapes(mask.shape, shape);
  if (mask && !(joined && sameShape(joined, shape))) {
    report(2003, {
      op,
      wanted: `a mask that broadcasts to ${formatShape(shape)}`,
      given: formatShape(mask.shape),
    });
    return false;
  }
  const padding = [shape[0], shape[3]];
  if (!keyMask || (keyMask.dtype === 'i32' && sameShape(keyMask.shape, padding))) return true;
  const given = `${keyMask.dtype} ${formatShape(keyMask.shape)}`;
  report(2003, { op, wanted: `a keyMask ${formatShape(padding)} i32`, given });
  return false;
}

/** How {@link rotary} turns. */
export interface RotaryOptions {
  /** Of the wavelengths; default 10,000. */
  readonly base?: number;
  /** Position of the first step, as with a cache of earlier keys; default 0. */
  readonly offset?: number;
  /** Pairs of neighbours turn together, as in the paper; default false: element k and k + features / 2, as in LLaMA and GPT-NeoX. */
  readonly interleaved?: boolean;
}

/**
 * Queries or keys [batch, time, heads, features] with pairs of features turned by their position times base^(-2k / features) (Su et al.
 * 2021): scores then depend on distances alone. The shape stays. BTC2003 for another rank, BTC2015 for an odd number of features or a
 * base that is not positive.
 */
export function rotary(
  x: Tensor,
  { base = 10_000, offset = 0, interleaved = false }: RotaryOptions = {},
): Tensor {
  if (isPoisoned(x)) return x;
  const misuse = (name: string, value: unknown, wanted: string) =>
    mistake(2015, { op: 'rotary', name, value: String(value), wanted }, x.type);
  if (x.rank !== 4 || x.dtype !== 'f32') {
    const given = `${x.dtype} ${formatShape(x.shape)}`;
    return mistake(
      2003,
      { op: 'rotary', wanted: 'f32 [batch, time, heads, features]', given },
      x.type,
    );
  }
  const [batch, time, heads, features] = x.shape;
  if (features % 2 !== 0) return misuse('features', features, 'even');
  if (!(Number.isFinite(base) && base > 0)) return misuse('base', base, 'a positive number');
  if (!Number.isSafeInteger(offset)) return misuse('offset', offset, 'an integer');
  const half = features / 2;
  const position = add(cast(iota([time, 1, half], 0), 'f32'), offset);
  const pair = cast(iota([time, 1, half], 2), 'f32');
  const angle = mul(position, exp(mul(pair, (-2 * Math.log(base)) / features)));
  const [c, s] = [cos(angle), sin(angle)];
  const pairs = reshape(x, [batch, time, heads, ...(interleaved ? [half, 2] : [2, half])]);
  const axis = interleaved ? 4 : 3;
  const [a, b] = split(pairs, 2, axis).map((part) => reshape(part, [batch, time, heads, half]));
  const turned = [sub(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s))];
  return reshape(stack(turned, axis), x.shape);
}

function checkHeads(query: Tensor, key: Tensor, value: Tensor): boolean {
  const given = [query, key, value].map(({ dtype, shape }) => `${dtype} ${formatShape(shape)}`);
  const fits =
    query.dtype === 'f32' &&
    query.rank === 4 &&
    key.rank === 4 &&
    query.shape[2] % key.shape[2] === 0 &&
    [key, value].every(
      ({ dtype, shape }) =>
        dtype === 'f32' &&
        sameShape(shape, query.shape.with(1, key.shape[1]).with(2, key.shape[2])),
    );
  if (fits) return true;
  const wanted = 'queries, keys and values f32 [batch, time, heads, features]';
  report(2003, { op: 'scaledDotProductAttention', wanted, given: given.join(', ') });
  return false;
}

/** Heads and weights of {@link attention}. */
export interface AttentionOptions
  extends LayerOptions,
    Omit<DotProductAttentionOptions, keyof AttentionMasks> {
  /** Parts of the features that attend on their own. */
  readonly heads: number;
  /** Heads of keys and values, a divisor of `heads`; default as many. */
  readonly keyHeads?: number;
  /** Turns queries and keys by their positions ({@link rotary}); default false. */
  readonly rotary?: boolean | RotaryOptions;
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
  (x: Tensor, context?: Tensor, masks?: AttentionMasks): Tensor;
  readonly features: number;
}

/**
 * Multi-head attention (Vaswani et al. 2017, section 3.2.2): queries of `x`, keys and values of the context, each a product
 * with a matrix [features, features] and a bias, and so is what comes out. With `keyHeads` those of keys and values are as much narrower.
 *
 * Errors: BTC2015 for heads that do not divide the features, BTC2003 and BTC2014 for inputs that do not fit.
 */
export function attention(features: number, options: AttentionOptions): Attention {
  const { heads, keyHeads = heads } = options;
  const layer = Object.assign(
    layerOf(
      'attention',
      options,
      (x: Tensor, context: Tensor = x, masks: AttentionMasks = {}): Tensor => {
        if (!checkSizes('attention', { features, heads, keyHeads })) return poisoned(x.type);
        if (features % heads !== 0) {
          const wanted = `a divisor of the ${features} features`;
          return mistake(2015, { op: 'attention', name: 'heads', value: heads, wanted }, x.type);
        }
        if (heads % keyHeads !== 0) {
          const wanted = `a divisor of the ${heads} heads`;
          return mistake(
            2015,
            { op: 'attention', name: 'keyHeads', value: keyHeads, wanted },
            x.type,
          );
        }
        const size = features / heads;
        const parameters = layerParameters(layer, 'attention', options.name, {
          heads: keyHeads,
        });
        const [query, key, value, output] = ['query', 'key', 'value', 'output'].map((part) => {
          const isShared = part === 'key' || part === 'value';
          return projection(
            parameters,
            part,
            [features, isShared ? keyHeads * size : features],
            options,
          );
        });
        if (!checkSequence(x, features) || !checkSequence(context, features))
          return poisoned(x.type);
        if (!query || !key || !value || !output) return poisoned(x.type);
        const perHead = (y: Tensor) =>
          reshape(y, [...y.shape.slice(0, 2), y.shape[2] / size, size]);
        const placed = (y: Tensor) =>
          options.rotary ? rotary(y, options.rotary === true ? {} : options.rotary) : y;
        const attended = scaledDotProductAttention(
          placed(perHead(query(x))),
          placed(perHead(key(context))),
          perHead(value(context)),
          { ...options, ...masks },
        );
        return isPoisoned(attended) ? attended : output(reshape(attended, x.shape));
      },
      3,
    ),
    { features },
  );
  return layer;
}

/** x·W + b; null after a mistake. */
function projection(
  parameters: LayerParameters,
  part: string,
  [inFeatures, outFeatures]: readonly [number, number],
  options: AttentionOptions,
): ((x: Tensor) => Tensor) | null {
  const times = weightProduct('attention', parameters, `${part}.weight`, {
    inFeatures,
    outFeatures,
    gates: 1,
    dense: options.weightInit ?? glorotUniform,
    factorisation: options.weight,
    law: options.variance,
  });
  const bias = parameters.get(`${part}.bias`, [outFeatures], zerosInit);
  return times && ((x) => inPart(part, () => add(times(x), bias)));
}

function checkSequence(x: Tensor, features: number): boolean {
  if (!checkFeatures('attention', x, features)) return false;
  if (x.rank === 3) return true;
  const given = formatShape(x.shape);
  report(2003, { op: 'attention', wanted: '[batch, time, features]', given });
  return false;
}
