import type { LoopNest } from './loop-nest.ts';
import { type NestShape, type NestWork, nestOf, type ShapedNest, shapeOf } from './nest-shape.ts';

/** What two shapes make together, over the tensors that they name in this way. */
interface Join<Options> {
  /** Numbers of the second one's tensors among those of both; the first one's come first. */
  readonly numbers: readonly number[];
  readonly options: Options;
  /** Null for no kernel. */
  readonly made: ShapedNest | null;
}

/**
 * `join`, which must not look at ops, origins or what tensors there are, called once per pair of shapes, for tensors that both name alike
 * and for the same options; `workOf` says what is special to a kernel that was made.
 */
export function joinedPerShape<Options>(
  join: (first: LoopNest, second: LoopNest, options: Options) => LoopNest | null,
  sameOptions: (a: Options, b: Options) => boolean,
): (
  first: LoopNest,
  second: LoopNest,
  options: Options,
  workOf: () => NestWork,
) => LoopNest | null {
  const joins = new WeakMap<NestShape, WeakMap<NestShape, Join<Options>[]>>();
  const joinsOf = (first: NestShape, second: NestShape) => {
    let bySecond = joins.get(first);
    if (!bySecond) {
      bySecond = new WeakMap();
      joins.set(first, bySecond);
    }
    let list = bySecond.get(second);
    if (!list) {
      list = [];
      bySecond.set(second, list);
    }
    return list;
  };
  return (producer, consumer, options, workOf) => {
    const [first, second] = [shapeOf(producer), shapeOf(consumer)];
    const tensors = [...first.tensors];
    const numbers = second.tensors.map((tensor) => {
      const known = first.tensors.indexOf(tensor);
      return known >= 0 ? known : tensors.push(tensor) - 1;
    });
    const known = joinsOf(first.shape, second.shape);
    let found = known.find(
      (one) =>
        one.numbers.every((number, k) => number === numbers[k]) &&
        sameOptions(one.options, options),
    );
    if (!found) {
      const other = nestOf({ shape: second.shape, tensors: numbers });
      const joined = join(first.shape.nest, other, options);
      found = { numbers, options, made: joined && shapeOf(joined) };
      known.push(found);
    }
    const { made } = found;
    return (
      made &&
      nestOf(
        { shape: made.shape, tensors: made.tensors.map((number) => tensors[number]) },
        workOf(),
      )
    );
  };
}
