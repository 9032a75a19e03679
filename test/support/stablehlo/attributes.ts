import type { Cursor } from './cursor.ts';
import type { Attribute, Attributes, Dense, TensorType } from './syntax.ts';

/** A type of tensors with known extents. */
export function parseType(cursor: Cursor): TensorType {
  const text = cursor.need(/tensor<(?:\d+x)*[a-z][A-Za-z0-9]*>/y, 'a type of tensors');
  const parts = text.slice('tensor<'.length, -1).split('x');
  return { element: parts[parts.length - 1], shape: parts.slice(0, -1).map(Number) };
}

/** One type, or several in parentheses. */
export function parseTypes(cursor: Cursor): TensorType[] {
  return cursor.sees('(') ? cursor.list('(', ')', () => parseType(cursor)) : [parseType(cursor)];
}

/** `{name = attribute, …}`; without a value the attribute is true. */
export function parseDictionary(cursor: Cursor): Attributes {
  const fields = cursor.list('{', '}', () => {
    const name = cursor.sees('"') ? cursor.string() : cursor.need(/[A-Za-z_][\w$.]*/y, 'a name');
    return [name, cursor.take('=') ? parseAttribute(cursor) : true] as const;
  });
  const names = fields.map(([name]) => name);
  if (new Set(names).size !== names.length) cursor.fail('each attribute once');
  return Object.fromEntries(fields);
}

const NUMBER = /-?(?:0x[0-9A-Fa-f]+|\d+\.\d*(?:[eE][-+]?\d+)?|\d+)(?![\w.])/y;

export function parseAttribute(cursor: Cursor): Attribute {
  if (cursor.sees('"')) return cursor.string();
  if (cursor.sees('[')) return cursor.list('[', ']', () => parseAttribute(cursor));
  if (cursor.take('true')) return true;
  if (cursor.take('false')) return false;
  if (cursor.sees('dense<')) return { dense: parseDense(cursor) };
  if (cursor.sees('tensor<')) return { type: parseType(cursor) };
  if (cursor.sees('@')) return cursor.symbol();
  if (cursor.take('array')) return parseArray(cursor);
  if (cursor.take('#')) return parseDialect(cursor);
  const number = cursor.need(NUMBER, 'an attribute');
  if (cursor.take(':')) cursor.need(/[a-z]+\d+/y, 'the type of a number');
  return Number(number);
}

/** `array<i64: 1, 2>`. */
function parseArray(cursor: Cursor): readonly Attribute[] {
  cursor.expect('<');
  const type = cursor.need(/i(?:64|32|1)/y, 'i64, i32 or i1');
  const one = (): Attribute => (type === 'i1' ? parseAttribute(cursor) : cursor.integer());
  const parts = cursor.take(':') ? cursor.many(one) : [];
  cursor.expect('>');
  return parts;
}

/** `#stablehlo.gather<…>`, `#stablehlo<precision HIGHEST>`, `#stablehlo.conv<…>`, `#sdy.sharding<…>`. */
function parseDialect(cursor: Cursor): Attribute {
  const name = cursor.need(/[a-z_]+(?:\.[a-z_]+)?/y, 'the name of an attribute');
  if (name === 'sdy.sharding') return parseSharding(cursor);
  cursor.expect('<');
  if (name === 'stablehlo') {
    cursor.need(/[a-z_]+/y, 'an enumeration');
    const member = cursor.need(/[A-Za-z_]+/y, 'a member of the enumeration');
    cursor.expect('>');
    return member;
  }
  if (name === 'stablehlo.conv') {
    const dimensions = parseConvolutionDimensions(cursor);
    cursor.expect('>');
    return { dimensions };
  }
  const known: Readonly<Record<string, readonly string[]>> = RECORDS;
  const wanted = known[name] ?? cursor.fail('#stablehlo.gather, scatter, dot or conv');
  const fields: Record<string, Attribute> = {};
  while (!cursor.sees('>')) {
    const field = cursor.need(/[a-z_]+/y, 'a field');
    if (!wanted.includes(field) || field in fields) cursor.fail(`another of ${wanted}`);
    cursor.expect('=');
    fields[field] = parseAttribute(cursor);
    if (!cursor.take(',')) break;
  }
  cursor.expect('>');
  return { record: fields };
}

