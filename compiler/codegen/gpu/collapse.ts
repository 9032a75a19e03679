import type { Affine, Axis, Bound, Expression, Kernel, Store } from '../../../ir/kernel.ts';

// Fewer axes mean fewer divisions to recover indices. Two neighbouring axes of one kind with extents (m, n) become one
// of extent m·n where every affine function has c_m = c_n · n, for then c_m·i + c_n·j = c_n·(i·n + j).

/** The same kernel with axes of extent 1 dropped and neighbouring axes merged where all its indices allow. */
export function collapseAxes(kernel: Kernel): Kernel {
  const affines = affinesOf(kernel);
  const axes: Axis[] = [];
  /** The original axes whose coefficients the new axes take: the innermost of each merged group. */
  const innermost: number[] = [];
  kernel.axes.forEach((axis, a) => {
    if (axis.extent === 1) return;
    const before = axes.length - 1;
    const merges =
      before >= 0 &&
      axes[before].kind === axis.kind &&
      affines.every(
        ({ coefficients }) => coefficients[innermost[before]] === coefficients[a] * axis.extent,
      );
    if (merges) {
      axes[before] = { kind: axis.kind, extent: axes[before].extent * axis.extent };
      innermost[before] = a;
    } else {
      axes.push(axis);
      innermost.push(a);
    }
  });
  if (axes.length === kernel.axes.length) return kernel;
  const affine = ({ offset, coefficients }: Affine): Affine => ({
    offset,
    coefficients: innermost.map((a) => coefficients[a]),
  });
  return mapAffines({ ...kernel, axes }, affine);
}

function affinesOf(kernel: Kernel): Affine[] {
  const affines: Affine[] = [];
  mapAffines(kernel, (affine) => {
    affines.push(affine);
    return affine;
  });
  return affines;
}

function mapAffines(kernel: Kernel, change: (affine: Affine) => Affine): Kernel {
  const bound = ({ index, extent }: Bound): Bound => ({ index: change(index), extent });
  const node = (expression: Expression): Expression => {
    switch (expression.kind) {
      case 'load':
        return {
          ...expression,
          index: change(expression.index),
          bounds: expression.bounds.map(bound),
        };
      case 'index':
        return { ...expression, index: change(expression.index) };
      case 'inBounds':
        return { ...expression, bounds: expression.bounds.map(bound) };
      case 'random':
        return { ...expression, counter: change(expression.counter) };
      default:
        return expression;
    }
  };
  const store = (one: Store): Store => ({ ...one, index: change(one.index) });
  return { ...kernel, nodes: kernel.nodes.map(node), stores: kernel.stores.map(store) };
}
