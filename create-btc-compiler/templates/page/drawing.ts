/** Colours of the three spirals, as red, green and blue. */
const COLOURS = [
  [0, 114, 178],
  [230, 159, 0],
  [0, 158, 115],
] as const;

/** Squares of the plane along one side; the plane goes from -1.1 to 1.1. */
export const SIDE = 32;
const REACH = 1.1;

/** The middle of each square, row by row: [SIDE * SIDE, 2]. */
export function squares(): Float32Array {
  const at = (k: number) => REACH * ((2 * (k + 0.5)) / SIDE - 1);
  return Float32Array.from({ length: 2 * SIDE * SIDE }, (_, k) => {
    const square = k >> 1;
    return k % 2 === 0 ? at(square % SIDE) : at(Math.floor(square / SIDE));
  });
}

/** Draws what the network thinks of each square, from its logits [SIDE * SIDE, 3], and the points over it. */
export function drawPlane(
  canvas: HTMLCanvasElement,
  logits: Float32Array,
  { point, label }: { point: Float32Array; label: Int32Array },
): void {
  const context = canvas.getContext('2d')!;
  const size = canvas.width / SIDE;
  for (let k = 0; k < SIDE * SIDE; k++) {
    const shares = softmax(logits.subarray(3 * k, 3 * k + 3));
    const mixed = [0, 1, 2].map((part) =>
      Math.round(shares.reduce((sum, share, arm) => sum + share * COLOURS[arm][part], 0)),
    );
    context.fillStyle = `rgb(${mixed.join(' ')} / 55%)`;
    const [x, y] = [(k % SIDE) * size, Math.floor(k / SIDE) * size];
    context.clearRect(x, y, size, size);
    context.fillRect(x, y, size, size);
  }
  for (let k = 0; k < label.length; k++) {
    const [x, y] = [point[2 * k], point[2 * k + 1]].map(
      (value) => (canvas.width * (value / REACH + 1)) / 2,
    );
    context.fillStyle = `rgb(${COLOURS[label[k]].join(' ')})`;
    context.beginPath();
    context.arc(x, y, 3, 0, 2 * Math.PI);
    context.fill();
    context.strokeStyle = 'white';
    context.stroke();
  }
}

function softmax(logits: Float32Array): number[] {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Draws the loss over the steps, from 0 up. */
export function drawLosses(
  canvas: HTMLCanvasElement,
  losses: readonly number[],
  steps: number,
): void {
  const context = canvas.getContext('2d')!;
  const most = Math.max(...losses);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = 'rgb(0 114 178)';
  context.lineWidth = 2;
  context.beginPath();
  losses.forEach((loss, step) => {
    context.lineTo((canvas.width * step) / steps, canvas.height * (1 - (0.95 * loss) / most));
  });
  context.stroke();
}
