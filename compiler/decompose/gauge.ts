import { elementCount } from '../../ir/tensor.ts';
import type { MatrixNetwork, OrthonormalColumns } from '../factorised/network.ts';
import { createContract } from './contract.ts';
import { orthonormalised } from './linear-algebra.ts';
import { bondsOf, type CoreValues } from './problem.ts';
import type { LabelledTensor } from './tensor.ts';

// Many cores make one matrix. These functions choose among them; none changes the matrix.

/** Brings cores to a standard form that makes the same matrix. */
export type Gauge = (cores: CoreValues) => CoreValues;

/** For each bond and each of its indices the slices of all cores that have the bond get the same norm: their geometric mean. */
export function balanced(cores: CoreValues): CoreValues {
  return cores.map((network) => {
    const result = network.map((core) => ({ ...core, data: core.data.slice() }));
    for (const bond of new Set(result.flatMap((core) => [...bondsOf(core)]))) {
      const carriers = result.filter(({ letters }) => letters.includes(bond));
      const norms = carriers.map((core) => sliceNorms(core, bond));
      const means = norms[0].map((_, i) =>
        Math.exp(norms.reduce((sum, one) => sum + Math.log(one[i]), 0) / norms.length),
      );
      // Where one slice is zero nothing is scaled: the others are of use in training.
      carriers.forEach((core, c) => {
        scaleSlices(
          core,
          bond,
          means.map((mean, i) => (mean > 0 ? mean / norms[c][i] : 1)),
        );
      });
    }
    return result;
  });
}

/** Where an index of one axis stands: outer · extent · inner elements. */
function axisOf({ letters, shape }: LabelledTensor, letter: string) {
  const axis = letters.indexOf(letter);
  return { extent: shape[axis], inner: elementCount(shape.slice(axis + 1)) };
}

function sliceNorms(core: LabelledTensor, letter: string): number[] {
  const { extent, inner } = axisOf(core, letter);
  const squares = new Float64Array(extent);
  core.data.forEach((value, at) => {
    squares[Math.floor(at / inner) % extent] += value * value;
  });
  return [...squares].map(Math.sqrt);
}

function scaleSlices(core: LabelledTensor, letter: string, factors: readonly number[]): void {
  const { extent, inner } = axisOf(core, letter);
  for (let at = 0; at < core.data.length; at++)
    core.data[at] *= factors[Math.floor(at / inner) % extent];
}

/**
 * The factors of Tucker terms with orthonormal columns, their triangular rests in the terms' cores. With `spread` they are
 * scaled as a layer initialises them, to √(rows / columns), so that their elements are about as large as the core allows.
 */
export function orthonormalFactors(
  { networks }: MatrixNetwork,
  cores: CoreValues,
  spread = false,
): CoreValues {
  const contract = createContract();
  return cores.map((network, n) => {
    const center = network.length - 1;
    const result = [...network];
    networks[n].cores.forEach(({ kind }, k) => {
      if (kind === 'random') return;
      const split = orthonormalColumns(network[k], kind, spread);
      if (!split) return;
      result[k] = split.factor;
      const bond = network[k].letters.slice(-1);
      const { letters } = result[center];
      const { data } = contract([split.rest, result[center]], letters.replace(bond, NEW_BOND));
      result[center] = { ...result[center], data };
    });
    return result;
  });
}

/** A letter that no network has. */
const NEW_BOND = 'ż';

/** Q and R of each block of a factor [block, rows…, columns]; null where there are more columns than rows. */
function orthonormalColumns(
  { letters, shape, data }: LabelledTensor,
  { blockAxes }: OrthonormalColumns,
  spread: boolean,
): { factor: LabelledTensor; rest: LabelledTensor } | null {
  const columns = shape[shape.length - 1];
  const blocks = elementCount(shape.slice(0, blockAxes));
  const rows = data.length / columns / blocks;
  if (rows < columns) return null;
  const gain = spread ? Math.sqrt(rows / columns) : 1;
  const factor = new Float64Array(data.length);
  const rest = new Float64Array(blocks * columns * columns);
  for (let block = 0; block < blocks; block++) {
    const from = block * rows * columns;
    const { q, r } = orthonormalised(data.subarray(from, from + rows * columns), rows, columns);
    factor.set(
      q.map((value) => gain * value),
      from,
    );
    rest.set(
      r.map((value) => value / gain),
      block * columns * columns,
    );
  }
  return {
    factor: { letters, shape, data: factor },
    rest: {
      letters: letters.slice(0, blockAxes) + NEW_BOND + letters.slice(-1),
      shape: [...shape.slice(0, blockAxes), columns, columns],
      data: rest,
    },
  };
}
