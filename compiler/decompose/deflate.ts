import { elementCount } from '../../ir/tensor.ts';
import { blockTermNetwork } from '../factorised/forms.ts';
import { orthogonalIteration } from './hooi.ts';
import type { CoreValues, Problem } from './problem.ts';
import type { LabelledTensor } from './tensor.ts';

const QUIET = { sweeps: 5, tolerance: 1e-3, onSweep: () => {} } as const;

/**
 * For block-term: each block is the Tucker term that fits what the blocks before it leave of the target best (truncated HOSVD
 * and orthogonal iteration).
 */
export function deflatedBlocks({ target, matrix, contract }: Problem): CoreValues {
  const rest = { ...target, data: target.data.slice() };
  return matrix.networks.map(({ cores }) => {
    const center = cores[cores.length - 1];
    const hasBlocks = center.shape.length > matrix.inputModes.length;
    const ranks = hasBlocks ? center.shape.slice(1) : center.shape;
    const [block] = blockTermNetwork(matrix, [ranks]).networks;
    const terms = Array.from({ length: hasBlocks ? center.shape[0] : 1 }, () => {
      const term = orthogonalIteration(rest, block, contract, QUIET);
      const { data } = contract(term, target.letters);
      for (let k = 0; k < data.length; k++) rest.data[k] -= data[k];
      return term;
    });
    return cores.map(({ letters, shape }, k): LabelledTensor => {
      const data = new Float64Array(elementCount(shape));
      terms.forEach((term, n) => {
        data.set(term[k].data, n * term[k].data.length);
      });
      return { letters, shape, data };
    });
  });
}
