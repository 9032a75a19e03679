import type { OptionValue } from '../../compiler/frontend/option.ts';
import type { Model } from '../../compiler/index.ts';
import sizes from '../../examples/networks/sizes.json' with { type: 'json' };

/** A network of examples/networks at the size of its paper. */
export interface PublishedNetwork {
  readonly set: Readonly<Record<string, OptionValue>>;
  /** Trained numbers: as published but for AlexNet without groups, the deep residual network, U-Net and word2vec, which are counted from their shapes. */
  readonly parameters: number;
}

export const NETWORKS: Readonly<Record<string, PublishedNetwork>> = sizes;

/** Options take their values while the module of a model runs: each use needs it anew. */
let uses = 0;
/** The model of a file of examples, as `rows/model`. */
export async function importExample(name: string): Promise<Model> {
  const specifier = `../../examples/${name}.ts?${++uses}`;
  return (await import(specifier)).default;
}
export const importNetwork = (name: string): Promise<Model> => importExample(`networks/${name}`);
