import { elementCount, type Shape, sameShape } from '../../../ir/tensor.ts';
import { type Element, numberText, typeText, type ValueType } from './types.ts';

/** A value of the text: its name and type. */
export interface Value {
  readonly name: string;
  readonly type: ValueType;
}

/** A private function of a module that several places call. */
export interface Helper {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly result: ValueType;
  readonly write: (body: Body, parameters: readonly Value[]) => Value;
}

/**
 * The ops of one function. Each op has one result, whose name is the next number; constants are written once.
 */
export class Body {
  readonly lines: string[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #helpers: Map<string, Helper>;
  #count = 0;

  /** `helpers` collects the functions that ops of this body call. */
  constructor(helpers: Map<string, Helper>) {
    this.#helpers = helpers;
  }

  /** Appends an op; `text` is what stands right of the equals sign. */
  op(text: string, type: ValueType): Value {
    const name = `%${this.#count++}`;
    this.lines.push(`${name} = ${text}`);
    return { name, type };
  }

  /** An op whose operands have the type of the result: `add %0, %1 : tensor<f32>`. */
  same(op: string, operands: readonly Value[]): Value {
    const [{ type }] = operands;
    return this.op(`stablehlo.${op} ${names(operands)} : ${typeText(type)}`, type);
  }

  /** An op with attributes as the pretty form has them: `transpose %0, dims = [1, 0] : (A) -> B`. */
  pretty(op: string, operands: readonly Value[], attributes: string, type: ValueType): Value {
    const rest = attributes === '' ? '' : `, ${attributes}`;
    return this.op(
      `stablehlo.${op} ${names(operands)}${rest} : ${signature(operands, type)}`,
      type,
    );
  }

  /** One number at every element. */
  constant(value: number, element: Element, shape: Shape = []): Value {
    const type = { element, shape };
    const text = `stablehlo.constant dense<${numberText(value, element)}> : ${typeText(type)}`;
    let made = this.#constants.get(text);
    if (!made) {
      made = this.op(text, type);
      this.#constants.set(text, made);
    }
    return made;
  }

  /** A constant of the type of another value. */
  like({ type }: Value, value: number): Value {
    return this.constant(value, type.element, type.shape);
  }

  call(helper: Helper, operands: readonly Value[]): Value {
    this.#helpers.set(helper.name, helper);
    const type = signature(operands, helper.result);
    return this.op(`func.call @${helper.name}(${names(operands)}) : ${type}`, helper.result);
  }

  convert(value: Value, element: Element): Value {
    const type = { element, shape: value.type.shape };
    return this.pretty('convert', [value], '', type);
  }

  bitcast(value: Value, element: Element): Value {
    return this.pretty('bitcast_convert', [value], '', { element, shape: value.type.shape });
  }

  reshape(value: Value, shape: Shape): Value {
    if (sameShape(shape, value.type.shape)) return value;
    return this.pretty('reshape', [value], '', { element: value.type.element, shape });
  }

  /** Axis k of the result is axis `permutation[k]` of the operand. */
  transpose(value: Value, permutation: readonly number[]): Value {
    if (permutation.every((axis, k) => axis === k)) return value;
    const shape = permutation.map((axis) => value.type.shape[axis]);
    const type = { element: value.type.element, shape };
    return this.pretty('transpose', [value], `dims = [${permutation.join(', ')}]`, type);
  }

  /** Axis k of the operand becomes axis `axes[k]`. */
  broadcast(value: Value, shape: Shape, axes: readonly number[]): Value {
    if (sameShape(shape, value.type.shape)) return value;
    const type = { element: value.type.element, shape };
    return this.pretty('broadcast_in_dim', [value], `dims = [${axes.join(', ')}]`, type);
  }

  /** Elements `starts` to before `limits`, each `strides`th. */
  slice(
    value: Value,
    starts: readonly number[],
    limits: readonly number[],
    strides: readonly number[],
  ): Value {
    const { element, shape } = value.type;
    const isWhole = shape.every(
      (extent, axis) => starts[axis] === 0 && limits[axis] === extent && strides[axis] === 1,
    );
    if (isWhole) return value;
    const ranges = shape.map((_, axis) => {
      const stride = strides[axis] === 1 ? '' : `:${strides[axis]}`;
      return `${starts[axis]}:${limits[axis]}${stride}`;
    });
    const sliced = {
      element,
      shape: shape.map((_, axis) => Math.ceil((limits[axis] - starts[axis]) / strides[axis])),
    };
    return this.op(
      `stablehlo.slice ${value.name} [${ranges.join(', ')}] : ${signature([value], sliced)}`,
      sliced,
    );
  }

  /** Elements outside are `filling`; a negative edge cuts off. `interior` elements stand between two. */
  pad(
    value: Value,
    filling: Value,
    low: readonly number[],
    high: readonly number[],
    interior: readonly number[] = low.map(() => 0),
  ): Value {
    if ([...low, ...high, ...interior].every((count) => count === 0)) return value;
    const { element, shape } = value.type;
    const padded = shape.map(
      (extent, axis) => low[axis] + extent + (extent - 1) * interior[axis] + high[axis],
    );
    const counts = `low = [${low.join(', ')}], high = [${high.join(', ')}], interior = [${interior.join(', ')}]`;
    return this.pretty('pad', [value, filling], counts, { element, shape: padded });
  }

  /** Predicates, from a comparison of numbers. */
  compare(direction: string, a: Value, b: Value): Value {
    const kind = COMPARISONS[a.type.element];
    const type: ValueType = { element: 'i1', shape: a.type.shape };
    return this.op(
      `stablehlo.compare ${direction}, ${names([a, b])}, ${kind} : ${signature([a, b], type)}`,
      type,
    );
  }

  select(condition: Value, a: Value, b: Value): Value {
    const types = `${typeText(condition.type)}, ${typeText(a.type)}`;
    return this.op(`stablehlo.select ${names([condition, a, b])} : ${types}`, a.type);
  }

  /** Elements along `axes` in one, from `initial` on. */
  reduce(op: string, value: Value, initial: Value, axes: readonly number[]): Value {
    const shape = value.type.shape.filter((_, axis) => !axes.includes(axis));
    const type = { element: value.type.element, shape };
    return this.op(
      `stablehlo.reduce(${value.name} init: ${initial.name}) applies stablehlo.${op} across dimensions = [${axes.join(', ')}] : ${signature([value, initial], type)}`,
      type,
    );
  }

  concatenate(parts: readonly Value[], axis: number): Value {
    if (parts.length === 1) return parts[0];
    const [{ type }] = parts;
    const extent = parts.reduce((sum, part) => sum + part.type.shape[axis], 0);
    const shape = type.shape.map((one, k) => (k === axis ? extent : one));
    return this.pretty('concatenate', parts, `dim = ${axis}`, { element: type.element, shape });
  }

  /** Turned round along `axes`. */
  reverse(value: Value, axes: readonly number[]): Value {
    if (axes.length === 0) return value;
    const text = `stablehlo.reverse ${value.name}, dims = [${axes.join(', ')}]`;
    return this.op(`${text} : ${typeText(value.type)}`, value.type);
  }

  /** An op in its generic form. */
  generic(op: string, operands: readonly Value[], attributes: string, type: ValueType): Value {
    const text = `"stablehlo.${op}"(${names(operands)}) ${attributes}`;
    return this.op(`${text} : ${signature(operands, type)}`, type);
  }

  /** An op in its generic form with a region, whose lines are given. */
  region(
    op: string,
    operands: readonly Value[],
    lines: readonly string[],
    attributes: string,
    type: ValueType,
  ): Value {
    const text = `"stablehlo.${op}"(${names(operands)}) ({\n${lines.join('\n')}\n}) ${attributes}`;
    return this.op(`${text} : ${signature(operands, type)}`, type);
  }

  /** The number of each element in row-major order. */
  counts(element: Element, shape: Shape): Value {
    return this.reshape(this.iota(element, [elementCount(shape)], 0), shape);
  }

  /** The index along an axis. */
  iota(element: Element, shape: Shape, axis: number): Value {
    const type = { element, shape };
    return this.op(`stablehlo.iota dim = ${axis} : ${typeText(type)}`, type);
  }
}

const COMPARISONS: Readonly<Record<Element, string>> = {
  ...{ f32: 'FLOAT', f16: 'FLOAT', i32: 'SIGNED', ui32: 'UNSIGNED', i1: 'UNSIGNED' },
};

/** `%0, %1`. */
export const names = (values: readonly Value[]): string =>
  values.map(({ name }) => name).join(', ');

/** `(tensor<f32>, tensor<f32>) -> tensor<f32>`. */
export const signature = (operands: readonly Value[], result: ValueType): string =>
  `(${operands.map(({ type }) => typeText(type)).join(', ')}) -> ${typeText(result)}`;

/** A region that joins two elements by an op, for the ops that have one in parentheses. */
export function joining(op: string, element: Element): readonly string[] {
  const scalar = typeText({ element, shape: [] });
  return [
    `  ^bb0(%left: ${scalar}, %right: ${scalar}):`,
    `    %joined = stablehlo.${op} %left, %right : ${scalar}`,
    `    stablehlo.return %joined : ${scalar}`,
  ];
}
