import { type MatrixNetwork, matrixEquation } from '../../compiler/frontend/factorised/network.ts';
import { elementCount } from '../../ir/tensor.ts';

/** The matrix that cores make: the sum over all bonds, letter by letter, slow and simple. */
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
    const bonds = [...extents.keys()].filter((letter) => !output.includes(letter));
    const order = [...output, ...bonds];
    const at = new Map(order.map((letter) => [letter, 0]));
    const flat = (letters: string) =>
      [...letters].reduce((index, letter) => index * extents.get(letter)! + at.get(letter)!, 0);
    for (;;) {
      const product = network.cores.reduce((p, core, k) => p * cores[n][k][flat(core.letters)], 1);
      result[flat(output)] += product;
      let k = order.length - 1;
      for (; k >= 0; k--) {
        const next = at.get(order[k])! + 1;
        at.set(order[k], next === extents.get(order[k]) ? 0 : next);
        if (at.get(order[k]) !== 0) break;
      }
      if (k < 0) break;
    }
  });
  return result;
}
