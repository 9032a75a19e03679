import { LARGEST_F32 } from '../../ir/dtypes.ts';
import { type Affine, type Expression, pointCount } from '../../ir/kernel.ts';
import { mapAffines } from '../../ir/kernel-affines.ts';
import { mapOperands } from '../../ir/kernel-operands.ts';
import type { ScalarOp } from '../../ir/scalar.ts';
import { type LoopNest, type NestBody, NodeList } from './loop-nest.ts';
import { neededNodes, storedAt, storedNodes, variesAlong } from './node-facts.ts';

// A variance reads its terms twice: for their mean, and for the squares of their distances from it. Both sums fit into one pass around
// a shift s that is known before: with d = x - s and e = m - s,
//
//   Σ x = Σ d + n s        Σ (x - m)² = Σ d² - e (2 Σ d - n e)
//
// for any m, as exact arithmetic goes; around the mean itself, Σ d² - (Σ d)² / n, whatever m is rounded to. In floating point, what is lost by the difference is 1 + (e/σ)² times a rounding error of the
// variance σ² (Chan, Golub, LeVeque: Algorithms for computing the sample variance, 1983): nothing, for a shift within a few
// deviations of the mean, and never more than n rounding errors, for a shift that is one of the terms. The shift is the median of
// three terms, so that no single outlier, such as the corner of a padded image, makes it.

/** The terms of which the shift is the median: at these parts of every reduced axis. */
const SAMPLES = [1 / 4, 1 / 2, 3 / 4];

/**
 * Two kernels over common axes in one pass, where the first sums x and the second the squares of its distances from something that
 * the first's results make; else null.
 */
export function shiftedSquares(first: LoopNest, second: LoopNest): NestBody | null {
  const found = squaredDistances(first, second);
  if (!found) return null;
  const { term, centre } = found;
  const list = new NodeList();
  const apply = (op: ScalarOp, ...operands: number[]) =>
    list.add({ kind: 'apply', dtype: 'f32', op, operands });
  const constant = (value: number) => list.add({ kind: 'constant', dtype: 'f32', value });
  const result = (reduction: number) => list.add({ kind: 'accumulator', dtype: 'f32', reduction });
  const [a, b, c] = SAMPLES.map((part) => sampleOf(second, term, part, list));
  const shift = apply('max', apply('min', a, b), apply('min', apply('max', a, b), c));
  const count = constant(pointCount(first, 'reduced'));
  const copied = (
    nest: LoopNest,
    wanted: Uint8Array,
    replace: (node: Expression) => number | undefined,
  ) => {
    const image: number[] = new Array(nest.nodes.length).fill(-1);
    nest.nodes.forEach((node, k) => {
      if (wanted[k])
        image[k] = replace(node) ?? list.add(mapOperands(node, (operand) => image[operand]));
    });
    return image;
  };

  const ofSecond = copied(second, neededNodes(second, [term]), () => undefined);
  const distance = apply('sub', ofSecond[term], shift);
  const square = apply('mul', distance, distance);
  const { sum: shifted } = found;
  const squares = first.reductions.length;
  const wholeSum = apply('add', result(shifted), apply('mul', count, shift));
  const nodeOf = copied(first, new Uint8Array(first.nodes.length).fill(1), (node) =>
    node.kind === 'accumulator' && node.reduction === shifted ? wholeSum : undefined,
  );
  const behind = (node: Expression) => {
    const stored = storedAt(first, node);
    return stored === undefined || stored === null ? undefined : nodeOf[stored];
  };
  const centreNode = copied(second, neededNodes(second, [centre]), behind)[centre];
  const terms = pointCount(first, 'reduced');
  const lost = () => {
    const sum = result(shifted);
    if (isMean(list, centreNode, terms, wholeSum))
      return apply('mul', sum, apply('mul', sum, constant(1 / terms)));
    const away = apply('sub', centreNode, shift);
    return apply('mul', away, apply('sub', apply('add', sum, sum), apply('mul', count, away)));
  };
  const within = (node: number) =>
    list.add({
      ...{ kind: 'apply', dtype: 'i32', op: 'le' },
      operands: [apply('abs', node), constant(LARGEST_F32)],
    });
  const difference = apply('max', apply('sub', result(squares), lost()), constant(0));
  // Squares that leave the range of f32 make the variance infinite, as the second pass does; ∞ - ∞ is no number.
  const beyond = apply('select', within(result(shifted)), result(squares), difference);
  const total = apply('select', within(result(squares)), difference, beyond);
  const secondNode = copied(second, neededNodes(second, storedNodes(second)), (node) =>
    node.kind === 'accumulator' ? total : behind(node),
  );
  return {
    nodes: list.nodes,
    reductions: [
      ...first.reductions.map((one, r) => ({
        ...one,
        value: r === shifted ? distance : nodeOf[one.value],
      })),
      { combiner: 'sum', value: square },
    ],
    stores: [
      ...first.stores.map((store) => ({ ...store, value: nodeOf[store.value] })),
      ...second.stores.map((store) => ({ ...store, value: secondNode[store.value] })),
    ],
  };
}

