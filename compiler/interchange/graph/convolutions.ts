import { type Equation, parseEquation } from '../../../ir/einsum.ts';
import type { Graph, NodeOf, ValueId } from '../../../ir/graph.ts';
import { foldChain, windowChain } from './views.ts';

// A contraction over windows is a convolution, and so is a fold of a contraction, which is the transpose of one. Both are read off
// the letters of the equation: along each window, one of its two letters is summed with the other operand, and the other is in the result.

/** One axis that a convolution slides along. The kernel is turned round along it where `reversed` says so. */
export interface SpatialAxis {
  readonly stride: number;
  readonly inputDilation: number;
  readonly kernelDilation: number;
  /** Zeros before and behind the dilated input; negative ones cut off. */
  readonly low: number;
  readonly high: number;
  readonly kernelReversed: boolean;
  readonly resultReversed: boolean;
}

/** What an axis is to a convolution: one that it slides along, by number, or a letter of the equation. */
export type Role = { readonly spatial: number } | { readonly letter: string };

/** A convolution of two values of a graph. */
export interface Convolution {
  readonly input: ValueId;
  readonly kernel: ValueId;
  readonly spatial: readonly SpatialAxis[];
  readonly inputRoles: readonly Role[];
  readonly kernelRoles: readonly Role[];
  readonly resultRoles: readonly Role[];
}

/** The convolution that a contraction or a fold is, or null. */
export function convolutionOf(
  graph: Graph,
  value: ValueId,
  readers: readonly number[],
): Convolution | null {
  const node = graph.nodes[value];
  if (node.op === 'contract') return ofContraction(graph, node);
  return node.op === 'fold' ? ofFold(graph, value, readers) : null;
}

function ofContraction(graph: Graph, node: NodeOf<'contract'>): Convolution | null {
  const equation = parseEquation(node.attributes.equation);
  if ('reason' in equation || equation.operands.length !== 2 || !isPlain(equation)) return null;
  const [a, b] = node.operands;
  const [aTerm, bTerm] = equation.operands;
  const ways = [
    { input: a, kernel: b, inputTerm: aTerm, kernelTerm: bTerm },
    { input: b, kernel: a, inputTerm: bTerm, kernelTerm: aTerm },
  ];
  for (const way of ways) {
    const found = ofWindows(graph, { ...way, output: equation.output });
    if (found) return found;
  }
  return null;
}

interface Operands {
  readonly input: ValueId;
  readonly kernel: ValueId;
  readonly inputTerm: string;
  readonly kernelTerm: string;
  readonly output: string;
}

function ofWindows(graph: Graph, operands: Operands): Convolution | null {
  const { input, kernel, inputTerm, kernelTerm, output } = operands;
  const chain = windowChain(graph, input);
  if (!chain) return null;
  const { shape } = graph.nodes[chain.base].type;
  const spatial: SpatialAxis[] = [];
  /** By letter of the kernel or the result that is one of a window: its axis. */
  const slides = new Map<string, number>();
  for (const [k, window] of chain.windows.entries()) {
    const [position, tap] = [inputTerm[window.position], inputTerm[window.tap]];
    const isSummed = (letter: string) => kernelTerm.includes(letter) && !output.includes(letter);
    const isKept = (letter: string) => !kernelTerm.includes(letter) && output.includes(letter);
    const extent = shape[chain.axes.findIndex((axis) => 'window' in axis && axis.window === k)];
    const size = Math.abs(window.dilation);
    const isReversed = window.dilation < 0;
    // From here on taps go up: the first is the last of those that went down.
    const low = window.low + (isReversed ? (window.size - 1) * size : 0);
    const exact =
      (window.positions - 1) * window.stride + (window.size - 1) * size + 1 - low - extent;
    if (window.value !== 0 && (low > 0 || exact > 0)) return null;
    const common = { low, high: exact, inputDilation: 1 };
    if (isKept(position) && isSummed(tap))
      spatial.push({
        ...{ ...common, stride: window.stride, kernelDilation: size },
        // What is left over behind the last window need not be cut off.
        high: exact < 0 ? Math.min(0, exact + window.stride - 1) : exact,
        ...{ kernelReversed: isReversed, resultReversed: false },
      });
    else if (isKept(tap) && isSummed(position))
      spatial.push({
        ...{ ...common, stride: size, kernelDilation: window.stride },
        ...{ kernelReversed: false, resultReversed: isReversed },
      });
    else return null;
    slides.set(position, k);
    slides.set(tap, k);
  }
  const role = (letter: string): Role => {
    const axis = slides.get(letter);
    return axis === undefined ? { letter } : { spatial: axis };
  };
  const found = {
    ...{ input: chain.base, kernel, spatial },
    inputRoles: chain.axes.map((axis) =>
      'window' in axis ? { spatial: axis.window } : { letter: inputTerm[axis.axis] },
    ),
    kernelRoles: [...kernelTerm].map(role),
    resultRoles: [...output].map(role),
  };
  return hasUses(found) ? found : null;
}

