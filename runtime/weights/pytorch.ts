import type { LayerPart } from '../../ir/plan.ts';

// How PyTorch and Hugging Face name and lay out what layers have. Of every part the first form is the one that is written.

/** Order of a tensor's axes in a file: by axis of the file the axis here. */
type Order = (rank: number) => readonly number[];

/** A way in which a part of a layer stands in a file. */
export interface PartForm {
  /** Behind the layer's name; of several all are there, and the part is their sum. */
  readonly names: readonly string[];
  readonly order: Order;
  /** It is one of several parts side by side along what comes out, in this order. */
  readonly joined?: readonly string[];
  /** Head by head of the keys, those of queries that share it first: default all of one part before the next. */
  readonly byHeads?: boolean;
}

const same: Order = (rank) => Array.from({ length: rank }, (_, axis) => axis);
/** [in, out] is [out, in]. */
const reversed: Order = () => [1, 0];
/** [height, width, in, out] is [out, in, height, width], along any number of axes. */
const outFirst: Order = (rank) => [rank - 1, rank - 2, ...same(rank - 2)];
/** [height, width, in, out] is [in, out, height, width]. */
const inFirst: Order = (rank) => [rank - 2, rank - 1, ...same(rank - 2)];

const forms = (order: Order, ...names: readonly string[]): PartForm[] =>
  names.map((name) => ({ names: [name], order }));

const VECTOR = { bias: forms(same, 'bias') };

/** Adapters of a matrix under PEFT's names, which those of a live model have the adapter's own name in. */
function adapters(part: string, owners: readonly string[]): Record<string, PartForm[]> {
  return Object.fromEntries(
    ['lora_A', 'lora_B'].map((factor) => [
      `${part}${factor}.weight`,
      forms(
        reversed,
        ...owners.flatMap((owner) => [
          `${owner}${factor}.weight`,
          `${owner}${factor}.default.weight`,
        ]),
      ),
    ]),
  );
}

/** Adapters whose names are the same here. */
const factors = (names: readonly string[], order: Order): Record<string, PartForm[]> =>
  Object.fromEntries(
    names.map((name) => {
      const [factor, ...rest] = name.split('.');
      return [name, forms(order, name, [factor, 'default', ...rest].join('.'))];
    }),
  );

const matrix = { weight: forms(reversed, 'weight'), ...VECTOR, ...adapters('', ['']) };
const kernel = {
  ...{ weight: forms(outFirst, 'weight'), ...VECTOR },
  ...factors(['lora_A.weight', 'lora_B.weight'], outFirst),
};
const table = {
  weight: forms(same, 'weight'),
  ...factors(['lora_embedding_A', 'lora_embedding_B'], reversed),
};
const transposed = { weight: forms(inFirst, 'weight'), ...VECTOR };
const norm = {
  scale: forms(same, 'weight', 'gamma'),
  shift: forms(same, 'bias', 'beta'),
};

type Parts = Readonly<Record<string, readonly PartForm[]>>;

/** Parts of a recurrent layer whose names in a file end in one of these. */
type RecurrentParts = (endings: readonly string[]) => Parts;

const matrices: RecurrentParts = (endings) => ({
  inputWeight: forms(reversed, ...endings.map((ending) => `weight_ih${ending}`)),
  hiddenWeight: forms(reversed, ...endings.map((ending) => `weight_hh${ending}`)),
});
/** The two biases act as one. */
const summed: RecurrentParts = (endings) => ({
  ...matrices(endings),
  bias: endings.map((ending) => ({
    names: [`bias_ih${ending}`, `bias_hh${ending}`],
    order: same,
  })),
});
const apart: RecurrentParts = (endings) => ({
  ...matrices(endings),
  bias: forms(same, ...endings.map((ending) => `bias_ih${ending}`)),
  hiddenBias: forms(same, ...endings.map((ending) => `bias_hh${ending}`)),
});

/** By kind of a recurrent layer; of several in a row `layer2.reverse.bias` is a part. */
const RECURRENT: Readonly<Record<string, RecurrentParts>> = {
  rnn: summed,
  lstm: summed,
  gru: apart,
};
const IN_STACK = /^layer([1-9]\d*)(\.reverse)?\.(\w+)$/;
/** Of a module with one layer, and of a cell. */
const ALONE = ['_l0', ''];