/** The fields of the records of the specification. */
const RECORDS = {
  'stablehlo.gather': [
    ...['offset_dims', 'collapsed_slice_dims', 'operand_batching_dims'],
    ...['start_indices_batching_dims', 'start_index_map', 'index_vector_dim'],
  ],
  'stablehlo.scatter': [
    ...['update_window_dims', 'inserted_window_dims', 'input_batching_dims'],
    ...['scatter_indices_batching_dims', 'scatter_dims_to_operand_dims', 'index_vector_dim'],
  ],
  'stablehlo.dot': [
    ...['lhs_batching_dimensions', 'rhs_batching_dimensions'],
    ...['lhs_contracting_dimensions', 'rhs_contracting_dimensions'],
  ],
} as const;

/** `[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]`. */
export function parseConvolutionDimensions(cursor: Cursor): readonly (readonly string[])[] {
  const one = () =>
    cursor.list('[', ']', () => cursor.need(/[bfio]|\d+/y, 'b, f, i, o or a number'));
  const lhs = one();
  cursor.expect('x');
  const rhs = one();
  cursor.expect('->');
  return [lhs, rhs, one()];
}

/** `<@mesh, [{"batch"}, {}]>`. */
function parseSharding(cursor: Cursor): Attribute {
  cursor.expect('<');
  const mesh = cursor.symbol();
  cursor.expect(',');
  const axes = cursor.list('[', ']', () => cursor.list('{', '}', () => cursor.string()));
  cursor.expect('>');
  return { record: { mesh, axes } };
}

/** `dense<…> : type`; the elements of floats must have a point, those of integers none. */
export function parseDense(cursor: Cursor): Dense {
  cursor.expect('dense<');
  const shape: number[] = [];
  const elements: { readonly text: string }[] = [];
  const read = (depth: number): void => {
    if (!cursor.sees('[')) {
      const text = cursor.match(/true(?!\w)|false(?!\w)/y) ?? cursor.need(NUMBER, 'an element');
      if (shape.length > depth && elements.length > 0) cursor.fail('a list of the same depth');
      elements.push({ text });
      return;
    }
    const parts = cursor.list('[', ']', () => read(depth + 1)).length;
    shape[depth] ??= parts;
    if (shape[depth] !== parts) cursor.fail('lists of one length');
  };
  const isEmpty = cursor.sees('>');
  if (!isEmpty) read(0);
  cursor.expect('>');
  cursor.expect(':');
  const type = parseType(cursor);
  const isSplat = shape.length === 0 && !isEmpty;
  if (!isSplat && !isEmpty && shape.join() !== type.shape.join()) cursor.fail(`shape ${shape}`);
  const count = type.shape.reduce((product, extent) => product * extent, 1);
  const numbers = elements.map(({ text }) => elementOf(cursor, text, type.element));
  return { type, elements: isSplat ? new Array<number>(count).fill(numbers[0]) : numbers };
}

const isFloat = (element: string) => /^b?f\d/.test(element);

function elementOf(cursor: Cursor, text: string, element: string): number {
  if (text === 'true' || text === 'false') {
    if (element !== 'i1') cursor.fail('an element of i1');
    return text === 'true' ? 1 : 0;
  }
  if (!isFloat(element)) {
    if (text.includes('.')) cursor.fail('integers');
    return Number(text);
  }
  if (text.startsWith('0x')) return floatOf(BigInt(text), element);
  if (!text.includes('.')) cursor.fail('floats with a point');
  return Number(text);
}

/** The float whose bits are given. */
function floatOf(bits: bigint, element: string): number {
  const view = new DataView(new ArrayBuffer(8));
  if (element === 'f32') {
    view.setUint32(0, Number(bits));
    return view.getFloat32(0);
  }
  if (element !== 'f64') throw new Error(`bits of ${element}`);
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}
