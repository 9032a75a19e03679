/** Deeper than any tensor's rank: deeper values are refused wherever they arrive. */
const DEEPEST = 16;
/** No array has so many elements that are there; going over the holes of a sparse one would take minutes. */
const LONGEST = 2 ** 27;

/**
 * `value` with copies of the arrays in it, in objects and arrays of arrays too: whatever the caller does to theirs later,
 * these stay. The buffers of typed arrays are theirs alone and are added to `buffers`; anything else stays as it is.
 */
export function ownCopy<T>(value: T, buffers: ArrayBuffer[] = [], depth = 0): T {
  if (ArrayBuffer.isView(value)) return copyOfView(value, buffers) as T;
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return value;
  const inner = (entry: unknown) => ownCopy(entry, buffers, depth + 1);
  if (Array.isArray(value) && value.length > LONGEST) return value;
  // Rows of numbers are most of what is given.
  if (Array.isArray(value))
    return (typeof value[0] === 'number' ? value.slice() : value.map(inner)) as T;
  if (Object.prototype.toString.call(value) !== '[object Object]') return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, inner(entry)])) as T;
}

/** By the name of its kind: what comes of a `Buffer` or of another realm is an array of this one. */
function copyOfView(view: ArrayBufferView, buffers: ArrayBuffer[]): ArrayBufferView {
  const bytes = new Uint8Array(view.byteLength);
  bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  buffers.push(bytes.buffer);
  const kind = Object.prototype.toString.call(view).slice('[object '.length, -1);
  const View = (globalThis as unknown as Record<string, new (b: ArrayBuffer) => ArrayBufferView>)[
    kind
  ];
  return new View(bytes.buffer);
}

/** The buffers of the typed arrays in a result of a session, where they hold nothing else. */
export function ownBuffers(result: unknown): ArrayBuffer[] {
  const values = [result, ...(typeof result === 'object' ? Object.values(result ?? {}) : [])];
  const buffers = values.flatMap((value) =>
    ArrayBuffer.isView(value) &&
    value.buffer instanceof ArrayBuffer &&
    value.byteLength === value.buffer.byteLength
      ? [value.buffer]
      : [],
  );
  return [...new Set(buffers)];
}
