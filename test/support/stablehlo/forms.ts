import {
  parseAttribute,
  parseConvolutionDimensions,
  parseDense,
  parseDictionary,
  parseType,
  parseTypes,
} from './attributes.ts';
import type { Cursor } from './cursor.ts';
import type { Attributes, TensorType } from './syntax.ts';

// The pretty forms of ops, as `assemblyFormat` of the dialect has them. Each gives the attributes of the specification.

/** What stands behind the name of an op. */
export interface Form {
  readonly operands: readonly string[];
  readonly attributes: Attributes;
  readonly operandTypes: readonly TensorType[];
  readonly resultTypes: readonly TensorType[];
}

type Parse = (cursor: Cursor) => Form;

const dictionary = (cursor: Cursor): Attributes =>
  cursor.sees('{') ? parseDictionary(cursor) : {};

/** `(A, B) -> C`, behind a colon. */
function functionType(cursor: Cursor): Pick<Form, 'operandTypes' | 'resultTypes'> {
  cursor.expect(':');
  const operandTypes = cursor.list('(', ')', () => parseType(cursor));
  cursor.expect('->');
  return { operandTypes, resultTypes: parseTypes(cursor) };
}

/** `%a, %b : T`, or with a type of functions where types differ. */
const elementwise =
  (arity: number): Parse =>
  (cursor) => {
    const operands = cursor.many(() => cursor.value());
    if (operands.length !== arity) cursor.fail(`${arity} operands`);
    const attributes = dictionary(cursor);
    const { at } = cursor;
    cursor.expect(':');
    if (cursor.sees('(')) {
      cursor.at = at;
      return { operands, attributes, ...functionType(cursor) };
    }
    const type = parseType(cursor);
    return { operands, attributes, operandTypes: operands.map(() => type), resultTypes: [type] };
  };

/** `%a, name = [1, 0], … : (A) -> B`. */
const withFields =
  (arity: number | 'many', fields: Readonly<Record<string, string>>, isSame = false): Parse =>
  (cursor) => {
    const operands = [cursor.value()];
    const attributes: Record<string, Attributes[string]> = {};
    while (cursor.take(',')) {
      if (cursor.sees('%')) {
        operands.push(cursor.value());
        continue;
      }
      const short = cursor.need(/[a-z_]+/y, 'a field');
      const name = fields[short] ?? cursor.fail(`one of ${Object.keys(fields)}`);
      cursor.expect('=');
      attributes[name] = cursor.sees('[') ? cursor.integers() : cursor.integer();
    }
    if (arity !== 'many' && operands.length !== arity) cursor.fail(`${arity} operands`);
    const all = { ...attributes, ...dictionary(cursor) };
    if (!isSame) return { operands, attributes: all, ...functionType(cursor) };
    cursor.expect(':');
    const type = parseType(cursor);
    return { operands, attributes: all, operandTypes: [type], resultTypes: [type] };
  };

const constant: Parse = (cursor) => {
  const attributes = dictionary(cursor);
  const value = parseDense(cursor);
  return {
    ...{ operands: [], operandTypes: [], resultTypes: [value.type] },
    attributes: { ...attributes, value: { dense: value } },
  };
};

const iota: Parse = (cursor) => {
  cursor.expect('dim');
  cursor.expect('=');
  const iotaDimension = cursor.integer();
  const attributes = dictionary(cursor);
  cursor.expect(':');
  return {
    ...{ operands: [], operandTypes: [], resultTypes: [parseType(cursor)] },
    attributes: { ...attributes, iota_dimension: iotaDimension },
  };
};

const compare: Parse = (cursor) => {
  const direction = cursor.need(/EQ|NE|GE|GT|LE|LT/y, 'a direction');
  cursor.expect(',');
  const operands = [cursor.value()];
  cursor.expect(',');
  operands.push(cursor.value());
  const kind = cursor.take(',') ? cursor.need(/FLOAT|TOTALORDER|SIGNED|UNSIGNED/y, 'a type') : null;
  const attributes = { comparison_direction: direction, ...(kind ? { compare_type: kind } : {}) };
  return {
    operands,
    attributes: { ...attributes, ...dictionary(cursor) },
    ...functionType(cursor),
  };
};

const select: Parse = (cursor) => {
  const operands = cursor.many(() => cursor.value());
  const attributes = dictionary(cursor);
  const { at } = cursor;
  cursor.expect(':');
  if (cursor.sees('(')) {
    cursor.at = at;
    return { operands, attributes, ...functionType(cursor) };
  }
  const [condition, type] = cursor.many(() => parseType(cursor));
  return { operands, attributes, operandTypes: [condition, type, type], resultTypes: [type] };
};