/** Whether a node is nothing but a sum divided by the number of its terms. */
function isMean({ nodes }: NodeList, node: number, terms: number, sum: number): boolean {
  const mean = nodes[node];
  if (mean.kind !== 'apply' || !mean.operands.includes(sum)) return false;
  const factor = nodes[mean.operands[mean.operands[0] === sum ? 1 : 0]];
  if (factor.kind !== 'constant') return false;
  if (mean.op === 'div') return mean.operands[0] === sum && factor.value === terms;
  return mean.op === 'mul' && Math.abs(factor.value * terms - 1) < 1e-7;
}

/** Nodes of the second kernel: what it takes the distances of, and from what; and which reduction of the first is the sum of it. */
function squaredDistances(
  first: LoopNest,
  second: LoopNest,
): { readonly term: number; readonly centre: number; readonly sum: number } | null {
  const { nodes, reductions } = second;
  const [{ combiner, value }, ...others] = reductions;
  const square = nodes[value];
  if (others.length > 0 || combiner !== 'sum' || square.dtype !== 'f32') return null;
  if (square.kind !== 'apply' || square.op !== 'mul' || square.operands[0] !== square.operands[1])
    return null;
  const distance = nodes[square.operands[0]];
  if (distance.kind !== 'apply' || distance.op !== 'sub') return null;
  const varies = variesAlong(
    second,
    second.axes.map(({ kind }) => kind === 'reduced'),
  );
  const [term, centre] = varies[distance.operands[0]]
    ? distance.operands
    : distance.operands.toReversed();
  if (!varies[term] || varies[centre]) return null;
  const meets = nodes.map((node) => storedAt(first, node));
  if (meets.includes(null)) return null;
  // What the terms are made of was there before.
  const inTerm = neededNodes(second, [term]);
  if (nodes.some((_, k) => inTerm[k] && meets[k] !== undefined)) return null;
  const sum = first.reductions.findIndex(
    (one) => one.combiner === 'sum' && isSame(first, one.value, second, term),
  );
  return sum < 0 ? null : { term, centre, sum };
}

/** Whether nodes of two kernels over the same axes are the same expression. */
function isSame(first: LoopNest, a: number, second: LoopNest, b: number): boolean {
  const list = new NodeList();
  const copy = ({ nodes }: LoopNest, root: number) => {
    const needed = neededNodes({ nodes }, [root]);
    const image: number[] = [];
    nodes.forEach((node, k) => {
      image.push(needed[k] ? list.add(mapOperands(node, (operand) => image[operand])) : -1);
    });
    return image[root];
  };
  return copy(first, a) === copy(second, b);
}

/** A term at this part of every reduced axis, added to a list of nodes. */
function sampleOf(nest: LoopNest, term: number, part: number, list: NodeList): number {
  const places = nest.axes.map(({ extent, kind }) =>
    kind === 'reduced' ? Math.floor(extent * part) : null,
  );
  const fixed = ({ offset, coefficients }: Affine): Affine => ({
    offset: coefficients.reduce((sum, c, axis) => sum + c * (places[axis] ?? 0), offset),
    coefficients: coefficients.map((c, axis) => (places[axis] === null ? c : 0)),
  });
  const needed = neededNodes(nest, [term]);
  const image: number[] = [];
  nest.nodes.forEach((node, k) => {
    image.push(
      needed[k]
        ? list.add(
            mapAffines(
              mapOperands(node, (operand) => image[operand]),
              fixed,
            ),
          )
        : -1,
    );
  });
  return image[term];
}
