import {
  crossEntropy,
  defineModel,
  type Model,
  option,
  sgd,
  type Tensor,
  tensor,
} from 'btc-compiler';

/** What the options of a build say about a network of images. */
export interface Sizes {
  readonly batch: number;
  /** Height and width of an image. */
  readonly image: number;
  readonly classes: number;
  /** So many channels times the option `width`, as a multiple of 4. */
  channels(count: number): number;
}

/** Reads the options of a network of images; the defaults are for a size that trains on two cores. */
export function imageSizes(defaults: { batch: number; image: number; width: number }): Sizes {
  const width = option('width', defaults.width);
  return {
    batch: option('batch', defaults.batch),
    image: option('image', defaults.image),
    classes: option('classes', 10),
    channels: (count) => (width === 1 ? count : 4 * Math.max(1, Math.round((count * width) / 4))),
  };
}

export interface Classifier {
  readonly name: string;
  /** Defaults of the options: 8 images of 32 x 32, a quarter of the channels. */
  readonly defaults?: { readonly batch?: number; readonly image?: number; readonly width?: number };
  /** Default 0.01. */
  readonly learningRate?: number;
  /** Images [batch, height, width, 3] to logits [batch, classes]. */
  network(image: Tensor, sizes: Sizes): Tensor;
}

/** A model that learns to tell what is on an image, by gradient descent with momentum. */
export function imageClassifier({
  name,
  defaults,
  learningRate = 0.01,
  network,
}: Classifier): Model {
  const sizes = imageSizes({ batch: 8, image: 32, width: 0.25, ...defaults });
  const { batch, image: side } = sizes;
  return defineModel({
    name,
    inputs: { image: tensor([batch, side, side, 3]), label: tensor([batch], 'i32') },
    build: ({ image }) => ({ logits: network(image, sizes) }),
    train: {
      loss: ({ logits }, { label }) => crossEntropy(logits, label),
      optimizer: sgd({ learningRate, momentum: 0.9 }),
    },
  });
}
