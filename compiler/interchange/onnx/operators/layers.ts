import type { Shape } from '../../../../ir/tensor.ts';
import type { Tensor } from '../../../frontend/tensor.ts';
import { layerOfNode, layerOfWeight } from '../names.ts';
import type { OnnxNode } from '../node.ts';
import type { Constant } from '../values.ts';
import { permuted } from '../weights.ts';

/** A weight of the model that nothing else reads, so that it may lie in a layer of its own; null for other values. */
export function ownWeight(n: OnnxNode, input: number): Constant | null {
  const value = n.inputs[input];
  if (value?.kind !== 'constant' || value.weight === null || value.type.kind !== 'float')
    return null;
  return n.isOnce && n.session.uses.get(value.weight) === 1 ? value : null;
}

/** A matrix of the model's weights whose rows may be those of an embedding: whatever else reads it reads the layer's. Null for other values. */
export function tableWeight(n: OnnxNode, input: number): Constant | null {
  const value = n.inputs[input];
  if (value?.kind !== 'constant' || value.weight === null || value.type.kind !== 'float')
    return null;
  const { shared, weights } = n.session;
  const isDeclared = shared.has(value.weight) || weights.declares(value.weight);
  return n.isOnce && value.shape.length === 2 && !isDeclared ? value : null;
}

/** The rows of a table, as a layer. */
export function asEmbedding(n: OnnxNode, table: Constant, indices: Tensor): Tensor {
  const [rows, features] = table.shape;
  const name = layerFor(n, { weight: { constant: table } });
  const layer = n.f.embedding(rows, features, { name });
  n.session.shared.set(table.weight!, () => layer.weight);
  return layer(indices);
}

/** What a layer's parameter or state holds: a weight of the file, with its axes in btc's order. */
export interface LayerWeight {
  readonly constant: Constant;
  readonly order?: readonly number[];
  /** What is made of it in other ways. */
  readonly made?: { readonly shape: Shape; readonly values: () => Float32Array };
}

/**
 * Names a layer by what its weights are called, or else by the node, and notes its weights: `conv1` of `conv1.weight`. The name is one
 * that no other has.
 */
export function layerFor(n: OnnxNode, weights: Readonly<Record<string, LayerWeight>>): string {
  const { all } = n.session.weights;
  const entries = Object.entries(weights);
  const named = entries.map(([, { constant }]) => layerOfWeight(constant.weight!)).find(Boolean);
  const wanted = named ?? layerOfNode(n.name, n.op);
  const taken = (name: string) => entries.some(([suffix]) => all.has(`${name}.${suffix}`));
  let name = wanted;
  for (let k = 2; taken(name); k++) name = `${wanted}${k}`;
  for (const [suffix, { constant, order, made }] of entries) {
    if (made) {
      n.session.weights.add({ name: `${name}.${suffix}`, ...made });
      continue;
    }
    const shape: Shape = order ? order.map((axis) => constant.shape[axis]) : constant.shape;
    const values = () => (order ? permuted(constant, order) : Float32Array.from(constant.values));
    n.session.weights.add({ name: `${name}.${suffix}`, shape, values });
  }
  return name;
}

/** `weight`, and `bias` where there is one. */
export function withBias(
  weight: LayerWeight,
  bias: Constant | null,
): Readonly<Record<string, LayerWeight>> {
  return bias ? { weight, bias: { constant: bias } } : { weight };
}
