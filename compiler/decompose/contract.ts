import { elementCount } from '../../ir/tensor.ts';
import { type ContractionTree, contractionOrder } from '../contract/tree.ts';
import { addProduct, addProductTransposed, prefersTransposed } from './matrix-product.ts';
import { extentOf, extentProduct, type LabelledTensor, permuted } from './tensor.ts';

/** The einsum of tensors, in the cheapest order of pairwise contractions. Each letter of the output is in some operand. */
export type Contract = (operands: readonly LabelledTensor[], output: string) => LabelledTensor;

/** A contraction that remembers the orders that it found: alternating methods ask for the same ones in every sweep. */
export function createContract(): Contract {
  const orders = new Map<string, ContractionTree>();
  return (given, output) => {
    const operands = [...given, ...lonelySums(given, output)];
    const key = `${operands.map(({ letters, shape }) => `${letters}${shape}`)}->${output}`;
    let tree = orders.get(key);
    if (tree === undefined) {
      const extents = new Map(
        operands.flatMap(({ letters, shape }) => [...letters].map((c, k) => [c, shape[k]])),
      );
      tree = contractionOrder(
        operands.map(({ letters }) => letters),
        output,
        extents,
      ).tree;
      orders.set(key, tree);
    }
    return permuted(contractTree(operands, output, tree), output);
  };
}

/** A tensor of ones for each letter that a single operand has and that is summed: every sum is then a contraction of two. */
function lonelySums(operands: readonly LabelledTensor[], output: string): LabelledTensor[] {
  return operands.flatMap((operand, k) =>
    [...operand.letters]
      .filter((c) => !output.includes(c))
      .filter((c) => operands.every(({ letters }, j) => j === k || !letters.includes(c)))
      .map((letter) => onesLike(operand, letter)),
  );
}

/** A vector of ones along one letter of a tensor. */
export function onesLike(tensor: LabelledTensor, letter: string): LabelledTensor {
  const extent = extentOf(tensor, letter);
  return { letters: letter, shape: [extent], data: new Float64Array(extent).fill(1) };
}

function contractTree(
  operands: readonly LabelledTensor[],
  output: string,
  tree: ContractionTree,
): LabelledTensor {
  const carriers = new Map<string, number>();
  const count = (letters: string, by: number) => {
    for (const letter of letters) carriers.set(letter, (carriers.get(letter) ?? 0) + by);
  };
  for (const { letters } of operands) count(letters, 1);
  // As deep as there are cores, of which a network has a few dozen at most.
  const visit = (node: ContractionTree): LabelledTensor => {
    if (typeof node === 'number') return operands[node];
    const [left, right] = node.map(visit);
    count(left.letters, -1);
    count(right.letters, -1);
    const isKept = (letter: string) => output.includes(letter) || carriers.get(letter)! > 0;
    const result = contractPair(left, right, isKept);
    count(result.letters, 1);
    return result;
  };
  return visit(tree);
}

/** The contraction of two tensors over their common letters that are not kept. */
function contractPair(
  first: LabelledTensor,
  second: LabelledTensor,
  isKept: (letter: string) => boolean,
): LabelledTensor {
  const [a, b] = first.data.length >= second.data.length ? [first, second] : [second, first];
  const only = (letters: string, wanted: (letter: string) => boolean) =>
    [...letters].filter(wanted).join('');
  const batch = only(a.letters, (c) => b.letters.includes(c) && isKept(c));
  const summed = only(a.letters, (c) => b.letters.includes(c) && !isKept(c));
  const aFree = only(a.letters, (c) => !b.letters.includes(c));
  const bFree = only(b.letters, (c) => !a.letters.includes(c));
  if (batch === '' && a.letters.includes(summed)) return contractMiddle(a, b, summed, bFree);
  const m = extentProduct(a, aFree);
  const k = extentProduct(a, summed);
  const n = extentProduct(b, bFree);
  const count = extentProduct(a, batch);
  const transposed = prefersTransposed(n);
  const left = permuted(a, batch + aFree + summed).data;
  const right = permuted(b, transposed ? batch + bFree + summed : batch + summed + bFree).data;
  const data = new Float64Array(count * m * n);
  const multiply = transposed ? addProductTransposed : addProduct;
  for (let one = 0; one < count; one++)
    multiply([m, k, n], left, one * m * k, right, one * k * n, data, one * m * n);
  const shape = [...batch, ...aFree, ...bFree].map((letter) =>
    extentOf(a.letters.includes(letter) ? a : b, letter),
  );
  return { letters: batch + aFree + bFree, shape, data };
}

/** Where the summed letters stand together in the larger tensor, [outer, summed, inner], it is read as it lies. */
function contractMiddle(
  a: LabelledTensor,
  b: LabelledTensor,
  summed: string,
  bFree: string,
): LabelledTensor {
  const from = a.letters.indexOf(summed);
  const outer = elementCount(a.shape.slice(0, from));
  const k = extentProduct(a, summed);
  const inner = elementCount(a.shape.slice(from + summed.length));
  const n = extentProduct(b, bFree);
  const data = new Float64Array(outer * n * inner);
  if (inner === 1) {
    const transposed = prefersTransposed(n);
    const right = permuted(b, transposed ? bFree + summed : summed + bFree).data;
    (transposed ? addProductTransposed : addProduct)([outer, k, n], a.data, 0, right, 0, data, 0);
  } else {
    const left = permuted(b, bFree + summed).data;
    for (let one = 0; one < outer; one++)
      addProduct([n, k, inner], left, 0, a.data, one * k * inner, data, one * n * inner);
  }
  const letters = a.letters.slice(0, from) + bFree + a.letters.slice(from + summed.length);
  const shape = [...letters].map((c) => extentOf(a.letters.includes(c) ? a : b, c));
  return { letters, shape, data };
}
