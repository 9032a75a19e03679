import type { Factorisation } from '../../factorised/factorisation.ts';
import { isPoisoned, poisoned } from '../context.ts';
import { areIndices, useAsIndices } from '../indices.ts';
import { glorotUniform, type Initialiser, normalInit, zerosInit } from '../initialisers.ts';
import {
  inLayer,
  type LayerParameters,
  layerOf,
  layerParameters,
  ofLayer,
  withValues,
} from '../parameter.ts';
import { add } from '../parts.ts';
import type { Tensor } from '../tensor.ts';
import { adaptedRows } from './adapted-weights.ts';
import { checkFeatures, checkSizes } from './check.ts';
import type { VarianceLaw } from './core-initialiser.ts';
import { type FactorisedWeight, factorisedMatrix, factorisedWeight } from './factorised-product.ts';
import { factorisedRows } from './factorised-rows.ts';
import { type WeightOptions, weightMatrix, weightProduct } from './weight.ts';

/** What all layers take. */
export interface LayerOptions {
  /** Prefix of the parameters' names; anonymous layers are `linear1`, `linear2`, … in order of first use. */
  readonly name?: string;
}

/** Bias and weights of {@link linear}. */
export interface LinearOptions extends LayerOptions {
  /** Default true. */
  readonly bias?: boolean;
  /** Default Glorot uniform. */
  readonly weightInit?: Initialiser;
  /** Default zeros. */
  readonly biasInit?: Initialiser;
  /** A factorised weight: `weightInit` does not apply, its cores make a matrix whose variance follows `variance`. */
  readonly weight?: Factorisation;
  /** Of a factorised weight; default `glorot`. */
  readonly variance?: VarianceLaw;
}

/** The layer that {@link linear} makes. */
export interface Linear {
  /** [.., inFeatures] to [.., outFeatures]. */
  (x: Tensor): Tensor;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** [inFeatures, outFeatures], in the program that is being built; a factorised weight is formed for it. */
  readonly weight: Tensor;
  /** [outFeatures], or null without one. */
  readonly bias: Tensor | null;
}

/** x·W + b with weight [inFeatures, outFeatures] and bias [outFeatures]. */
export function linear(
  inFeatures: number,
  outFeatures: number,
  options: LinearOptions = {},
): Linear {
  const matrix: WeightOptions = {
    ...{ inFeatures, outFeatures, gates: 1 },
    dense: options.weightInit ?? glorotUniform,
    factorisation: options.weight,
    law: options.variance,
  };
  const biasOf = (parameters: LayerParameters) =>
    options.bias === false
      ? null
      : parameters.get('bias', [outFeatures], options.biasInit ?? zerosInit);
  const call = Object.assign(
    layerOf('linear', options, (x: Tensor): Tensor => {
      const type = { dtype: 'f32', shape: [...x.shape.slice(0, -1), outFeatures] } as const;
      if (!checkSizes('linear', { inFeatures, outFeatures })) return poisoned(x.type);
      const parameters = layerParameters(layer, 'linear', options.name);
      const times = weightProduct('linear', parameters, 'weight', matrix);
      const bias = biasOf(parameters);
      if (!checkFeatures('linear', x, inFeatures) || !times) return poisoned(type);
      const product = times(x);
      return bias ? add(product, bias) : product;
    }),
    { inFeatures, outFeatures },
  );
  const layer: Linear = withValues(call, {
    weight: () =>
      ofLayer(layer, 'linear', options, (parameters) => weightMatrix(parameters, 'weight', matrix)),
    bias: () => ofLayer(layer, 'linear', options, biasOf),
  });
  return layer;
}

/** The table of {@link embedding}. */
export interface EmbeddingOptions extends LayerOptions {
  /** Default normal with deviation 0.02. */
  readonly weightInit?: Initialiser;
  /** A factorised table: its input modes multiply to the vocabulary, its elements have the variance of the default. */
  readonly weight?: Factorisation;
}

/** The layer that {@link embedding} makes. */
export interface Embedding {
  /** i32 indices of any shape to […, features]. */
  (indices: Tensor): Tensor;
  readonly vocabulary: number;
  readonly features: number;
  /** The table [vocabulary, features], to share it with an output layer. A factorised table is formed for it. */
  table(): Tensor;
  /** What {@link table} gives. */
  readonly weight: Tensor;
}

/** A row of a trained table for each index; indices out of range as for {@link gather}. BTC2003 for indices that are not i32. */
export function embedding(
  vocabulary: number,
  features: number,
  options: EmbeddingOptions = {},
): Embedding {
  const mistaken = (): Tensor => poisoned({ dtype: 'f32', shape: [1, 1] });
  const factorised = (): FactorisedWeight | null => {
    const matrix = options.weight?.network(vocabulary, features, 1);
    if (!matrix) return null;
    const parameters = layerParameters(layer, 'embedding', options.name);
    const weight = factorisedWeight(parameters, 'weight', matrix, 0.02 ** 2);
    return weight.cores.flat().some(isPoisoned) ? null : weight;
  };
  const dense = (): Tensor =>
    layerParameters(layer, 'embedding', options.name).get(
      'weight',
      [vocabulary, features],
      options.weightInit ?? normalInit(0.02),
    );
  const table = (): Tensor =>
    inLayer(layer, 'embedding', options.name, () => {
      if (!checkSizes('embedding', { vocabulary, features })) return mistaken();
      if (!options.weight) return dense();
      const weight = factorised();
      return weight ? factorisedMatrix(weight) : mistaken();
    });
  const call = Object.assign(
    layerOf('embedding', options, (indices: Tensor): Tensor => {
      const type = { dtype: 'f32', shape: [...indices.shape, features] } as const;
      if (!checkSizes('embedding', { vocabulary, features }) || isPoisoned(indices))
        return poisoned(type);
      if (!areIndices('embedding', indices)) return poisoned(type);
      if (options.weight) {
        const weight = factorised();
        useAsIndices('embedding', indices, { low: 0, high: vocabulary });
        return weight ? factorisedRows(indices, weight) : poisoned(type);
      }
      const rows = dense();
      if (isPoisoned(rows)) return poisoned(type);
      return adaptedRows(layerParameters(layer, 'embedding', options.name), rows, indices);
    }),
    { vocabulary, features, table },
  );
  const layer: Embedding = withValues(call, { weight: table });
  return layer;
}
