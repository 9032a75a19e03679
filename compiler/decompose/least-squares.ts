import { elementCount } from '../../ir/tensor.ts';
import { conjugateGradients } from './conjugate-gradients.ts';
import { solveSymmetric } from './linear-algebra.ts';
import { addProduct } from './matrix-product.ts';
import { bondsOf, type CoreValues, type Fit, modesOf, type Problem } from './problem.ts';
import { extentProduct, type LabelledTensor, permuted } from './tensor.ts';

// One core of a network with the others fixed. Ŵ = X·E: X [modes, bonds] is the core, and E, [bonds, all other modes], what
// the others make. Least squares gives the normal equations X·(E·Eᵀ) = W·Eᵀ. Neither E nor a Kronecker product is ever
// formed: both sides are contractions of networks, W·Eᵀ of the target with the other cores, and E·Eᵀ of the other cores with
// copies of themselves, in which bonds are written with other letters. Where the matrix is a sum of networks, X stands for
// the cores at the same place of all of them side by side, and E·Eᵀ has a block for every two networks.

/** Above this many bond indices the normal equations are solved by conjugate gradients, without forming E·Eᵀ. */
const MOST_DIRECT = 400;
/** Of the regularisation, as a part of the mean of the diagonal of E·Eᵀ. */
const DAMPING = 1e-12;

/** A letter of the second copy of a bond. */
const prime = (letters: string) =>
  [...letters].map((letter) => String.fromCharCode(letter.charCodeAt(0) + 0x100)).join('');
const primeBonds = (letters: string) =>
  [...letters].map((letter) => (bondsOf({ letters: letter }) ? prime(letter) : letter)).join('');
const primed = (tensor: LabelledTensor): LabelledTensor => ({
  ...tensor,
  letters: primeBonds(tensor.letters),
});

/** Where the core of one network stands in X: its letters, modes first, and its columns. */
interface Place {
  readonly order: string;
  readonly bonds: string;
  readonly columns: number;
  readonly offset: number;
}

/** Improves each core once, in order; the error is that of the new cores. */
export function leastSquaresSweep(
  { target, squaredNorm, contract }: Problem,
  given: CoreValues,
): Fit {
  const cores = given.map((network) => [...network]);
  const grams = new Map<string, readonly LabelledTensor[]>();
  /** Core k of networks n and m contracted over their modes; cores without modes are left apart. */
  const gram = (n: number, m: number, k: number): readonly LabelledTensor[] => {
    const key = `${n},${m},${k}`;
    const known = grams.get(key);
    if (known) return known;
    const [first, second] = [cores[n][k], primed(cores[m][k])];
    const bonds = bondsOf(first) + prime(bondsOf(cores[m][k]));
    const made = modesOf(first) === '' ? [first, second] : [contract([first, second], bonds)];
    grams.set(key, made);
    return made;
  };
  /** The cores that E·Eᵀ is made of, between networks n and m. */
  const around = (n: number, m: number, k: number) =>
    cores[n].flatMap((_, j) => (j === k ? [] : gram(n, m, j)));

  let error = 0;
  for (let k = 0; k < cores[0].length; k++) {
    const places = placesOf(cores.map((network) => network[k]));
    const width = places.reduce((sum, { columns }) => sum + columns, 0);
    const rows = cores[0][k].data.length / places[0].columns;
    const old = joined(
      cores.map((network, n) => permuted(network[k], places[n].order)),
      places,
      width,
    );
    const right = joined(
      places.map(({ order }, n) => {
        const others = cores[n].filter((_, j) => j !== k);
        return contract(withOnes([target, ...others], cores[n][k], order), order);
      }),
      places,
      width,
    );
    const block = (n: number, m: number): LabelledTensor => {
      const output = places[n].bonds + prime(places[m].bonds);
      const operands = withOnes(around(n, m, k), cores[n][k], places[n].bonds);
      return contract(withOnes(operands, primed(cores[m][k]), output), output);
    };
    const times = (x: Float64Array): Float64Array => {
      const blocks = parted(
        x,
        cores.map((network) => network[k]),
        places,
        width,
      ).map(primed);
      const products = places.map(({ order }, n) =>
        places
          .map((_, m) => {
            const operands = withOnes(around(n, m, k), cores[n][k], places[n].bonds);
            return contract([blocks[m], ...operands], order);
          })
          .reduce(added),
      );
      return joined(products, places, width);
    };
    const { x, product } =
      width <= MOST_DIRECT
        ? solvedDirectly(places, block, right, old, rows, width)
        : conjugateGradients(times, right, old);
    parted(
      x,
      cores.map((network) => network[k]),
      places,
      width,
    ).forEach((core, n) => {
      cores[n][k] = permuted(core, cores[n][k].letters);
    });
    for (const key of grams.keys()) if (key.endsWith(`,${k}`)) grams.delete(key);
    error = errorOf(squaredNorm, right, x, product);
  }
  return { cores, error };
}

