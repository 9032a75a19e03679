// Data of a run: the same in every process. Parameters are those that btc initialises, out of its safetensors file.

/** A generator of numbers in [0, 1) (Park, Miller 1988). */
export function uniform(seed) {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

const count = (shape) => shape.reduce((a, b) => a * b, 1);

/** Values of the inputs of a model: numbers in [-1, 1), or indices below `classes`. */
export function inputValues(inputs, seed = 1) {
  const next = uniform(seed);
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape, classes }]) => {
      const length = count(shape);
      const values =
        dtype === 'f32'
          ? Float32Array.from({ length }, () => 2 * next() - 1)
          : Int32Array.from({ length }, () => Math.floor(classes * next()));
      return [name, { values, shape, dtype, classes }];
    }),
  );
}

/** The f32 tensors of a safetensors file by name. */
export function readSafetensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes)));
  delete header.__metadata__;
  return Object.fromEntries(
    Object.entries(header)
      .filter(([, { dtype }]) => dtype === 'F32')
      .map(
        ([
          name,
          {
            shape,
            data_offsets: [from, to],
          },
        ]) => {
          const values = new Float32Array((to - from) / 4);
          new Uint8Array(values.buffer).set(
            bytes.subarray(8 + headerBytes + from, 8 + headerBytes + to),
          );
          return [name, { values, shape }];
        },
      ),
  );
}

/** A tensor with its axes in another order. */
export function permute({ values, shape }, order) {
  const strides = shape.map((_, axis) => count(shape.slice(axis + 1)));
  const turned = order.map((axis) => shape[axis]);
  const steps = order.map((axis) => strides[axis]);
  const out = new values.constructor(values.length);
  const at = turned.map(() => 0);
  let from = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = values[from];
    for (let axis = turned.length - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++at[axis] < turned[axis]) break;
      from -= steps[axis] * turned[axis];
      at[axis] = 0;
    }
  }
  return { values: out, shape: turned };
}

/** From this bench's layouts to those with channels first, and back. */
const CHANNELS_FIRST = { image: [0, 3, 1, 2], kernel: [3, 2, 0, 1] };
const CHANNELS_LAST = { image: [0, 2, 3, 1], kernel: [2, 3, 1, 0] };

export const channelsFirst = (tensor, layout) =>
  layout ? permute(tensor, CHANNELS_FIRST[layout]) : tensor;
export const channelsLast = (tensor, layout) =>
  layout ? permute(tensor, CHANNELS_LAST[layout]) : tensor;

/** What two systems compare of a result: its size, its sum of magnitudes, and values spread over it. */
export function fingerprint(values) {
  const samples = Math.min(values.length, 61);
  const at = (k) => values[Math.floor((k * (values.length - 1)) / Math.max(1, samples - 1))];
  let magnitude = 0;
  for (const value of values) magnitude += Math.abs(value);
  return [values.length, magnitude, ...Array.from({ length: samples }, (_, k) => at(k))];
}
