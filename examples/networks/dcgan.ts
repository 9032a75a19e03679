import {
  adam,
  batchNorm,
  binaryCrossEntropyWithLogits,
  convolution,
  defineModel,
  full,
  init,
  leakyRelu,
  option,
  relu,
  scope,
  type Tensor,
  tanh,
  tensor,
  transposedConvolution,
} from 'btc-compiler';

const batch = option('batch', 8);
/** Height and width of an image: 4 times a power of 2. */
const side = option('image', 32);
/** Random numbers that an image is made of. */
const latent = option('latent', 32);
/** Channels of the largest images that are not the image itself. */
const channels = option('channels', 8);

const levels = Math.log2(side / 4);
const window = { kernel: 4, bias: false, weightInit: init.normal(0.02) } as const;
const half = { ...window, stride: 2, padding: 1 } as const;

type Layer = (x: Tensor) => Tensor;

/** Layers one after the other, under a scope. */
const chain =
  (name: string, layers: readonly Layer[]): Layer =>
  (x) =>
    scope(name, () => layers.reduce((y, layer) => layer(y), x));

/** Channels of the levels between image and noise, the fewest first. */
const widths = Array.from({ length: levels }, (_, level) => channels * 2 ** level);
const widest = widths[levels - 1];

/** Noise [batch, latent] to images in [-1, 1]: each level doubles height and width and halves the channels. */
const generator = chain('generator', [
  (noise) => noise.reshape([batch, 1, 1, latent]),
  ...[transposedConvolution(latent, widest, window), batchNorm(widest), relu],
  ...widths
    .slice(0, -1)
    .reverse()
    .flatMap((count) => [transposedConvolution(2 * count, count, half), batchNorm(count), relu]),
  ...[transposedConvolution(channels, 3, half), tanh],
]);

const leaky: Layer = (x) => leakyRelu(x, 0.2);

/** Images to logits [batch] of being real: the generator's way back, without a norm at its start. */
const discriminator = chain('discriminator', [
  ...[convolution(3, channels, half), leaky],
  ...widths
    .slice(1)
    .flatMap((count) => [convolution(count / 2, count, half), batchNorm(count), leaky]),
  convolution(widest, 1, window),
  (x) => x.reshape([batch]),
]);

/** What images are worth to whoever wants them to be taken for real, or for made. */
const taken = (logits: Tensor, as: 'real' | 'made') =>
  binaryCrossEntropyWithLogits(logits, full(logits.shape, as === 'real' ? 1 : 0));

const optimizer = adam({ learningRate: 2e-4, beta1: 0.5 });

/**
 * DCGAN (Radford, Metz, Chintala 2016): a generator of images and a discriminator of real ones, each trained against the other.
 * A step runs the program `discriminator` and then `generator`, each moving its own, on noise from the caller.
 * The size of PyTorch's tutorial: `--set batch=128 --set image=64 --set latent=100 --set channels=64`.
 */
export default defineModel({
  name: 'dcgan',
  inputs: { noise: tensor([batch, latent]), image: tensor([batch, side, side, 3]) },
  // Norms see real and made images apart.
  build: ({ noise, image }) => ({
    real: discriminator(image),
    fake: discriminator(generator(noise)),
  }),
  train: {
    discriminator: {
      loss: ({ real, fake }) => taken(real, 'real').add(taken(fake, 'made')),
      optimizer,
      parameters: /^discriminator\./,
    },
    generator: {
      loss: ({ fake }) => taken(fake, 'real'),
      optimizer,
      parameters: /^generator\./,
    },
  },
  programs: {
    predict: ({ noise }) => ({ image: generator(noise) }),
  },
});