/** From ‖W - X·E‖² = ‖W‖² - 2·⟨X, W·Eᵀ⟩ + ⟨X, X·E·Eᵀ⟩. */
function errorOf(
  norm: number,
  right: Float64Array,
  x: Float64Array,
  product: Float64Array,
): number {
  const square = x.reduce((sum, value, i) => sum + value * (product[i] - 2 * right[i]), norm);
  return Math.sqrt(Math.max(0, square) / (norm || 1));
}

function placesOf(cores: readonly LabelledTensor[]): Place[] {
  let offset = 0;
  return cores.map((core) => {
    const bonds = bondsOf(core);
    const place = {
      order: modesOf(core) + bonds,
      bonds,
      columns: extentProduct(core, bonds),
      offset,
    };
    offset += place.columns;
    return place;
  });
}

/** Blocks [rows, columns] side by side. */
function joined(blocks: readonly LabelledTensor[], places: readonly Place[], width: number) {
  if (blocks.length === 1) return blocks[0].data;
  const rows = blocks[0].data.length / places[0].columns;
  const result = new Float64Array(rows * width);
  blocks.forEach(({ data }, n) => {
    const { columns, offset } = places[n];
    for (let i = 0; i < rows; i++)
      result.set(data.subarray(i * columns, (i + 1) * columns), i * width + offset);
  });
  return result;
}

/** The blocks of X as cores with their modes first. */
function parted(
  x: Float64Array,
  cores: readonly LabelledTensor[],
  places: readonly Place[],
  width: number,
): LabelledTensor[] {
  return cores.map((core, n) => {
    const { order, columns, offset } = places[n];
    const shape = [...order].map((letter) => core.shape[core.letters.indexOf(letter)]);
    const data = new Float64Array(elementCount(shape));
    for (let i = 0; i * columns < data.length; i++)
      data.set(x.subarray(i * width + offset, i * width + offset + columns), i * columns);
    return { letters: order, shape, data };
  });
}

function added(a: LabelledTensor, b: LabelledTensor): LabelledTensor {
  return { ...a, data: a.data.map((value, i) => value + b.data[i]) };
}

/** With a tensor of ones for each bond of the output that only the core itself has. */
function withOnes(
  operands: readonly LabelledTensor[],
  core: LabelledTensor,
  output: string,
): readonly LabelledTensor[] {
  const missing = [...output].filter(
    (c) => core.letters.includes(c) && !operands.some(({ letters }) => letters.includes(c)),
  );
  const ones = missing.map((letter) => {
    const shape = [extentProduct(core, letter)];
    return { letters: letter, shape, data: new Float64Array(shape[0]).fill(1) };
  });
  return [...operands, ...ones];
}

/**
 * X·(E·Eᵀ + δ·1) = W·Eᵀ + δ·X_old: the step is damped towards the old core, so that a singular E·Eᵀ is none and the solution
 * of a fit that is exact already stays.
 */
function solvedDirectly(
  places: readonly Place[],
  block: (n: number, m: number) => LabelledTensor,
  right: Float64Array,
  old: Float64Array,
  rows: number,
  width: number,
): { x: Float64Array; product: Float64Array } {
  const gram = new Float64Array(width * width);
  places.forEach((first, n) => {
    places.forEach((second, m) => {
      const { data } = block(n, m);
      for (let i = 0; i < first.columns; i++)
        gram.set(
          data.subarray(i * second.columns, (i + 1) * second.columns),
          (first.offset + i) * width + second.offset,
        );
    });
  });
  let trace = 0;
  for (let i = 0; i < width; i++) {
    trace += gram[i * width + i];
    // Rounding makes the halves differ, and the solver asks for equality.
    for (let j = 0; j < i; j++) gram[i * width + j] = gram[j * width + i];
  }
  let x: Float64Array | null = null;
  for (let damping = DAMPING; !x; damping *= 100) {
    const delta = (damping * trace) / width || 1;
    const damped = gram.slice();
    for (let i = 0; i < width; i++) damped[i * width + i] += delta;
    x = solveSymmetric(
      damped,
      width,
      right.map((value, i) => value + delta * old[i]),
      rows,
    );
  }
  const product = new Float64Array(rows * width);
  addProduct([rows, width, width], x, 0, gram, 0, product, 0);
  return { x, product };
}
