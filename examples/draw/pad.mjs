import { PIXELS, SIDE } from '../pages/digits.mjs';

const INK = 22;

/** A canvas to draw on with a pen, a finger or a mouse; `drawn` is told after each stroke. */
export function createPad(canvas, drawn) {
  const context = canvas.getContext('2d', { willReadFrequently: true });
  let last = null;
  const clear = () => {
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
  };
  const placeOf = ({ clientX, clientY }) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [((clientX - left) * canvas.width) / width, ((clientY - top) * canvas.height) / height];
  };
  const lineTo = (place) => {
    Object.assign(context, {
      strokeStyle: '#111',
      lineWidth: INK,
      lineCap: 'round',
      lineJoin: 'round',
    });
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...place);
    context.stroke();
    last = place;
  };
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = placeOf(event);
    lineTo(last);
  };
  canvas.onpointermove = (event) => {
    if (last) lineTo(placeOf(event));
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (last) drawn();
    last = null;
  };
  clear();
  return { clear, image: () => imageOf(context, canvas.width) };
}

/** What is drawn as digits of the data are: 28x28, white on black, 20 pixels large, its centre of mass in the middle. Null for nothing. */
function imageOf(context, size) {
  const { data } = context.getImageData(0, 0, size, size);
  const ink = (x, y) => 1 - data[4 * (y * size + x)] / 255;
  let [left, right, top, bottom, sum, sumX, sumY] = [size, 0, size, 0, 0, 0, 0];
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const value = ink(x, y);
      if (value < 0.1) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      sum += value;
      sumX += value * x;
      sumY += value * y;
    }
  if (sum === 0) return null;
  const scale = 20 / Math.max(right - left + 1, bottom - top + 1, 20);
  const small = new OffscreenCanvas(SIDE, SIDE).getContext('2d');
  small.fillStyle = '#fff';
  small.fillRect(0, 0, SIDE, SIDE);
  small.imageSmoothingQuality = 'high';
  const at = (centre) => SIDE / 2 - scale * centre;
  small.drawImage(context.canvas, at(sumX / sum), at(sumY / sum), scale * size, scale * size);
  const pixels = small.getImageData(0, 0, SIDE, SIDE).data;
  return Float32Array.from({ length: PIXELS }, (_, k) => 1 - pixels[4 * k] / 255);
}
