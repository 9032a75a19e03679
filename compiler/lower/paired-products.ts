import { type Affine, pointCount, sameAffine } from '../../ir/kernel.ts';
import { combineAffines } from './affine.ts';
import { type AddressLink, align } from './fuse.ts';
import { isMatrixProduct, type LoopNest, macsOf, originsOf } from './loop-nest.ts';
import { joinBodies, keepsKinds } from './sibling-reductions.ts';

// Products of two wide intermediates, of equal points and terms, in one kernel: the gradients of attention's keys and of its values both go over
// the queries, and need the same scores.

/**
 * Two products over the same points and terms as one kernel that stores what both do; null where they are none. What tells that they are the same
 * are their results, which lie alike, and the wide intermediates that they read.
 */
export function joinProducts(
  first: LoopNest,
  second: LoopNest,
  isWide: (tensor: number) => boolean,
): LoopNest | null {
  if (first.staging || second.staging) return null;
  if (!isMatrixProduct(first) || !isMatrixProduct(second)) return null;
  if (first.stores.length !== 1 || second.stores.length !== 1) return null;
  const isAlike = (['parallel', 'reduced'] as const).every(
    (kind) => pointCount(first, kind) === pointCount(second, kind),
  );
  if (!isAlike) return null;
  const wideLoad = (nest: LoopNest): Affine | null => {
    for (const node of nest.nodes)
      if (node.kind === 'load' && isWide(node.buffer))
        return node.bounds.length === 0 && !node.indirect ? node.index : null;
    return null;
  };
  /** The address of a result, and the index of a term in the intermediate beyond all of these. */
  const addressOf = (nest: LoopNest): Affine | null => {
    const load = wideLoad(nest);
    const [{ index, indirect }] = nest.stores;
    if (!load || indirect) return null;
    const terms: Affine = {
      offset: 0,
      coefficients: load.coefficients.map((c, axis) =>
        nest.axes[axis].kind === 'reduced' ? c : 0,
      ),
    };
    const reach = index.coefficients.reduce(
      (sum, c, axis) => sum + Math.abs(c) * (nest.axes[axis].extent - 1),
      1,
    );
    const both = combineAffines([index, terms], [1, reach], nest.axes.length);
    return { ...both, offset: 0 };
  };
  const linkOf = (a: LoopNest, b: LoopNest): AddressLink | null => {
    const [from, to] = [addressOf(a), addressOf(b)];
    return from && to && { from, to };
  };
  const aligned = align(first, second, linkOf, ['parallel', 'reduced']);
  if (!aligned || !keepsKinds(...aligned)) return null;
  const [a, b] = aligned.map(wideLoad);
  if (!a || !b || !sameAffine(a, b)) return null;
  const body = joinBodies(...aligned);
  return (
    body && {
      ...{ axes: aligned[0].axes, ...body },
      ops: [...first.ops, ...second.ops],
      origins: originsOf(first, second),
      ...macsOf(first, second),
    }
  );
}
