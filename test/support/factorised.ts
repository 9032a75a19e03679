import { type MatrixNetwork, matrixEquation } from '../../compiler/factorised/network.ts';
import { elementCount, rowMajorStrides } from '../../ir/tensor.ts';

/** A tensor whose axes have letters. */
interface Lettered {
  readonly letters: string;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** The product of two tensors, summed over the letters that are not in `kept`; the others come in its order. */
function product(a: Lettered, b: Lettered, kept: string): Lettered & { data: Float64Array } {
  const extents = new Map(
    [a, b].flatMap(({ letters, shape }) => [...letters].map((c, k) => [c, shape[k]])),
  );
  const letters = [...new Set(kept)].filter((letter) => extents.has(letter)).join('');
  const order = [...letters, ...[...extents.keys()].filter((letter) => !kept.includes(letter))];
  const shape = [...letters].map((letter) => extents.get(letter)!);
  const strides = [letters, a.letters, b.letters].map((own) => {
    const steps = rowMajorStrides([...own].map((letter) => extents.get(letter)!));
    return order.map((letter) => steps[own.indexOf(letter)] ?? 0);
  });
  const data = new Float64Array(elementCount(shape));
  const at = order.map(() => 0);
  const places = [0, 0, 0];
  for (let k = 0; k >= 0; ) {
    data[places[0]] += a.data[places[1]] * b.data[places[2]];
    for (k = order.length - 1; k >= 0; k--) {
      const step = at[k] + 1 < extents.get(order[k])! ? 1 : -at[k];
      at[k] += step;
      for (let t = 0; t < places.length; t++) places[t] += step * strides[t][k];
      if (step === 1) break;
    }
  }
  return { letters, shape, data };
}

/** The matrix or kernel that cores make: their product in the order in which they are given. */
export function reconstruct(
  matrix: MatrixNetwork,
  cores: readonly (readonly ArrayLike<number>[])[],
): Float64Array {
  const { taps, inputModes, outputModes } = matrix;
  const result = new Float64Array(elementCount([...taps, ...inputModes, ...outputModes]));
  const one: Lettered = { letters: '', shape: [], data: [1] };
  matrix.networks.forEach((network, n) => {
    const [, output] = matrixEquation(matrix, network).split('->');
    const made = network.cores.reduce((before, { letters, shape }, c) => {
      const later = network.cores.slice(c + 1).map((core) => core.letters);
      return product(before, { letters, shape, data: cores[n][c] }, output + later.join(''));
    }, one);
    for (let i = 0; i < result.length; i++) result[i] += made.data[i];
  });
  return result;
}

/** Cores of a layer as the network names them, with some values. */
export function someCores(matrix: MatrixNetwork, prefix: string) {
  const parameters: Record<string, Float64Array> = {};
  const cores = matrix.networks.map((network) =>
    network.cores.map((core) => {
      const values = Float64Array.from({ length: elementCount(core.shape) }, (_, k) =>
        Math.sin(1.3 * k + core.name.length + 0.7 * core.shape.length),
      );
      parameters[`${prefix}.${core.name}`] = values;
      return values;
    }),
  );
  return { cores, parameters };
}