const QKV = ['query', 'key', 'value'] as const;

/** A projection of attention: joined with its siblings, or on its own. */
function projection(part: (typeof QKV)[number]): Record<string, PartForm[]> {
  const [letter] = part;
  const own = [`${letter}_proj`, part, `self.${part}`, letter];
  const together = (field: string) => QKV.map((sibling) => `${sibling}.${field}`);
  const joined = (field: 'weight' | 'bias', order: Order): PartForm[] =>
    [
      `in_proj_${field}`,
      ...['c_attn', 'qkv_proj', 'qkv', 'Wqkv'].map((name) => `${name}.${field}`),
    ].map((name) => ({ names: [name], order, joined: together(field) }));
  // Of GPT-NeoX, BLOOM and Falcon.
  const byHeads = (field: 'weight' | 'bias', order: Order): PartForm => ({
    ...{ names: [`query_key_value.${field}`], order, joined: together(field), byHeads: true },
  });
  return {
    [`${part}.weight`]: [
      ...joined('weight', reversed),
      byHeads('weight', reversed),
      ...forms(reversed, ...own.map((name) => `${name}.weight`), `${letter}_proj_weight`),
    ],
    [`${part}.bias`]: [
      ...joined('bias', same),
      byHeads('bias', same),
      ...forms(same, ...own.map((name) => `${name}.bias`)),
    ],
    ...adapters(
      `${part}.`,
      own.map((name) => `${name}.`),
    ),
  };
}

const OUTPUTS = [
  ...['out_proj', 'o_proj', 'c_proj', 'proj', 'output', 'output.dense', 'o', 'out', 'dense'],
];
const attention = {
  ...Object.assign({}, ...QKV.map(projection)),
  'output.weight': forms(reversed, ...OUTPUTS.map((name) => `${name}.weight`)),
  'output.bias': forms(same, ...OUTPUTS.map((name) => `${name}.bias`)),
  ...adapters(
    'output.',
    OUTPUTS.map((name) => `${name}.`),
  ),
} as Readonly<Record<string, readonly PartForm[]>>;

/** By the kind of a layer and the name of a part. */
const PARTS: Readonly<Record<string, Parts>> = {
  linear: matrix,
  embedding: table,
  convolution: kernel,
  convolution1d: kernel,
  convolution3d: kernel,
  transposedConvolution: transposed,
  transposedConvolution1d: transposed,
  transposedConvolution3d: transposed,
  batchNorm: {
    ...norm,
    runningMean: forms(same, 'running_mean'),
    runningVariance: forms(same, 'running_var'),
  },
  layerNorm: norm,
  groupNorm: norm,
  instanceNorm: norm,
  rmsNorm: norm,
  attention,
};

/** The forms of a part of a layer; undefined where it has its own name and layout in files. */
export function pytorchForms({ kind, part }: LayerPart): readonly PartForm[] | undefined {
  if (!Object.hasOwn(RECURRENT, kind)) return PARTS[kind]?.[part];
  const [, layer, reverse, own] = IN_STACK.exec(part) ?? [];
  if (layer === undefined) return RECURRENT[kind](ALONE)[part];
  return RECURRENT[kind]([`_l${Number(layer) - 1}${reverse ? '_reverse' : ''}`])[own];
}

/** What checkpoints hold that is no weight: counts, masks and positions that modules keep. */
export const NO_WEIGHTS =
  /(?:^|\.)(?:num_batches_tracked|position_ids|masked_bias|attn\.bias|attention\.bias|inv_freq|relative_position_index)$/;

/**
 * Weights that GPT-2 of Hugging Face keeps as [in, out], under names that others give matrices [out, in]: those that widen tell which a
 * file has.
 */
export const CONV1D = /(?:^|\.)(?:c_attn|c_proj|c_fc|q_attn)\.weight$/;
export const WIDENING_CONV1D = /(?:^|\.)(?:c_attn|c_fc)\.weight$/;
