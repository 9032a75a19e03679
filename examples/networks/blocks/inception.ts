import {
  avgPool2d,
  concat,
  dropout,
  globalAveragePool,
  linear,
  maxPool2d,
  scope,
  type Tensor,
} from 'btc-compiler';
import type { Classifier, Sizes } from './classifier.ts';
import { convolutionNormRelu, type UnitOptions } from './convolution.ts';

// The parts of Inception-v4 (Szegedy, Ioffe, Vanhoucke, Alemi, AAAI 2017, figures 3 to 8), with the channels of the paper.

/** Kernel and channels of a convolution, and how it runs. */
type Unit = readonly [
  channels: number,
  kernel: number | readonly [number, number],
  options?: UnitOptions,
];

/** Without padding, in steps of 2. */
const HALVE: UnitOptions = { stride: 2, padding: 0 };
const VALID: UnitOptions = { padding: 0 };
const [WIDE, TALL] = [
  [1, 7],
  [7, 1],
] as const;

function inceptionBlocks({ channels }: Sizes) {
  const chain = (x: Tensor, ...units: readonly Unit[]) =>
    units.reduce(
      (y, [count, kernel, options]) =>
        convolutionNormRelu(y, channels(count), { kernel, ...options }),
      x,
    );
  const halved = (x: Tensor) => maxPool2d(x, 3, { stride: 2 });
  const averaged = (x: Tensor, count: number) =>
    chain(avgPool2d(x, 3, { stride: 1, padding: 1 }), [count, 1]);

  return {
    stem(image: Tensor) {
      let x = chain(image, [32, 3, HALVE], [32, 3, VALID], [64, 3]);
      x = concat([halved(x), chain(x, [96, 3, HALVE])], 3);
      const short = chain(x, [64, 1], [96, 3, VALID]);
      const long = chain(x, [64, 1], [64, WIDE], [64, TALL], [96, 3, VALID]);
      x = concat([short, long], 3);
      return concat([chain(x, [192, 3, HALVE]), halved(x)], 3);
    },
    /** On 35 x 35 places. */
    a: (x: Tensor) =>
      concat(
        [
          chain(x, [96, 1]),
          chain(x, [64, 1], [96, 3]),
          chain(x, [64, 1], [96, 3], [96, 3]),
          averaged(x, 96),
        ],
        3,
      ),
    reduceA: (x: Tensor) =>
      concat(
        [chain(x, [384, 3, HALVE]), chain(x, [192, 1], [224, 3], [256, 3, HALVE]), halved(x)],
        3,
      ),
    /** On 17 x 17 places. */
    b: (x: Tensor) =>
      concat(
        [
          chain(x, [384, 1]),
          chain(x, [192, 1], [224, WIDE], [256, TALL]),
          chain(x, [192, 1], [192, TALL], [224, WIDE], [224, TALL], [256, WIDE]),
          averaged(x, 128),
        ],
        3,
      ),
    reduceB: (x: Tensor) =>
      concat(
        [
          chain(x, [192, 1], [192, 3, HALVE]),
          chain(x, [256, 1], [256, WIDE], [320, TALL], [320, 3, HALVE]),
          halved(x),
        ],
        3,
      ),
    /** On 8 x 8 places. */
    c(x: Tensor) {
      const forked = (y: Tensor) => [chain(y, [256, [1, 3]]), chain(y, [256, [3, 1]])];
      return concat(
        [
          chain(x, [256, 1]),
          ...forked(chain(x, [384, 1])),
          ...forked(chain(x, [384, 1], [448, [3, 1]], [512, [1, 3]])),
          averaged(x, 256),
        ],
        3,
      );
    },
  };
}

/** So many blocks of each kind, with a reduction between kinds. */
export function inceptionNetwork(
  times: Readonly<Record<'a' | 'b' | 'c', number>>,
): Classifier['network'] {
  return (image, sizes) => {
    const blocks = inceptionBlocks(sizes);
    const repeat = (x: Tensor, name: 'a' | 'b' | 'c') => {
      let y = x;
      for (let k = 1; k <= times[name]; k++) y = scope(`${name}${k}`, () => blocks[name](y));
      return y;
    };
    let x = scope('stem', () => blocks.stem(image));
    x = scope('reduceA', () => blocks.reduceA(repeat(x, 'a')));
    x = scope('reduceB', () => blocks.reduceB(repeat(x, 'b')));
    const features = dropout(globalAveragePool(repeat(x, 'c')), 0.2);
    return linear(features.shape[1], sizes.classes, { name: 'output' })(features);
  };
}
