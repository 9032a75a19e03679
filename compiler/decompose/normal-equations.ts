import { elementCount } from '../../ir/tensor.ts';
import { type Contract, onesLike } from './contract.ts';
import { bondsOf, modesOf } from './problem.ts';
import { extentProduct, type LabelledTensor, permuted } from './tensor.ts';

// One core of a network with the others fixed: Ŵ = X·E, where X [modes, bonds] is the core, and E [bonds, all other modes]
// what the others make. Least squares gives X·(E·Eᵀ) = W·Eᵀ. Neither E nor a Kronecker product is ever formed: both sides are
// contractions, W·Eᵀ of the target with the other cores, and E·Eᵀ of the other cores with copies of themselves, in which bonds
// are written with other letters. Where the matrix is a sum of networks, X stands for the cores at the same place of all of
// them side by side, and E·Eᵀ has a block for every two networks.

export interface NormalEquations {
  /** X [rows, width]. */
  readonly rows: number;
  readonly width: number;
  /** The cores as they are. */
  readonly old: Float64Array;
  /** W·Eᵀ [rows, width]. */
  readonly right: Float64Array;
  /** E·Eᵀ [width, width]. */
  gram(): Float64Array;
  /** X·(E·Eᵀ), without forming it. */
  times(x: Float64Array): Float64Array;
  /** X as one core per network, modes first. */
  coresOf(x: Float64Array): LabelledTensor[];
}

/** Where the core of one network stands in X: its letters, modes first, and its columns. */
interface Place {
  readonly order: string;
  readonly bonds: string;
  readonly columns: number;
  readonly offset: number;
}

/** A letter of the second copy of a bond. */
const prime = (letters: string) =>
  [...letters].map((letter) => String.fromCharCode(letter.charCodeAt(0) + 0x100)).join('');

function primed(tensor: LabelledTensor): LabelledTensor {
  const isMode = (letter: string) => modesOf({ letters: letter }) !== '';
  const letters = [...tensor.letters].map((letter) => (isMode(letter) ? letter : prime(letter)));
  return { ...tensor, letters: letters.join('') };
}

/** The cores other than k that E·Eᵀ between networks n and m is made of. */
export type Surroundings = (n: number, m: number, k: number) => readonly LabelledTensor[];

/** Remembers contractions of each core with itself until told that it changed. */
export function createSurroundings(
  contract: Contract,
  cores: readonly (readonly LabelledTensor[])[],
): { readonly around: Surroundings; readonly changed: (k: number) => void } {
  const known = cores[0].map(() => new Map<string, readonly LabelledTensor[]>());
  /** Core k of networks n and m contracted over their modes; cores without modes are left apart. */
  const self = (n: number, m: number, k: number): readonly LabelledTensor[] => {
    const key = `${n},${m}`;
    const found = known[k].get(key);
    if (found) return found;
    const [first, second] = [cores[n][k], primed(cores[m][k])];
    const bonds = bondsOf(first) + bondsOf(second);
    const made = modesOf(first) === '' ? [first, second] : [contract([first, second], bonds)];
    known[k].set(key, made);
    return made;
  };
  return {
    around: (n, m, k) => cores[n].flatMap((_, j) => (j === k ? [] : self(n, m, j))),
    changed: (k) => known[k].clear(),
  };
}

export function normalEquations(
  target: LabelledTensor,
  contract: Contract,
  cores: readonly (readonly LabelledTensor[])[],
  k: number,
  around: Surroundings,
): NormalEquations {
  const own = cores.map((network) => network[k]);
  const places = placesOf(own);
  const width = places.reduce((sum, { columns }) => sum + columns, 0);
  const rows = own[0].data.length / places[0].columns;
  const join = (blocks: readonly LabelledTensor[]) => joined(blocks, places, width);
  const coresOf = (x: Float64Array) => parted(x, own, places, width);
  const ofNetwork = (n: number) => {
    const others = cores[n].filter((_, j) => j !== k);
    return contract(withOnes([target, ...others], own[n], places[n].order), places[n].order);
  };
  const block = (n: number, m: number): Float64Array => {
    const [first, second] = [own[n], primed(own[m])];
    const output = places[n].bonds + prime(places[m].bonds);
    return contract(withOnes(withOnes(around(n, m, k), first, output), second, output), output)
      .data;
  };
  return {
    rows,
    width,
    old: join(own.map((core, n) => permuted(core, places[n].order))),
    right: join(own.map((_, n) => ofNetwork(n))),
    coresOf,
    gram: () => gramOf(places, width, block),
    times: (x) => {
      const factors = coresOf(x).map(primed);
      const product = (n: number, m: number) => {
        const operands = withOnes(around(n, m, k), own[n], places[n].bonds);
        return contract([factors[m], ...operands], places[n].order);
      };
      return join(own.map((_, n) => own.map((_, m) => product(n, m)).reduce(added)));
    },
  };
}

function placesOf(cores: readonly LabelledTensor[]): Place[] {
  let offset = 0;
  return cores.map((core) => {
    const bonds = bondsOf(core);
    const columns = extentProduct(core, bonds);
    const place = { order: modesOf(core) + bonds, bonds, columns, offset };
    offset += columns;
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

function gramOf(
  places: readonly Place[],
  width: number,
  block: (n: number, m: number) => Float64Array,
): Float64Array {
  const gram = new Float64Array(width * width);
  places.forEach((first, n) => {
    places.forEach((second, m) => {
      const data = block(n, m);
      for (let i = 0; i < first.columns; i++)
        gram.set(
          data.subarray(i * second.columns, (i + 1) * second.columns),
          (first.offset + i) * width + second.offset,
        );
    });
  });
  // Rounding makes the halves differ, and solvers ask for equality.
  for (let i = 0; i < width; i++)
    for (let j = 0; j < i; j++) gram[i * width + j] = gram[j * width + i];
  return gram;
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
  return [...operands, ...missing.map((letter) => onesLike(core, letter))];
}
