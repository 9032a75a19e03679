import { printable } from '../../ir/printable.ts';
import { shortNumber } from '../../node/chart-text.ts';
import type { Thinned } from '../../node/thinned.ts';

const [WIDTH, HEIGHT] = [720, 400];
const FRAME = { left: 70, right: 20, top: 48, bottom: 52 } as const;
/** Points of a curve: more than there are pixels show nothing. */
const MOST_POINTS = 600;
/** Curves by colour; more begin again. */
const COLOURS = ['#2f6fde', '#d9582b', '#2a9d57', '#9a54c9', '#b8860b', '#c2316e'];

export interface PlottedCurve {
  readonly name: string;
  readonly curve: Thinned;
}

/** Steps of 1, 2 or 5 times a power of ten, about `count` of them, that lie within two numbers. */
export function niceTicks(least: number, most: number, count: number): number[] {
  const range = most - least;
  if (!(range > 0) || !Number.isFinite(range)) return [least];
  const power = 10 ** Math.floor(Math.log10(range / count));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => range / one <= count)!;
  const first = Math.ceil(least / step);
  const last = Math.floor(most / step);
  // Of multiples, not of sums, whose errors grow.
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) =>
    Number(((first + k) * step).toPrecision(12)),
  );
}

/** Text as it may stand in XML, whatever is in it. */
const escaped = (text: string) =>
  printable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

/** Curves over steps as a picture, for a light or a dark page. Values that are not finite leave gaps. */
export function plotSvg(title: string, curves: readonly PlottedCurve[]): string {
  const steps = Math.max(1, ...curves.map(({ curve }) => curve.length()));
  const points = curves.map(({ curve }) => curve.points(MOST_POINTS));
  const finite = points.flat().filter(Number.isFinite);
  const [low, high] = finite.length > 0 ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
  // A constant lies in the middle.
  const margin = high > low ? 0 : Math.abs(high) / 10 || 1;
  const [least, most] = [low - margin, high + margin];
  const x = (step: number) =>
    FRAME.left + ((step - 1) / Math.max(1, steps - 1)) * (WIDTH - FRAME.left - FRAME.right);
  const y = (value: number) =>
    FRAME.top + (1 - (value - least) / (most - least)) * (HEIGHT - FRAME.top - FRAME.bottom);
  const at = (value: number) => value.toFixed(1);
  const [bottom, right] = [HEIGHT - FRAME.bottom, WIDTH - FRAME.right];
  const rows = niceTicks(least, most, 6).flatMap((value) => [
    `<line class="grid" x1="${FRAME.left}" x2="${right}" y1="${at(y(value))}" y2="${at(y(value))}"/>`,
    `<text x="${FRAME.left - 8}" y="${at(y(value) + 4)}" text-anchor="end">${shortNumber(value)}</text>`,
  ]);
  const columns = [...new Set([1, ...niceTicks(1, steps, 8)])]
    .filter((step) => Number.isInteger(step))
    .flatMap((step) => [
      `<line class="axis" x1="${at(x(step))}" x2="${at(x(step))}" y1="${bottom}" y2="${bottom + 5}"/>`,
      `<text x="${at(x(step))}" y="${bottom + 20}" text-anchor="middle">${step}</text>`,
    ]);
  const lines = points.map((own, k) => {
    const stepOf = (at: number) =>
      own.length === 1 ? 1 : 1 + (at / (own.length - 1)) * (curves[k].curve.length() - 1);
    const colour = COLOURS[k % COLOURS.length];
    const path = pathOf(own.map((value, place) => [x(stepOf(place)), y(value)] as const));
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"/>`;
  });
  const legend = curves.map(
    ({ name }, k) =>
      `<tspan fill="${COLOURS[k % COLOURS.length]}"${k > 0 ? ' dx="14"' : ''}>${escaped(name)}</tspan>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">
<title>${escaped(title)}</title>
<style>
svg { color-scheme: light dark; background: #ffffff; }
text { font: 12px system-ui, sans-serif; fill: #4a5160; }
.title { font-size: 15px; font-weight: 600; fill: #1b1f27; }
.grid { stroke: #e4e7ec; }
.axis { stroke: #98a0ae; }
.legend { font-weight: 600; }
@media (prefers-color-scheme: dark) {
svg { background: #15181e; }
text { fill: #a6adba; }
.title { fill: #eef0f4; }
.grid { stroke: #2a2f39; }
.axis { stroke: #646c7a; }
}
</style>
<text class="title" x="${FRAME.left}" y="28">${escaped(title)}</text>
<text class="legend" x="${right}" y="28" text-anchor="end">${legend.join('')}</text>
${rows.join('\n')}
<line class="axis" x1="${FRAME.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>
${columns.join('\n')}
<text x="${at((FRAME.left + right) / 2)}" y="${HEIGHT - 10}" text-anchor="middle">step</text>
${lines.join('\n')}
</svg>
`;
}

/** A path through points, interrupted where there is none; one alone is a dot. */
function pathOf(points: readonly (readonly [x: number, y: number])[]): string {
  let isOpen = false;
  const parts: string[] = [];
  points.forEach(([x, y], k) => {
    if (!Number.isFinite(y)) {
      isOpen = false;
      return;
    }
    parts.push(`${isOpen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`);
    if (!isOpen && !Number.isFinite(points[k + 1]?.[1])) parts.push('h0.01');
    isOpen = true;
  });
  return parts.join('');
}
