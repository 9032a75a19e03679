import type { Affine, Bound, Expression } from './kernel.ts';

/** Applies `rewrite` to every affine of an expression. */
export function mapAffines(node: Expression, rewrite: (affine: Affine) => Affine): Expression {
  switch (node.kind) {
    case 'load':
      return { ...node, index: rewrite(node.index), bounds: mapBounds(node.bounds, rewrite) };
    case 'index':
      return { ...node, index: rewrite(node.index) };
    case 'inBounds':
      return { ...node, bounds: mapBounds(node.bounds, rewrite) };
    case 'random':
      return { ...node, counter: rewrite(node.counter) };
    case 'constant':
    case 'apply':
    case 'accumulator':
      return node;
  }
}

function mapBounds(bounds: readonly Bound[], rewrite: (affine: Affine) => Affine): Bound[] {
  return bounds.map((bound) => ({ index: rewrite(bound.index), extent: bound.extent }));
}

/** The affine functions of an expression itself, those of its bounds among them. */
export function affinesOf(node: Expression): Affine[] {
  switch (node.kind) {
    case 'load':
      return [node.index, ...node.bounds.map(({ index }) => index)];
    case 'inBounds':
      return node.bounds.map(({ index }) => index);
    case 'index':
      return [node.index];
    case 'random':
      return [node.counter];
    default:
      return [];
  }
}
