import type { Layer, LayerKind } from './layer-list.ts';

/** Layers one after the other, with the shape of what each makes. */
class Chain {
  readonly layers: Layer[] = [];

  add(name: string, kind: LayerKind, shape: readonly number[], ...inputs: number[]): number {
    const from = inputs.length > 0 ? inputs : [this.layers.length - 1];
    return this.layers.push({ name, kind, inputs: from, shape }) - 1;
  }
}

/** AlexNet on images of 227 x 227, as SuperNeurons has it: 23 layers. */
export function alexNet(batch: number): readonly Layer[] {
  const chain = new Chain();
  const widths = [
    ['1', 96, 55, true, 27],
    ['2', 256, 27, true, 13],
    ['3', 384, 13, false, 0],
    ['4', 384, 13, false, 0],
    ['5', 256, 13, false, 6],
  ] as const;
  for (const [name, channels, extent, normalised, pooled] of widths) {
    const shape = [batch, channels, extent, extent];
    chain.add(`conv${name}`, 'conv', shape);
    chain.add(`act${name}`, 'act', shape);
    if (normalised) chain.add(`lrn${name}`, 'lrn', shape);
    if (pooled > 0) chain.add(`pool${name}`, 'pool', [batch, channels, pooled, pooled]);
  }
  for (const layer of [1, 2]) {
    chain.add(`fc${layer}`, 'fc', [batch, 4096]);
    chain.add(`act${layer + 5}`, 'act', [batch, 4096]);
    chain.add(`drop${layer}`, 'dropout', [batch, 4096]);
  }
  chain.add('fc3', 'fc', [batch, 1000]);
  chain.add('softmax', 'softmax', [batch, 1000]);
  return chain.layers;
}

/** A residual network of bottleneck blocks, as many as `blocks` says for each of four widths; forks have memory of their own. */
export function resNet(blocks: readonly number[], batch: number): readonly Layer[] {
  const chain = new Chain();
  const normalised = (name: string, shape: readonly number[], input?: number) => {
    chain.add(`conv${name}`, 'conv', shape, ...(input === undefined ? [] : [input]));
    return chain.add(`bn${name}`, 'bn', shape);
  };
  const stem = [batch, 64, 112, 112];
  normalised('1', stem);
  chain.add('act1', 'act', stem);
  let last = chain.add('pool1', 'pool', [batch, 64, 56, 56]);
  blocks.forEach((count, stage) => {
    const width = 64 * 2 ** stage;
    const extent = 56 / 2 ** stage;
    const inner = [batch, width, extent, extent];
    const outer = [batch, 4 * width, extent, extent];
    for (let block = 0; block < count; block++) {
      const name = `${stage + 2}.${block}`;
      const fork = chain.add(`fork${name}`, 'fork', chain.layers[last].shape, last);
      normalised(`${name}a`, inner, fork);
      chain.add(`act${name}a`, 'act', inner);
      normalised(`${name}b`, inner);
      chain.add(`act${name}b`, 'act', inner);
      const branch = normalised(`${name}c`, outer);
      const short = block === 0 ? normalised(`${name}s`, outer, fork) : fork;
      chain.add(`join${name}`, 'join', outer, branch, short);
      last = chain.add(`act${name}`, 'act', outer);
    }
  });
  chain.add('pool5', 'pool', [batch, 2048, 1, 1]);
  chain.add('fc', 'fc', [batch, 1000]);
  chain.add('softmax', 'softmax', [batch, 1000]);
  return chain.layers;
}
