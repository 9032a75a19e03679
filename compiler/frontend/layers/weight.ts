import { elementCount } from '../../../ir/tensor.ts';
import type { Factorisation } from '../../factorised/factorisation.ts';
import { warnIfDearer } from '../../factorised/product-macs.ts';
import { isPoisoned, poisoned } from '../context.ts';
import type { Initialiser } from '../initialisers.ts';
import type { LayerParameters } from '../parameter.ts';
import { einsum, matmul, reshape } from '../parts.ts';
import type { Tensor } from '../tensor.ts';
import { adaptedProduct } from './adapted-weights.ts';
import { matrixVariance, type VarianceLaw } from './core-initialiser.ts';
import { factorisedMatrix, factorisedProduct, factorisedWeight } from './factorised-product.ts';

/** A weight matrix [inFeatures, gates · outFeatures], dense or factorised. */
export interface WeightOptions {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly gates: number;
  /** Of a dense weight. */
  readonly dense: Initialiser;
  readonly factorisation: Factorisation | undefined;
  readonly law: VarianceLaw | undefined;
}

/** x · W for x [.., inFeatures]; with `timeMajor`, [batch, time, inFeatures] gives [time, batch, ..]. */
export type WeightProduct = (x: Tensor, timeMajor?: boolean) => Tensor;

/** Declares a weight and gives it as a matrix [inFeatures, gates · outFeatures]; a factorised one is formed. */
export function weightMatrix(
  parameters: LayerParameters,
  name: string,
  { inFeatures, outFeatures, gates, dense, factorisation, law }: WeightOptions,
): Tensor {
  const shape = [inFeatures, gates * outFeatures];
  if (!factorisation) return parameters.get(name, shape, dense);
  const matrix = factorisation.network(inFeatures, outFeatures, gates);
  const mistaken = poisoned({ dtype: 'f32', shape });
  if (!matrix) return mistaken;
  const weight = factorisedWeight(
    parameters,
    name,
    matrix,
    matrixVariance(law ?? 'glorot', matrix),
  );
  return weight.cores.flat().some(isPoisoned) ? mistaken : factorisedMatrix(weight);
}

/** Declares a weight and gives the product with it, or null after a mistake. */
export function weightProduct(
  layer: string,
  parameters: LayerParameters,
  name: string,
  options: WeightOptions,
): WeightProduct | null {
  const { inFeatures, outFeatures, gates, factorisation } = options;
  if (!factorisation) {
    const weight = parameters.get(name, [inFeatures, gates * outFeatures], options.dense);
    if (isPoisoned(weight)) return null;
    const product: WeightProduct = (x, timeMajor) =>
      timeMajor ? einsum('bti,ij->tbj', x, weight) : matmul(x, weight);
    return adaptedProduct(parameters, name, [inFeatures, outFeatures, gates], weight, product);
  }
  const matrix = factorisation.network(inFeatures, outFeatures, gates);
  if (!matrix) return null;
  const variance = matrixVariance(options.law ?? 'glorot', matrix);
  const weight = factorisedWeight(parameters, name, matrix, variance);
  if (weight.cores.flat().some(isPoisoned)) return null;
  // A recurrent layer takes the same product at every step: the search behind the warning is worth it once.
  const compared = new Set<number>();
  return (x, timeMajor) => {
    const lead = x.shape.slice(0, -1);
    const batch = elementCount(lead);
    if (!compared.has(batch)) warnIfDearer(layer, matrix, batch);
    compared.add(batch);
    if (timeMajor) return factorisedProduct(x, weight, 'reversed');
    const rows = factorisedProduct(reshape(x, [-1, inFeatures]), weight);
    return reshape(rows, [...lead, gates * outFeatures]);
  };
}
