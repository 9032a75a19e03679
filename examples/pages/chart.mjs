/**
 * A line chart in a canvas, in the colours of the page: of what is pushed, from the start to now. `empty` stands there before.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{ format: (value: number) => string, limit?: number | null, steps?: boolean, label: string, empty: string }} options
 */
export function createChart(canvas, { format, limit = null, steps = false, label, empty }) {
  let values = [];
  let scheduled = false;
  canvas.setAttribute('role', 'img');
  const draw = () => {
    scheduled = false;
    const { width, height } = canvas.getBoundingClientRect();
    if (width === 0) return;
    const scale = devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const context = canvas.getContext('2d');
    context.scale(scale, scale);
    const style = getComputedStyle(canvas);
    if (values.length === 0) drawWords(context, { width, height, text: empty, style });
    else drawChart(context, { width, height, values, format, limit, steps, style });
    const said = values.length === 0 ? empty : format(values.at(-1));
    canvas.setAttribute('aria-label', `${label}: ${said}`);
  };
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(draw);
  };
  new ResizeObserver(schedule).observe(canvas);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', schedule);
  return {
    push(value) {
      values.push(value);
      schedule();
    },
    set(next, nextLimit = limit) {
      values = [...next];
      limit = nextLimit;
      schedule();
    },
  };
}

const FONT = '11px system-ui, sans-serif';
const colourOf = (style, name) => style.getPropertyValue(name).trim();

function drawWords(context, { width, height, text, style }) {
  context.strokeStyle = colourOf(style, '--line');
  context.setLineDash([3, 3]);
  context.strokeRect(0.5, 0.5, width - 1, height - 1);
  context.font = FONT.replace('11px', '13px');
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = colourOf(style, '--muted');
  context.fillText(text, width / 2, height / 2, width - 16);
}

function drawChart(context, { width, height, values, format, limit, steps, style }) {
  const colour = (name) => colourOf(style, name);
  const [left, right, top, bottom] = [58, 8, 14, 6];
  const most = Math.max(...values.slice(-100_000), limit ?? 0, 1e-9) * 1.05;
  const x = (k) =>
    left + ((width - left - right) * k) / Math.max(1, values.length - (steps ? 0 : 1));
  const y = (value) => height - bottom - ((height - top - bottom) * value) / most;
  context.font = FONT;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const part of [0, 0.5, 1]) {
    const value = (most / 1.05) * part;
    context.strokeStyle = colour('--line');
    context.beginPath();
    context.moveTo(left, y(value));
    context.lineTo(width - right, y(value));
    context.stroke();
    context.fillStyle = colour('--muted');
    context.fillText(format(value), left - 6, y(value));
  }
  context.strokeStyle = colour('--accent');
  context.fillStyle = colour('--accent-soft');
  context.lineWidth = 1.6;
  context.beginPath();
  values.forEach((value, k) => {
    if (k === 0) context.moveTo(x(0), y(value));
    else context.lineTo(x(k), y(value));
    if (steps) context.lineTo(x(k + 1), y(value));
  });
  context.stroke();
  if (steps) {
    context.lineTo(x(values.length), y(0));
    context.lineTo(x(0), y(0));
    context.fill();
  }
  if (limit === null) return;
  context.strokeStyle = colour('--limit');
  context.setLineDash([6, 4]);
  context.beginPath();
  context.moveTo(left, y(limit));
  context.lineTo(width - right, y(limit));
  context.stroke();
  context.setLineDash([]);
}

/** `1.84 MiB` */
export function bytesText(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2)} ${units[unit]}`;
}
