import type { Core } from '../factorised/network.ts';
import type { CoreValues, Problem } from './problem.ts';
import { normalNumbers } from './random.ts';
import { type LabelledTensor, squaredNorm } from './tensor.ts';
import { leadingCore, truncatedCores } from './truncate.ts';

// Where alternating least squares begins.

/** Independent normal cores. */
export function randomCores({ matrix }: Problem, seed: number): CoreValues {
  return matrix.networks.map(({ cores }, n) =>
    cores.map(({ name, letters, shape }) => {
      const count = shape.reduce((a, b) => a * b, 1);
      return { letters, shape, data: normalNumbers(seed, `${n}.${name}`, count) };
    }),
  );
}

/** For CP: each factor the leading left singular vectors of the target with its modes as rows (the HOSVD's factors). */
export function singularVectors({ target, matrix }: Problem): CoreValues {
  return matrix.networks.map(({ cores }) => cores.map((core) => leadingCore(target, core)));
}

/** How large the other slices are, against those of the train. */
const NOISE = 0.1;

/**
 * For the tensor-ring: the tensor-train of TT-SVD in the first slice of the bond that closes the ring, and small random
 * numbers in the others.
 */
export function openedRing({ target, matrix }: Problem, seed: number): CoreValues {
  const { cores } = matrix.networks[0];
  const last = cores.length - 1;
  const open = (core: Core, k: number): Core => {
    const keep = (axis: number) =>
      !(k === 0 && axis === 0) && !(k === last && axis === core.shape.length - 1);
    return {
      ...core,
      letters: [...core.letters].filter((_, axis) => keep(axis)).join(''),
      shape: core.shape.filter((_, axis) => keep(axis)),
    };
  };
  const train = truncatedCores(target, { cores: cores.map(open) });
  const noise = randomCores({ target, matrix } as Problem, seed)[0];
  return [train.map((core, k) => closed(core, noise[k], k, last))];
}

function closed(
  train: LabelledTensor,
  { letters, shape, data }: LabelledTensor,
  k: number,
  last: number,
): LabelledTensor {
  const scale = NOISE * Math.sqrt(squaredNorm(train.data) / train.data.length);
  const result = data.map((value) => scale * value);
  // The closing bond is the last axis of the last core and the first axis of the first; its index 0 is taken.
  const step = k === last ? shape[shape.length - 1] : 1;
  for (let at = 0; at < train.data.length; at++) result[at * step] = train.data[at];
  return { letters, shape, data: result };
}
