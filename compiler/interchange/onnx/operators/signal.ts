import type { Tensor } from '../../../frontend/tensor.ts';
import { elementType } from '../element-types.ts';
import type { OnnxNode } from '../node.ts';
import { constant } from '../tensor-data.ts';
import { rangeOf } from './layout.ts';
import { type OperatorTable, row } from './row.ts';

/** Σ of cosines over a size that is known. */
const cosineWindow = (coefficients: readonly number[]) =>
  row((n) => {
    const size = n.numbers(0, 'its size')[0];
    const type = elementType(n.attributes.int('output_datatype', 1));
    if (typeof type === 'string') return n.refuse(`it is of type ${type}`);
    const span = n.attributes.int('periodic', 1) !== 0 ? size : size - 1;
    return constant(type, [size], () =>
      rangeOf(size).map((k) =>
        coefficients.reduce(
          (sum, a, j) => sum + (j % 2 === 0 ? a : -a) * Math.cos((2 * Math.PI * k * j) / span),
          0,
        ),
      ),
    );
  }, 'a size that is known');

/** [size, frequencies] of cosines and sines, as constants. */
function waves(n: OnnxNode, size: number, count: number, length: number): readonly Tensor[] {
  const of = (wave: (angle: number) => number) =>
    n.f.constant(
      rangeOf(size * count).map((k) =>
        wave((2 * Math.PI * ((Math.floor(k / count) * (k % count)) % length)) / length),
      ),
      [size, count],
    );
  return [of(Math.cos), of(Math.sin)];
}

/** A discrete Fourier transform along an axis of [.., parts], by its matrix. */
function dft(n: OnnxNode) {
  const { f, attributes } = n;
  const x = n.tensor(0);
  const axis = n.axis(
    n.opset >= 20 ? (n.has(2) ? n.numbers(2, 'the axis')[0] : -2) : attributes.int('axis', 1),
    x.rank,
  );
  const length = n.has(1) ? n.numbers(1, 'its length')[0] : x.shape[axis];
  const isInverse = attributes.int('inverse', 0) !== 0;
  const isOneSided = attributes.int('onesided', 0) !== 0;
  const last = x.rank - 1;
  const size = Math.min(length, x.shape[axis]);
  const cut = size < x.shape[axis] ? f.slice(x, axis, 0, size) : x;
  const count = isOneSided ? Math.floor(length / 2) + 1 : length;
  const [cosines, sines] = waves(n, size, count, length);
  const letters = [...'abcdefghij'].slice(0, last);
  const from = letters.join('');
  const to = letters.with(axis, 'z').join('');
  const times = (y: Tensor, matrix: Tensor) =>
    f.einsum(`${from},${letters[axis]}z->${to}`, y, matrix);
  const part = (k: number) => f.squeeze(f.slice(cut, last, k, k + 1), last);
  const real = part(0);
  // e^∓iωt is cos ∓ i·sin.
  const turn = (y: Tensor) => (isInverse ? y : f.neg(y));
  const realOnly = [times(real, cosines), turn(times(real, sines))];
  const both = () => {
    const imaginary = part(1);
    return [
      f.sub(realOnly[0], turn(times(imaginary, sines))),
      f.add(realOnly[1], times(imaginary, cosines)),
    ];
  };
  const parts = x.shape[last] === 1 ? realOnly : both();
  const all = f.stack(parts, last);
  return n.result(isInverse ? f.mul(all, 1 / length) : all);
}

function stft(n: OnnxNode) {
  const { f, attributes } = n;
  const signal = n.tensor(0);
  const step = n.numbers(1, 'the step of its frames')[0];
  const size = n.has(3) ? n.numbers(3, 'the length of its frames')[0] : n.shape(2)[0];
  const flat = signal.rank === 3 ? f.squeeze(f.slice(signal, 2, 0, 1), 2) : signal;
  if (signal.rank === 3 && signal.shape[2] !== 1)
    return n.refuse('its signal is complex', 'real signals are taken');
  const frames = Math.floor((flat.shape[1] - size) / step) + 1;
  const parts = rangeOf(frames).map((k) => f.slice(flat, 1, k * step, k * step + size));
  const framed = f.stack(parts, 1);
  const windowed = n.has(2) ? f.mul(framed, n.tensor(2)) : framed;
  const count = attributes.int('onesided', 1) !== 0 ? Math.floor(size / 2) + 1 : size;
  const [cosines, sines] = waves(n, size, count, size);
  const real = f.matmul(windowed, cosines);
  return n.result(f.stack([real, f.neg(f.matmul(windowed, sines))], 3));
}

/** Triangles over the frequencies, on the scale of mel. */
function melWeights(n: OnnxNode) {
  const [bins, length, rate, low, high] = rangeOf(5).map(
    (k) => n.numbers(k, 'the shape of the matrix')[0],
  );
  const type = elementType(n.attributes.int('output_datatype', 1));
  if (typeof type === 'string') return n.refuse(`it is of type ${type}`);
  const lines = Math.floor(length / 2) + 1;
  const toMel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700);
  const toHertz = (mel: number) => 700 * (10 ** (mel / 2595) - 1);
  const [from, to] = [toMel(low), toMel(high)];
  const step = (to - from) / (bins + 2);
  const edges = rangeOf(bins + 2).map((k) =>
    Math.floor(((length + 1) * toHertz(from + k * step)) / rate),
  );
  const at = (line: number, bin: number): number => {
    const [lower, centre, upper] = [edges[bin], edges[bin + 1], edges[bin + 2]];
    if (line === centre && lower === centre) return 1;
    if (line >= lower && line <= centre && centre > lower) return (line - lower) / (centre - lower);
    return line >= centre && line < upper && upper > centre ? (upper - line) / (upper - centre) : 0;
  };
  return constant(type, [lines, bins], () =>
    rangeOf(lines * bins).map((k) => at(Math.floor(k / bins), k % bins)),
  );
}

export const SIGNAL: OperatorTable = {
  BlackmanWindow: cosineWindow([0.42, 0.5, 0.08]),
  DFT: row(dft),
  HammingWindow: cosineWindow([25 / 46, 21 / 46]),
  HannWindow: cosineWindow([0.5, 0.5]),
  MelWeightMatrix: row(melWeights, 'inputs that are known'),
  STFT: row(stft, 'real signals'),
};
