import { type MatrixNetwork, matrixEquation } from '../../compiler/factorised/network.ts';
import { elementCount, rowMajorStrides } from '../../ir/tensor.ts';

/** The matrix or kernel that cores make: the sum over all bonds, in no clever order. */
export function reconstruct(
  matrix: MatrixNetwork,
  cores: readonly (readonly ArrayLike<number>[])[],
): Float64Array {
  const { taps, inputModes, outputModes } = matrix;
  const result = new Float64Array(elementCount([...taps, ...inputModes, ...outputModes]));
  matrix.networks.forEach((network, n) => {
    const [, output] = matrixEquation(matrix, network).split('->');
    const extents = new Map(
      network.cores.flatMap(({ letters, shape }) => [...letters].map((c, k) => [c, shape[k]])),
    );
    const bonds = [...extents.keys()].filter((letter) => !output.includes(letter));
    const order = [...output, ...bonds];
    const strides = [output, ...network.cores.map(({ letters }) => letters)].map((letters) => {
      const own = rowMajorStrides([...letters].map((letter) => extents.get(letter)!));
      return order.map((letter) => own[letters.indexOf(letter)] ?? 0);
    });
    const at = order.map(() => 0);
    const places = strides.map(() => 0);
    for (let k = 0; k >= 0; ) {
      let product = 1;
      for (let c = 0; c < network.cores.length; c++) product *= cores[n][c][places[c + 1]];
      result[places[0]] += product;
      for (k = order.length - 1; k >= 0; k--) {
        const step = at[k] + 1 < extents.get(order[k])! ? 1 : -at[k];
        at[k] += step;
        for (let c = 0; c < places.length; c++) places[c] += step * strides[c][k];
        if (step === 1) break;
      }
    }
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
