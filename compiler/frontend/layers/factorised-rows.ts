import { elementCount, rowMajorStrides } from '../../../ir/tensor.ts';
import { inputLetters, outputLetters } from '../../factorised/network.ts';
import { add, clip, div, einsum, gather, mod, reshape, transpose } from '../parts.ts';
import type { Tensor } from '../tensor.ts';
import type { FactorisedWeight } from './factorised-product.ts';

const BATCH = 'z';

/**
 * Rows of a factorised table [I, J] at `indices` (i32, any shape): indices.shape + [J]. The index falls into one digit per
 * input mode; each core gives the slice at its digit, and the slices of a row are contracted. Neither the table nor a row
 * that is not asked for is formed. Indices are clamped to the table.
 */
export function factorisedRows(indices: Tensor, { matrix, cores }: FactorisedWeight): Tensor {
  const { inputModes, outputModes } = matrix;
  const modes = inputLetters(inputModes.length);
  const strides = rowMajorStrides(inputModes);
  const flat = clip(reshape(indices, [-1]), 0, elementCount(inputModes) - 1);
  const digits = new Map(
    [...modes].map((letter, k) => [letter, mod(div(flat, strides[k]), inputModes[k])]),
  );
  const output = BATCH + outputLetters(outputModes.length);
  const rows = matrix.networks
    .map((network, n) => {
      const slices = network.cores.map(({ letters }, c) => {
        const mode = [...letters].find((letter) => modes.includes(letter));
        if (mode === undefined) return { term: letters, value: cores[n][c] };
        const axis = letters.indexOf(mode);
        const others = [...letters].map((_, k) => k).filter((k) => k !== axis);
        return {
          term: BATCH + others.map((k) => letters[k]).join(''),
          value: gather(transpose(cores[n][c], [axis, ...others]), digits.get(mode)!),
        };
      });
      const terms = slices.map(({ term }) => term).join(',');
      return einsum(`${terms}->${output}`, ...slices.map(({ value }) => value));
    })
    .reduce((a, b) => add(a, b));
  return reshape(rows, [...indices.shape, elementCount(outputModes)]);
}