/** `%a [0:4:2, 1:3] : (A) -> B`. */
const slice: Parse = (cursor) => {
  const operands = [cursor.value()];
  const ranges = cursor.list('[', ']', () => {
    const start = cursor.integer();
    cursor.expect(':');
    const limit = cursor.integer();
    return { start, limit, stride: cursor.take(':') ? cursor.integer() : 1 };
  });
  const attributes = {
    start_indices: ranges.map(({ start }) => start),
    limit_indices: ranges.map(({ limit }) => limit),
    strides: ranges.map(({ stride }) => stride),
  };
  return {
    operands,
    attributes: { ...attributes, ...dictionary(cursor) },
    ...functionType(cursor),
  };
};

const dotGeneral: Parse = (cursor) => {
  const operands = [cursor.value()];
  cursor.expect(',');
  operands.push(cursor.value());
  const numbers: Record<string, readonly number[]> = {
    ...{ lhs_batching_dimensions: [], rhs_batching_dimensions: [] },
  };
  const both = (name: string) => {
    cursor.expect('=');
    numbers[`lhs_${name}`] = cursor.integers();
    cursor.expect('x');
    numbers[`rhs_${name}`] = cursor.integers();
  };
  cursor.expect(',');
  if (cursor.take('batching_dims')) {
    both('batching_dimensions');
    cursor.expect(',');
  }
  cursor.expect('contracting_dims');
  both('contracting_dimensions');
  const attributes: Record<string, Attributes[string]> = {};
  if (cursor.take(',')) {
    cursor.expect('precision');
    cursor.expect('=');
    attributes.precision_config = cursor.list('[', ']', () =>
      cursor.need(/DEFAULT|HIGHEST|HIGH/y, 'a precision'),
    );
  }
  const dot_dimension_numbers = { record: numbers };
  const all = { ...attributes, dot_dimension_numbers, ...dictionary(cursor) };
  return { operands, attributes: all, ...functionType(cursor) };
};

const convolution: Parse = (cursor) => {
  const operands = cursor.list('(', ')', () => cursor.value());
  cursor.expect('dim_numbers');
  cursor.expect('=');
  const dimension_numbers = { dimensions: parseConvolutionDimensions(cursor) };
  cursor.expect(',');
  cursor.expect('window');
  cursor.expect('=');
  const window = cursor.list('{', '}', () => {
    const short = cursor.need(/[a-z_]+/y, 'a field of the window');
    cursor.expect('=');
    const name = WINDOW[short] ?? cursor.fail(`one of ${Object.keys(WINDOW)}`);
    return [name, parseAttribute(cursor)] as const;
  });
  const attributes = { dimension_numbers, ...Object.fromEntries(window), ...dictionary(cursor) };
  return { operands, attributes, ...functionType(cursor) };
};

const WINDOW: Readonly<Record<string, string>> = {
  ...{ stride: 'window_strides', pad: 'padding', lhs_dilate: 'lhs_dilation' },
  ...{ rhs_dilate: 'rhs_dilation', reverse: 'window_reversal' },
};

const one = elementwise(1);
const two = elementwise(2);

/** By op: its pretty form. */
export const FORMS: Readonly<Record<string, Parse>> = {
  ...{ abs: one, ceil: one, cosine: one, exponential: one, exponential_minus_one: one, floor: one },
  ...{ log: one, log_plus_one: one, logistic: one, negate: one, not: one, sign: one, sine: one },
  ...{ sqrt: one, tanh: one, convert: one, bitcast_convert: one, reshape: one, is_finite: one },
  ...{ add: two, and: two, divide: two, maximum: two, minimum: two, multiply: two, or: two },
  ...{ power: two, remainder: two, shift_left: two, shift_right_arithmetic: two },
  ...{ shift_right_logical: two, subtract: two, xor: two },
  ...{ constant, iota, compare, select, slice, dot_general: dotGeneral, convolution },
  transpose: withFields(1, { dims: 'permutation' }),
  reverse: withFields(1, { dims: 'dimensions' }, true),
  broadcast_in_dim: withFields(1, { dims: 'broadcast_dimensions' }),
  concatenate: withFields('many', { dim: 'dimension' }),
  pad: withFields(2, {
    ...{ low: 'edge_padding_low', high: 'edge_padding_high', interior: 'interior_padding' },
  }),
};
