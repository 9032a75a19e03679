import type { Expression, Kernel, Reduction } from '../../../ir/kernel.ts';
import { nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import { mapOperands, mapStored } from '../../../ir/kernel-operands.ts';
import { innerScope, type Scope } from './expression.ts';
import { literalText, scalarText, type Writer } from './writer.ts';

// Sums of powers by a maximum that is still growing. What was summed up by one maximum is multiplied with exp(old - new) when it grows
// (Milakov, Gimelshein 2018: Online normalizer calculation for softmax).

/** Whether a kernel has sums that are rescaled. */
export const hasRescaled = ({ reductions }: Pick<Kernel, 'reductions'>): boolean =>
  reductions.some(({ rescaled }) => rescaled !== undefined);

/** The numbers of the reductions that are rescaled, and of the others. */
export function byRescaling({ reductions }: Kernel): {
  readonly plain: readonly number[];
  readonly rescaled: readonly number[];
} {
  const numbers = [...reductions.keys()];
  return {
    plain: numbers.filter((r) => reductions[r].rescaled === undefined),
    rescaled: numbers.filter((r) => reductions[r].rescaled !== undefined),
  };
}

/** How often the terms of a tile are gone over: sums that are rescaled wait for the tile's maxima. */
export const passesOf = (kernel: Pick<Kernel, 'reductions'>): 1 | 2 =>
  hasRescaled(kernel) ? 2 : 1;

/** The numbers of the maxima that sums are rescaled by. */
export const rescaledBy = ({ reductions }: Kernel): readonly number[] => [
  ...new Set(reductions.flatMap(({ rescaled }) => rescaled ?? [])),
];

/** The name of the factor of one sum, which is that of all by one maximum. */
export const factorOf = ({ reductions }: Kernel, r: number): string =>
  `factor${reductions[r].rescaled}`;

/** The statement that multiplies a sum with a factor. */
export const scaledText = (writer: Writer, total: string, factor: string): string =>
  `${total} = ${scalarText(writer, 'mul', 'f32', [total, factor])};`;

/**
 * A kernel whose rescaled sums have their whole terms as values, value · exp(x - m), where m is a node of its own: the accumulator of the
 * maximum that is known so far. A term at the maximum is 1 even where that is infinite: a row of nothing but -Infinity so far may have
 * more to come. At the end such a sum is NaN, which it is by its meaning. What is not rescaled stays as it is.
 */
export function withWholeTerms(kernel: Kernel): Kernel {
  if (!hasRescaled(kernel)) return kernel;
  const nodes: Expression[] = [];
  const add = (node: Expression) => nodes.push(node) - 1;
  const number = (value: number) => add({ kind: 'constant', dtype: 'f32', value });
  const apply = (op: 'sub' | 'mul' | 'exp' | 'abs', ...operands: number[]) =>
    add({ kind: 'apply', dtype: 'f32', op, operands });
  const where = (a: number, b: number, equal: number, other: number) => {
    const isEqual = add({ kind: 'apply', dtype: 'i32', op: 'eq', operands: [a, b] });
    return add({ kind: 'apply', dtype: 'f32', op: 'select', operands: [isEqual, equal, other] });
  };
  const maximum = (reduction: number) => add({ kind: 'accumulator', dtype: 'f32', reduction });
  const image: number[] = [];
  for (const node of kernel.nodes) {
    const own = add(mapOperands(node, (operand) => image[operand]));
    const by = node.kind === 'accumulator' ? kernel.reductions[node.reduction].rescaled : undefined;
    image.push(
      by === undefined
        ? own
        : where(
            apply('abs', maximum(by)),
            number(Number.POSITIVE_INFINITY),
            number(Number.NaN),
            own,
          ),
    );
  }
  const reductions = kernel.reductions.map((one): Reduction => {
    const value = image[one.value];
    if (one.rescaled === undefined) return { ...one, value };
    const exponent = image[kernel.reductions[one.rescaled].value];
    const known = maximum(one.rescaled);
    const power = where(exponent, known, number(1), apply('exp', apply('sub', exponent, known)));
    const factor = nodes[value];
    const isOne = factor.kind === 'constant' && factor.value === 1;
    return { ...one, value: isOne ? power : apply('mul', power, value) };
  });
  const stores = kernel.stores.map((store) => mapStored(store, (node) => image[node]));
  return { ...kernel, nodes, reductions, stores };
}

/** A scope of terms in which the maxima that are known so far have names, by reduction. */
export function scopeOfTerms(scope: Scope, totals: readonly string[]): Scope {
  const inner = innerScope(scope);
  const { kernel } = scope;
  const under = nodesUnderReduction(kernel);
  kernel.nodes.forEach((node, index) => {
    if (under[index] && node.kind === 'accumulator') inner.names.set(index, totals[node.reduction]);
  });
  return inner;
}

/** Statements behind which `name` is what sums by the maximum `before` are to be multiplied with to be sums by `now`. */
export function factorLines(writer: Writer, name: string, before: string, now: string): string[] {
  const { constant } = writer.dialect;
  const apply = (op: 'sub' | 'exp' | 'eq', ...operands: string[]) =>
    scalarText(writer, op, 'f32', operands);
  const [growth, power, same, one] = ['growth', 'power', 'same', 'one'].map((k) => `${name}_${k}`);
  return [
    constant('f32', growth, apply('sub', before, now)),
    constant('f32', power, apply('exp', growth)),
    constant('i32', same, apply('eq', before, now)),
    constant('f32', one, literalText(writer, 'f32', 1)),
    constant('f32', name, scalarText(writer, 'select', 'f32', [same, one, power])),
  ];
}
