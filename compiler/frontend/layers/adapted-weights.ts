import type { Shape } from '../../../ir/tensor.ts';
import type { Factorisation } from '../../factorised/factorisation.ts';
import { report } from '../../reporting/report.ts';
import { tapLetters } from '../../window/letters.ts';
import { type Adapter, type AdapterOptions, currentTrace, isPoisoned } from '../context.ts';
import { type Initialiser, normalInit, uniformInit, zerosInit } from '../initialisers.ts';
import { type LayerParameters, whileFrozen } from '../parameter.ts';
import { add, dropout, einsum, gather, matmul, mul } from '../parts.ts';
import type { Tensor } from '../tensor.ts';
import { matrixVariance } from './core-initialiser.ts';
import { factorisedMatrix, factorisedProduct, factorisedWeight } from './factorised-product.ts';

// What layers do with a weight, with its adapter where it has one.

/** What is added to the product with a weight, and to the weight itself. */
interface AddedWeight {
  readonly product: (x: Tensor, timeMajor: boolean) => Tensor;
  readonly matrix: () => Tensor;
}

/** The adapter of a weight that is used now, or null where it has none. */
function adapterOf(full: string, shape: Shape, form: Parameters<Adapter['takes']>[2]) {
  const { adapter } = currentTrace('lora');
  if (!adapter?.takes(full, shape, form)) return null;
  if (adapter.options.factorisation && form !== 'matrix') return null;
  adapter.taken.add(full);
  return adapter.options;
}

/** What is added of an adapter: the sum of a result with the adapter's, and of the weight with it for {@link mergedWeights}. */
function withAdapter(
  full: string,
  weight: Tensor,
  { scale }: AdapterOptions,
  matrix: () => Tensor,
): (result: Tensor, own: Tensor) => Tensor {
  const plus = (to: Tensor, own: Tensor) => add(to, scale === 1 ? own : mul(own, scale));
  currentTrace('lora').adapted.set(full, () => plus(weight, matrix()));
  return plus;
}

const dropped = (x: Tensor, { dropout: share }: AdapterOptions) =>
  share > 0 ? dropout(x, share) : x;

/** The product with a weight [inFeatures, gates · outFeatures], with its adapter where it has one. */
export function adaptedProduct(
  parameters: LayerParameters,
  name: string,
  [inFeatures, outFeatures, gates]: readonly [number, number, number],
  weight: Tensor,
  product: (x: Tensor, timeMajor?: boolean) => Tensor,
): (x: Tensor, timeMajor?: boolean) => Tensor {
  const full = parameters.nameOf(name);
  const options = adapterOf(full, weight.shape, 'matrix');
  if (!options) return product;
  const added = whileFrozen(null, () =>
    options.factorisation
      ? factorisedAdapter(parameters, name, [inFeatures, outFeatures, gates], options.factorisation)
      : lowRankAdapter(parameters, name, [inFeatures, gates * outFeatures], options.rank),
  );
  if (!added) return product;
  const plus = withAdapter(full, weight, options, added.matrix);
  return (x, timeMajor = false) =>
    plus(product(x, timeMajor), added.product(dropped(x, options), timeMajor));
}

/** A convolution with a kernel […taps, in, out], and behind it, where it has an adapter, one of the same windows to so few channels. */
export function adaptedConvolution(
  parameters: LayerParameters,
  kernel: Tensor,
  convolve: (x: Tensor, kernel: Tensor) => Tensor,
): (x: Tensor) => Tensor {
  const plain = (x: Tensor) => convolve(x, kernel);
  const full = parameters.nameOf('weight');
  const options = isPoisoned(kernel) ? null : adapterOf(full, kernel.shape, 'kernel');
  if (!options) return plain;
  const { rank } = options;
  const taps = kernel.shape.slice(0, -2);
  const [inside, outside] = kernel.shape.slice(-2);
  const bound = 1 / Math.sqrt(taps.reduce((product, extent) => product * extent, inside));
  const factors = whileFrozen(null, () =>
    factorsOf(parameters, rank, [
      ['lora_A.weight', [...taps, inside, rank], uniformInit(-bound, bound)],
      ['lora_B.weight', [...taps.map(() => 1), rank, outside], zerosInit],
    ]),
  );
  if (!factors) return plain;
  const [a, b] = factors;
  const mix = b.reshape([rank, outside]);
  const letters = tapLetters(taps.length);
  const plus = withAdapter(full, kernel, options, () =>
    einsum(`${letters}cr,rd->${letters}cd`, a, mix),
  );
  return (x) => plus(plain(x), einsum('...r,rd->...d', convolve(dropped(x, options), a), mix));
}

/** Rows of a table [vocabulary, features] by index, with its adapter where it has one; what is dropped of inputs is no matter of indices. */
export function adaptedRows(parameters: LayerParameters, table: Tensor, indices: Tensor): Tensor {
  const rows = gather(table, indices);
  const full = parameters.nameOf('weight');
  const options = isPoisoned(table) ? null : adapterOf(full, table.shape, 'table');
  if (!options) return rows;
  const { rank } = options;
  const [vocabulary, features] = table.shape;
  const factors = whileFrozen(null, () =>
    factorsOf(parameters, rank, [
      ['lora_embedding_A', [vocabulary, rank], zerosInit],
      ['lora_embedding_B', [rank, features], normalInit(1)],
    ]),
  );
  if (!factors) return rows;
  const [a, b] = factors;
  const plus = withAdapter(full, table, options, () => matmul(a, b));
  return plus(rows, einsum('...r,rf->...f', gather(a, indices), b));
}

type Factor = readonly [name: string, shape: Shape, initialiser: Initialiser];

/** Two trained factors; null after a mistake, of which BTC1007 is an adapter of another rank that the layer has in this program. */
function factorsOf(
  parameters: LayerParameters,
  rank: number,
  [first, second]: readonly [Factor, Factor],
): readonly [Tensor, Tensor] | null {
  const [a, b] = [parameters.get(...first), parameters.get(...second)];
  if (isPoisoned(a) || isPoisoned(b)) return null;
  const known = a.shape[a.rank - 1];
  if (known === rank) return [a, b];
  const [one, other] = [known, rank].map((columns) => `rank ${columns}`);
  const name = parameters.nameOf(first[0]);
  report(1007, { name, what: 'shapes', first: one, second: other });
  return null;
}

function lowRankAdapter(
  parameters: LayerParameters,
  name: string,
  [rows, columns]: readonly [number, number],
  rank: number,
): AddedWeight | null {
  const bound = 1 / Math.sqrt(rows);
  const owner = ownerOf(name);
  const factors = factorsOf(parameters, rank, [
    [`${owner}lora_A.weight`, [rows, rank], uniformInit(-bound, bound)],
    [`${owner}lora_B.weight`, [rank, columns], zerosInit],
  ]);
  if (!factors) return null;
  const [a, b] = factors;
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

export function isFactorisation(value: unknown): value is Factorisation {
  return typeof (value as Factorisation | null)?.network === 'function';
}
