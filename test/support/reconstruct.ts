import { type MatrixNetwork, matrixEquation } from '../../compiler/frontend/factorised/network.ts';
import { elementCount, rowMajorStrides } from '../../ir/tensor.ts';

/** The matrix that cores make: the sum over all bonds, index by index, slow and simple. */
export function reconstruct(
  matrix: MatrixNetwork,
  cores: readonly (readonly ArrayLike<number>[])[],
) {
  const count = elementCount([...matrix.inputModes, ...matrix.outputModes]);
  const result = new Float64Array(count);
  matrix.networks.forEach((network, n) => {
    const [, output] = matrixEquation(matrix, network).split('->');
    const extents = new Map(
      network.cores.flatMap(({ letters, shape }) => [...letters].map((c, k) => [c, shape[k]])),
    );
    const order = [...output, ...[...extents.keys()].filter((letter) => !output.includes(letter))];
    /** By how much an index of each letter moves in a row-major tensor of these letters. */
    const strides = (letters: string) => {
      const own = rowMajorStrides([...letters].map((letter) => extents.get(letter)!));
      return order.map((letter) => own[letters.indexOf(letter)] ?? 0);
    };
    const steps = [output, ...network.cores.map(({ letters }) => letters)].map(strides);
    const sizes = order.map((letter) => extents.get(letter)!);
    const at = sizes.map(() => 0);
    const places = steps.map(() => 0);
    for (let left = elementCount(sizes); left > 0; left--) {
      let product = 1;
      for (let k = 0; k < network.cores.length; k++) product *= cores[n][k][places[k + 1]];
      result[places[0]] += product;
      for (let axis = sizes.length - 1; axis >= 0; axis--) {
        at[axis]++;
        const wraps = at[axis] === sizes[axis];
        const by = wraps ? 1 - sizes[axis] : 1;
        for (let k = 0; k < steps.length; k++) places[k] += by * steps[k][axis];
        if (!wraps) break;
        at[axis] = 0;
      }
    }
  });
  return result;
}
