import { halfValue } from '../../../ir/half.ts';
import { type ElementType, elementType } from './element-types.ts';
import { OnnxError, shown } from './refusal.ts';
import { type TensorProto, TensorProto_DataLocation } from './schema/onnx_pb.ts';
import type { Constant } from './values.ts';

/** Bytes of a file beside the model, by the location that the model states. */
export type ExternalData = (location: string) => Uint8Array;

/**
 * A tensor of the file. Its values are decoded when they are first asked for; what the file says of them is checked before.
 * Errors: BTC5103 for what is not a tensor, BTC5104 for an element type that btc has not, BTC5105 for external data.
 */
export function readTensor(
  proto: TensorProto,
  external: ExternalData | null,
  name = proto.name,
): Constant {
  const type = elementType(proto.dataType);
  if (typeof type === 'string')
    throw new OnnxError(5104, { what: `tensor '${shown(name)}'`, type });
  const refuse = (reason: string): never => {
    throw new OnnxError(5103, { name: shown(name), reason });
  };
  const shape = proto.dims.map(Number);
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (shape.some((extent) => !(Number.isSafeInteger(extent) && extent >= 0)))
    return refuse(`its shape [${shape}] is none`);
  if (!Number.isSafeInteger(count)) return refuse(`[${shape}] are more elements than can be`);
  const source = elementsOf(proto, type, count, external, name, refuse);
  return constant(type, shape, source);
}

/** A constant with values that are made when they are first asked for. */
export function constant(
  type: ElementType,
  shape: readonly number[],
  values: () => ArrayLike<number>,
): Constant {
  let made: ArrayLike<number> | null = null;
  return {
    ...{ kind: 'constant', type, shape, weight: null },
    get values() {
      made ??= values();
      return made;
    },
  };
}

function elementsOf(
  proto: TensorProto,
  type: ElementType,
  count: number,
  external: ExternalData | null,
  name: string,
  refuse: (reason: string) => never,
): () => ArrayLike<number> {
  const packed = packedData(proto, type);
  const isExternal = proto.dataLocation === TensorProto_DataLocation.EXTERNAL;
  if (!isExternal && proto.rawData.length === 0 && (packed.length > 0 || count === 0)) {
    if (packed.length !== count)
      return refuse(`it has ${packed.length} values where its shape has ${count} elements`);
    return () => unpack(packed, type);
  }
  const bytes = isExternal ? externalBytes(proto, external, name) : proto.rawData;
  if (bytes.length !== count * (type.bits / 8))
    return refuse(`it has ${bytes.length} bytes where its shape asks for ${count} elements`);
  return () => decode(bytes, type, count);
}

function packedData(proto: TensorProto, type: ElementType): readonly (number | bigint)[] {
  if (type.name === 'float') return proto.floatData;
  if (type.name === 'double') return proto.doubleData;
  if (type.name === 'int64') return proto.int64Data;
  return type.bits >= 32 && type.kind === 'unsigned' ? proto.uint64Data : proto.int32Data;
}

/** Halves are packed as their bits. */
function unpack(packed: readonly (number | bigint)[], type: ElementType): Float64Array {
  const numbers = Float64Array.from(packed, Number);
  const half = HALVES[type.name];
  return half ? numbers.map(half) : numbers;
}

const bits = new DataView(new ArrayBuffer(4));

function brainToFloat(brain: number): number {
  bits.setUint32(0, (brain & 0xffff) << 16);
  return bits.getFloat32(0);
}

const HALVES: Readonly<Record<string, (bits: number) => number>> = {
  float16: halfValue,
  bfloat16: brainToFloat,
};

type Read = (view: DataView, offset: number) => number;
const READERS: Readonly<Record<string, Read>> = {
  float: (view, at) => view.getFloat32(at, true),
  double: (view, at) => view.getFloat64(at, true),
  float16: (view, at) => halfValue(view.getUint16(at, true)),
  bfloat16: (view, at) => brainToFloat(view.getUint16(at, true)),
  int8: (view, at) => view.getInt8(at),
  uint8: (view, at) => view.getUint8(at),
  bool: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
  int16: (view, at) => view.getInt16(at, true),
  uint16: (view, at) => view.getUint16(at, true),
  int32: (view, at) => view.getInt32(at, true),
  uint32: (view, at) => view.getUint32(at, true),
  int64: (view, at) => Number(view.getBigInt64(at, true)),
  uint64: (view, at) => Number(view.getBigUint64(at, true)),
};

/** Elements of a type out of little-endian bytes, as numbers; integers of 64 bits beyond 2^53 are rounded. */
export function decode(bytes: Uint8Array, type: ElementType, count: number): ArrayLike<number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = READERS[type.name];
  const values = type.name === 'float' ? new Float32Array(count) : new Float64Array(count);
  for (let k = 0; k < count; k++) values[k] = read(view, (k * type.bits) / 8);
  return values;
}

function externalBytes(
  proto: TensorProto,
  external: ExternalData | null,
  name: string,
): Uint8Array {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const refuse = (reason: string): never => {
    throw new OnnxError(5105, { name: shown(name), reason });
  };
  const location = entries.get('location');
  if (!location) return refuse('it names no file');
  // The whole of the rule, whoever reads the files: nothing outside of the model's folder.
  const parts = location.split(/[\\/]/);
  if (/^([\\/]|[A-Za-z]:)/.test(location) || parts.includes('..') || location.includes('\0'))
    return refuse(`'${shown(location)}' is outside of the model's folder`);
  if (!external) return refuse(`its data is in '${shown(location)}', which was not given`);
  const file = external(location);
  const number = (key: string, fallback: number) => {
    const text = entries.get(key);
    const value = text === undefined ? fallback : Number(text);
    return Number.isSafeInteger(value) && value >= 0 ? value : refuse(`its ${key} is '${text}'`);
  };
  const offset = number('offset', 0);
  const length = number('length', Math.max(0, file.length - offset));
  if (offset + length > file.length)
    return refuse(
      `bytes ${offset} to ${offset + length} are asked of '${shown(location)}', which has ${file.length}`,
    );
  return file.subarray(offset, offset + length);
}
