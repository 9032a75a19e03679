import { elementCount, rowMajorStrides, type Shape, sameShape } from '../../../ir/tensor.ts';
import type { Builder, Element, Initialiser, Stored } from './builder.ts';

// Transpositions and broadcasts of a graph are views: they are written where an op needs them so, and not before. So what stands
// between two convolutions stays in the order of axes that runtimes like, and pairs of transpositions never come about.

/** A value of btc's graph over one that is stored: axis k of the stored one is axis `order[k]`, and has its extent or 1. */
export interface Arranged {
  readonly stored: Stored;
  readonly order: readonly number[];
  readonly shape: Shape;
}

/** A stored value as it is. */
export const plain = (stored: Stored): Arranged => ({
  stored,
  order: stored.shape.map((_, axis) => axis),
  shape: stored.shape,
});

const isIdentity = (order: readonly number[]) => order.every((axis, k) => axis === k);

/** Makes of arranged values what ops ask for; what was made once is not made again. */
export class Arranger {
  readonly builder: Builder;
  readonly #made = new Map<string, Stored>();
  /** By name of a reshaped value: what it was. */
  readonly #before = new Map<string, Stored>();

  constructor(builder: Builder) {
    this.builder = builder;
  }

  /** The stored value with axis k being axis `order[k]`; extents of broadcasts may still be 1. */
  ordered({ stored, order: own }: Arranged, order: readonly number[]): Stored {
    const permutation = order.map((axis) => own.indexOf(axis));
    return isIdentity(permutation) ? stored : this.transposed(stored, permutation);
  }

  /** The same with all extents. */
  whole(value: Arranged, order: readonly number[]): Stored {
    const stored = this.ordered(value, order);
    const shape = order.map((axis) => value.shape[axis]);
    if (sameShape(stored.shape, shape)) return stored;
    const sizes = this.builder.integers(shape);
    return this.#once(`expand ${stored.name} ${shape}`, () =>
      this.builder.node('Expand', [stored, sizes], { element: stored.element, shape }),
    );
  }

  /** All elements in row-major order. */
  flat(value: Arranged): Stored {
    return this.whole(
      value,
      value.shape.map((_, axis) => axis),
    );
  }

  transposed(stored: Stored, permutation: readonly number[]): Stored {
    if (isIdentity(permutation)) return stored;
    const shape = permutation.map((axis) => stored.shape[axis]);
    // Where the axes that are longer than 1 keep their order, no element moves.
    const long = permutation.filter((axis) => stored.shape[axis] !== 1);
    if (long.every((axis, k) => k === 0 || axis > long[k - 1])) return this.reshaped(stored, shape);
    return this.#once(`transpose ${stored.name} ${permutation}`, () => {
      const weight = this.builder.initialisers.get(stored.name);
      return weight
        ? this.#rewritten(weight, shape, permutationIndices(stored.shape, permutation))
        : this.builder.node(
            'Transpose',
            [stored],
            { element: stored.element, shape },
            { perm: permutation },
          );
    });
  }

  reshaped(given: Stored, shape: Shape): Stored {
    const stored = this.#before.get(given.name) ?? given;
    if (sameShape(stored.shape, shape)) return stored;
    const made = this.#once(`reshape ${stored.name} ${shape}`, () => {
      const weight = this.builder.initialisers.get(stored.name);
      if (weight) return this.#rewritten(weight, shape, null);
      const sizes = this.builder.integers(shape);
      return this.builder.node('Reshape', [stored, sizes], { element: stored.element, shape });
    });
    this.#before.set(made.name, stored);
    return made;
  }

  /** Without the axes of extent 1: as it is stored, but for those. */
  squeezed({ stored, order, shape }: Arranged): Arranged {
    const kept = shape.map((_, axis) => axis).filter((axis) => shape[axis] !== 1);
    const places = order.map((axis) => kept.indexOf(axis));
    const extents = stored.shape.filter((_, k) => places[k] >= 0);
    return {
      stored: this.reshaped(stored, extents),
      order: places.filter((place) => place >= 0),
      shape: kept.map((axis) => shape[axis]),
    };
  }

  /** The reverse: `shape` has the same axes in the same order, and some of extent 1, which are stored last. */
  unsqueezed({ stored, order }: Arranged, shape: Shape): Arranged {
    const all = shape.map((_, axis) => axis);
    const [kept, units] = [
      all.filter((axis) => shape[axis] !== 1),
      all.filter((axis) => shape[axis] === 1),
    ];
    return {
      stored: this.reshaped(stored, [...stored.shape, ...units.map(() => 1)]),
      order: [...order.map((place) => kept[place]), ...units],
      shape,
    };
  }

  /** Turned round along some axes. */
  reversed(stored: Stored, axes: readonly number[]): Stored {
    if (axes.length === 0) return stored;
    return this.#once(`reverse ${stored.name} ${axes}`, () => {
      const weight = this.builder.initialisers.get(stored.name);
      if (weight) return this.#rewritten(weight, stored.shape, reversalIndices(stored.shape, axes));
      const list = (value: number) => this.builder.integers(axes.map(() => value));
      const inputs = [stored, list(-1), list(-(2 ** 31)), this.builder.integers(axes), list(-1)];
      return this.builder.node('Slice', inputs, stored);
    });
  }

  convert(value: Arranged, element: Element): Arranged {
    if (value.stored.element === element) return value;
    const { shape } = value.stored;
    const stored = this.#once(`cast ${value.stored.name} ${element}`, () =>
      this.builder.node(
        'Cast',
        [value.stored],
        { element, shape },
        { to: ELEMENT_NUMBERS[element] },
      ),
    );
    return { ...value, stored };
  }

  /** A weight in another arrangement: it is written in that one alone. */
  #rewritten(
    weight: Initialiser,
    shape: Shape,
    from: ((index: number) => number) | null,
  ): Initialiser {
    const { element, data, name } = weight;
    return this.builder.initialiser(`${name}.arranged`, element, shape, () => {
      const values = data();
      if (!from) return values;
      return Float64Array.from({ length: elementCount(shape) }, (_, k) => values[from(k)]);
    });
  }

  #once(key: string, make: () => Stored): Stored {
    const made = this.#made.get(key) ?? make();
    this.#made.set(key, made);
    return made;
  }
}

/** The numbers that ONNX has for element types. */
export const ELEMENT_NUMBERS: Readonly<Record<Element, number>> = {
  ...{ float: 1, int32: 6, int64: 7, bool: 9, float16: 10, uint32: 12 },
};

/** By index of the result: the one of the operand. */
function permutationIndices(shape: Shape, permutation: readonly number[]) {
  const own = rowMajorStrides(shape);
  const strides = rowMajorStrides(permutation.map((axis) => shape[axis]));
  return (index: number) => {
    let sum = 0;
    let rest = index;
    for (let k = 0; k < permutation.length; k++) {
      const at = Math.floor(rest / strides[k]);
      rest -= at * strides[k];
      sum += at * own[permutation[k]];
    }
    return sum;
  };
}

function reversalIndices(shape: Shape, axes: readonly number[]) {
  const strides = rowMajorStrides(shape);
  return (index: number) => {
    let sum = 0;
    let rest = index;
    for (let axis = 0; axis < shape.length; axis++) {
      const at = Math.floor(rest / strides[axis]);
      rest -= at * strides[axis];
      sum += (axes.includes(axis) ? shape[axis] - 1 - at : at) * strides[axis];
    }
    return sum;
  };
}
