import type { OptionValue } from '../../compiler/frontend/option.ts';
import type { Model } from '../../compiler/index.ts';

type Options = Readonly<Record<string, OptionValue>>;

/** A network of examples/networks at the size of its paper. */
export interface PublishedNetwork {
  readonly set: Options;
  /** Trained numbers, as published. */
  readonly parameters: number;
}

const IMAGES = { batch: 32, image: 224, classes: 1000, width: 1 };

export const NETWORKS: Readonly<Record<string, PublishedNetwork>> = {
  // The paper has groups; their absence is SuperNeurons' geometry, and the count follows from its shapes.
  alexnet: { set: { ...IMAGES, batch: 200, image: 227 }, parameters: 62_378_344 },
  vgg16: { set: IMAGES, parameters: 138_357_544 },
  vgg19: { set: IMAGES, parameters: 143_667_240 },
  'inception-v4': { set: { ...IMAGES, image: 299 }, parameters: 42_679_816 },
  'resnet-50': { set: IMAGES, parameters: 25_557_032 },
  'resnet-101': { set: IMAGES, parameters: 44_549_160 },
  'resnet-152': { set: IMAGES, parameters: 60_192_808 },
  // Counted from the shapes, as are the next but one: there is no number in print.
  'resnet-deep': { set: { ...IMAGES, batch: 16, n3: 36 }, parameters: 80_513_320 },
  'densenet-121': { set: IMAGES, parameters: 7_978_856 },
  'u-net': { set: { batch: 1, image: 512, classes: 2, width: 1 }, parameters: 31_031_810 },
  'mobilenet-v2': { set: IMAGES, parameters: 3_504_872 },
  gpt: {
    set: { batch: 8, length: 1024, vocabulary: 50257, layers: 12, heads: 12, features: 768 },
    parameters: 124_439_808,
  },
  'bt-lstm': { set: { batch: 16, frames: 6 }, parameters: 3392 + 256 * 1024 + 1024 + 257 * 11 },
};

/** Options take their values while the module of a model runs: each use needs it anew. */
let uses = 0;
export async function importNetwork(name: string): Promise<Model> {
  const specifier = `../../examples/networks/${name}.ts?${++uses}`;
  return (await import(specifier)).default;
}