function ofFold(graph: Graph, value: ValueId, readers: readonly number[]): Convolution | null {
  const chain = foldChain(graph, value, readers);
  if (!chain) return null;
  const equation = parseEquation(chain.contraction.attributes.equation);
  if ('reason' in equation || !isPlain(equation)) return null;
  const letters = chain.folds.map((_, fold) => {
    const letterOf = (part: 'position' | 'tap') =>
      equation.output[
        chain.axes.findIndex((axis) => 'fold' in axis && axis.fold === fold && axis.part === part)
      ];
    return { position: letterOf('position'), tap: letterOf('tap') };
  });
  const [a, b] = equation.operands;
  const isOnlyIn = (letter: string, one: string, other: string) =>
    one.includes(letter) && !other.includes(letter);
  const isWay = (input: string, kernel: string) =>
    letters.every(
      ({ position, tap }) => isOnlyIn(position, input, kernel) && isOnlyIn(tap, kernel, input),
    );
  const first = isWay(a, b) ? 0 : isWay(b, a) ? 1 : null;
  if (first === null) return null;
  const { operands } = chain.contraction;
  const [input, kernel] = [operands[first], operands[1 - first]];
  const [inputTerm, kernelTerm] = [equation.operands[first], equation.operands[1 - first]];
  const extentOf = (operand: ValueId, term: string, letter: string) =>
    graph.nodes[operand].type.shape[term.indexOf(letter)];
  const spatial = chain.folds.map((fold, k): SpatialAxis => {
    const size = Math.abs(fold.dilation);
    const positions = extentOf(input, inputTerm, letters[k].position);
    const taps = extentOf(kernel, kernelTerm, letters[k].tap);
    const reach = (taps - 1) * size;
    // Element i takes taps of positions before it: a kernel that goes down, unless the dilation already does.
    const low = fold.dilation > 0 ? reach - fold.low : -fold.low;
    return {
      ...{ stride: 1, inputDilation: fold.stride, kernelDilation: size, low },
      high: fold.extent + reach - low - ((positions - 1) * fold.stride + 1),
      ...{ kernelReversed: fold.dilation > 0, resultReversed: false },
    };
  });
  const slides = new Map(
    letters.flatMap(({ position, tap }, k) => [
      [position, k],
      [tap, k],
    ]),
  );
  const role = (letter: string): Role => {
    const axis = slides.get(letter);
    return axis === undefined ? { letter } : { spatial: axis };
  };
  const resultRoles = new Array<Role>(graph.nodes[value].type.shape.length);
  chain.axes.forEach((axis, k) => {
    if ('axis' in axis) resultRoles[axis.axis] = { letter: equation.output[k] };
  });
  chain.folds.forEach(({ axis }, k) => {
    resultRoles[axis] = { spatial: k };
  });
  const found = {
    ...{ input, kernel, spatial, resultRoles },
    inputRoles: [...inputTerm].map(role),
    kernelRoles: [...kernelTerm].map(role),
  };
  return hasUses(found) ? found : null;
}

/** Whether no operand has a letter twice. */
const isPlain = ({ operands }: Equation): boolean =>
  operands.every((term) => new Set(term).size === term.length);

const lettersOf = (roles: readonly Role[]): readonly string[] =>
  roles.flatMap((role) => ('letter' in role ? [role.letter] : []));

/** Whether every letter is in two of input, kernel and result: none is summed over one operand alone. */
function hasUses({
  inputRoles,
  kernelRoles,
  resultRoles,
}: Pick<Convolution, 'inputRoles' | 'kernelRoles' | 'resultRoles'>): boolean {
  const all = [inputRoles, kernelRoles, resultRoles].map(lettersOf);
  const counts = new Map<string, number>();
  for (const letter of all.flat()) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  return [...counts.values()].every((count) => count >= 2);
}

/** The letters of a convolution by what they are, in the order of the operand that has them. */
export interface Features {
  /** Of the input and the result. */
  readonly batch: readonly string[];
  /** Of all three: groups that do not meet. */
  readonly groups: readonly string[];
  /** Of both operands: summed over. */
  readonly inputs: readonly string[];
  /** Of the kernel and the result. */
  readonly outputs: readonly string[];
}

export function featuresOf({ inputRoles, kernelRoles, resultRoles }: Convolution): Features {
  const [input, kernel, result] = [inputRoles, kernelRoles, resultRoles].map(lettersOf);
  return {
    batch: input.filter((letter) => !kernel.includes(letter)),
    groups: input.filter((letter) => kernel.includes(letter) && result.includes(letter)),
    inputs: input.filter((letter) => kernel.includes(letter) && !result.includes(letter)),
    outputs: kernel.filter((letter) => !input.includes(letter)),
  };
}
