import * as btc from '../../../compiler/language.ts';
import { WINDOW_CASES } from './window-cases.ts';

const BCE_TARGETS = [0, 1, 1, 0, 1, 0, 0.5, 0.25, 1, 1, 0, 0];
const KL_TARGETS = [0, 0.25, 0.75, 0, 0.5, 0, 0, 0.5, 0.1, 0.2, 0.3, 0.4];
const CTC_TARGETS = [1, 2, 2, 3, 3, 4, 2, 1, 1];

const array = (values: readonly number[], shape: readonly number[], dtype: btc.DType = 'f32') =>
  btc.constant(values, shape, dtype);
const integers = (values: readonly number[], shape: readonly number[]) =>
  array(values, shape, 'i32');
const signs = () => integers([1, -1, -1], [3]);
const first = (x: btc.Tensor) => x.slice(1, 0, 1).squeeze(1);
const ctc = (x: btc.Tensor, options: btc.CtcOptions = {}) =>
  btc.ctcLoss(btc.logSoftmax(x), integers(CTC_TARGETS, [3, 3]), {
    inputLengths: integers([6, 5, 4], [3]),
    targetLengths: integers([3, 2, 1], [3]),
    ...options,
  });

/** By case of values.json: the same in this language, of its inputs in their order. */
export const CASES: Readonly<Record<string, (...x: btc.Tensor[]) => btc.Tensor>> = {
  elu: (x) => x.elu({ alpha: 0.7 }),
  celu: (x) => x.celu({ alpha: 0.7 }),
  selu: (x) => x.selu(),
  mish: (x) => x.mish(),
  hardSwish: (x) => x.hardSwish(),
  hardSigmoid: (x) => x.hardSigmoid(),
  hardTanh: (x) => x.hardTanh(),
  relu6: (x) => x.relu6(),
  softsign: (x) => x.softsign(),
  'softplus beta': (x) => x.softplus({ beta: 2 }),
  prelu: (x, a) => x.prelu(a),
  glu: (x) => x.glu(0),
  'mse sum': (a, b) => btc.meanSquaredError(a, b, { reduction: 'sum' }),
  'mse none': (a, b) => btc.meanSquaredError(a, b, { reduction: 'none' }),
  l1: (a, b) => btc.l1Loss(a, b),
  smoothL1: (a, b) => btc.smoothL1Loss(a, b, { beta: 0.5 }),
  'smoothL1 zero': (a, b) => btc.smoothL1Loss(a, b, { beta: 0 }),
  huber: (a, b) => btc.huberLoss(a, b, { delta: 1.5, reduction: 'none' }),
  kl: (x, t) => btc.klDivergence(x, t),
  'kl batch': (x) =>
    btc.klDivergence(btc.logSoftmax(x), array(KL_TARGETS, [3, 4]), { reduction: 'batchMean' }),
  'kl log': (x, t) => btc.klDivergence(x, t, { logTarget: true, reduction: 'sum' }),
  'bce saturated': (p) =>
    btc.binaryCrossEntropy(p, array([1, 0, 0.5, 1], [4]), { reduction: 'none' }),
  bce: (p) => btc.binaryCrossEntropy(p, array(BCE_TARGETS, [3, 4])),
  nll: (x, y) => btc.negativeLogLikelihood(x, y, { ignoreIndex: 2 }),
  'nll weights': (x, y) => btc.negativeLogLikelihood(x, y, { weights: [1, 2, 3, 0.5] }),
  cosineSimilarity: (a, b) => btc.cosineSimilarity(a, b),
  'cosineSimilarity rows': (a, b) => btc.cosineSimilarity(a, b, { axis: 0 }),
  'cosineSimilarity repeated': (a, b) => btc.cosineSimilarity(a, b, { axis: 2 }),
  cosineEmbedding: (a, b) => btc.cosineEmbeddingLoss(a, b, signs(), { margin: 0.1 }),
  'cosineEmbedding of zeros': (a, b) =>
    btc.cosineEmbeddingLoss(a, b, signs(), { reduction: 'none' }),
  triplet: (a, b, c) => btc.tripletMarginLoss(a, b, c, { margin: 3 }),
  'triplet swap': (a, b, c) => btc.tripletMarginLoss(a, b, c, { margin: 3, p: 1.5, swap: true }),
  pairwise: (a, b) => btc.pairwiseDistance(a, b, { p: 3 }),
  ranking: (a, b) =>
    btc.marginRankingLoss(first(a), first(b), signs().cast('f32'), { margin: 0.3 }),
  'norm 1': (x) => x.norm(1, { p: 1 }),
  'norm 2': (x) => x.norm(1),
  'norm 3': (x) => x.norm(1, { p: 3 }),
  'norm 0.5': (x) => x.norm(1, { p: 0.5 }),
  'norm inf': (x) => x.norm(1, { p: Number.POSITIVE_INFINITY }),
  'norm -inf': (x) => x.norm(1, { p: Number.NEGATIVE_INFINITY }),
  'norm all': (x) => x.norm(),
  'norm of zeros': (x) => x.norm(1),
  std: (x) => x.std(1),
  'std all': (x) => x.std(undefined, { correction: 1 }),
  cumsum: (x) => x.cumsum(),
  'cumsum first': (x) => x.cumsum(0),
  cumprod: (x) => x.cumprod(1),
  prod: (x) => x.prod(1),
  'prod all': (x) => x.prod(),
  flip: (x) => x.flip(),
  roll: (x) => x.roll(-2, 1),
  'roll all': (x) => x.roll(4),
  tril: (x) => x.tril(1),
  triu: (x) => x.triu(-1),
  flatten: (x) => x.flatten(1),
  permute: (x) => x.permute([2, 0, -2]),
  take: (x, i) => x.take(i, 1),
  takeAlongAxis: (x, i) => x.takeAlongAxis(i, 1),
  'takeAlongAxis last': (x, i) => x.takeAlongAxis(i),
  scatterAdd: (x, i, u) => x.scatterAddAlongAxis(i, u, 1),
  scatter: (x, u) => x.scatterAlongAxis(integers([2, 0, 1, 4, 3, 0], [3, 2]), u, 1),
  sort: (x) => x.sort().values,
  'sort indices': (x) => x.sort().indices,
  'sort descending': (x) => x.sort(0, { descending: true }).values,
  topk: (x) => x.topk(2).values,
  'topk indices': (x) => x.topk(3, { smallest: true }).indices,
  'sort of four': (x) => x.sort().indices,
  'topk of four': (x) => x.topk(2).values,
  'topk many': (x) => x.topk(4).values,
  'einsum implicit': (a, b) => btc.einsum('ij,kj', a, b),
  'einsum ellipsis': (a, b) => btc.einsum('...ij,...jk->...ik', a, b),
  'einsum batch': (a, b) => btc.einsum('b...,b...->b', a, b),
  'einsum swap': (a) => btc.einsum('...ij->...ji', a),
  groupNorm: (x, s, t) => btc.groupNorm(2, 4, { affine: false })(x).mul(s).add(t),
  instanceNorm: (x) => btc.instanceNorm(4)(x),
  rmsNorm: (x, s) => btc.rmsNorm(4, { affine: false })(x).mul(s),
  conv3d: (x, w) => btc.conv3d(x, w, { stride: [2, 1, 1], padding: 1 }),
  maxPool1d: (x) => btc.maxPool1d(x, 3, { stride: 2, padding: 1 }),
  avgPool1d: (x) => btc.avgPool1d(x, 3, { stride: 2, padding: 1, ceilMode: true }),
  maxPool3d: (x) => btc.maxPool3d(x, [2, 3, 2]),
  avgPool3d: (x) => btc.avgPool3d(x, 2, { stride: 1 }),
  'attention groups': (q, k, v, b) =>
    btc.scaledDotProductAttention(q, k, v, {
      mask: b,
      keyMask: integers([1, 1, 0, 1, 1, 0, 1, 1, 1, 0], [2, 5]),
    }),
  'attention mask': (q, k, v) =>
    btc.scaledDotProductAttention(q, k, v, {
      mask: integers([1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1], [3, 5]),
    }),
  rotary: (x) => btc.rotary(x, { offset: 3 }),
  'rotary interleaved': (x) => btc.rotary(x, { base: 100, interleaved: true }),
  ctc: (x) => ctc(x),
  'ctc none': (x) => ctc(x, { reduction: 'none' }),
  'ctc blank': (x) => ctc(x, { reduction: 'sum' }),
  'ctc impossible': (x) =>
    btc.ctcLoss(btc.logSoftmax(x), integers([2, 2, 2, 2], [1, 4]), { zeroInfinity: true }),
  ...WINDOW_CASES,
};
