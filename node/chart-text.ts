import type { Thinned } from './thinned.ts';

/** Dots of a character of braille, by column and row from the top. */
const DOTS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;
const [DOT_COLUMNS, DOT_ROWS] = [2, 4];
const BLANK = 0x2800;
/** Lines that the curve takes. */
const ROWS = 8;
/** A narrower curve says nothing. */
const LEAST_COLUMNS = 8;

/** Four digits that count, as short as they can be written. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-3 && size < 1e5)) return String(Number(value.toPrecision(4)));
  return value.toExponential(2);
}

/**
 * A curve as lines of braille, the largest value at the top and the least at the bottom, with the steps beneath; without characters
 * that move a cursor or give colours. No line is longer than `columns`. Nothing for less than two steps.
 *
 * @param named what the curve is of
 */
export function chartLines(curve: Thinned, columns: number, named: string): string[] {
  const steps = curve.length();
  if (steps < 2) return [];
  const notes = noteOf(curve);
  const all = curve.points(Number.MAX_SAFE_INTEGER).filter(Number.isFinite);
  if (all.length === 0) return notes;
  const room = columns - 2;
  const widest = Math.max(...[extremes(all)].flat().map((value) => shortNumber(value).length));
  const width = Math.min(room - widest - 1, 100);
  if (width < LEAST_COLUMNS)
    return [
      `${named} ${shortNumber(all[0])} → ${shortNumber(all[all.length - 1])}`.slice(0, columns),
    ];
  const points = spread(curve.points(width * DOT_COLUMNS), width * DOT_COLUMNS);
  const [least, most] = extremes(points.filter(Number.isFinite));
  const labels = [most, least].map(shortNumber);
  const margin = Math.max(...labels.map(({ length }) => length));
  const rows = drawn(points, least, most, width);
  const middle = Math.floor((ROWS - 1) / 2);
  const lines = rows.map((row, k) => {
    // A constant has one label, at its height.
    const label =
      least === most
        ? k === middle
          ? labels[0]
          : ''
        : k === 0
          ? labels[0]
          : k === ROWS - 1
            ? labels[1]
            : '';
    return `  ${label.padStart(margin)} ${row}`.trimEnd();
  });
  const ends = [`${named}, step 1`, String(steps)];
  const between = Math.max(1, width - ends[0].length - ends[1].length);
  const axis = `  ${' '.repeat(margin)} ${ends[0]}${' '.repeat(between)}${ends[1]}`;
  return [...lines, axis, ...notes].map((line) => line.slice(0, columns));
}

function noteOf(curve: Thinned): string[] {
  const wrong = curve.firstWrong();
  return wrong ? [`  ${wrong.value} at step ${wrong.step}`] : [];
}

function extremes(values: readonly number[]): [least: number, most: number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return [least, most];
}

/** Few points over many columns, straight in between; where there is no value there is none on its way either. */
function spread(points: readonly number[], columns: number): number[] {
  if (points.length >= columns) return [...points];
  if (points.length === 1) return new Array<number>(columns).fill(points[0]);
  return Array.from({ length: columns }, (_, column) => {
    const at = (column * (points.length - 1)) / (columns - 1);
    const [low, share] = [Math.floor(at), at - Math.floor(at)];
    return share === 0 ? points[low] : points[low] + share * (points[low + 1] - points[low]);
  });
}

function drawn(points: readonly number[], least: number, most: number, width: number): string[] {
  const height = ROWS * DOT_ROWS;
  const cells = Array.from({ length: ROWS }, () => new Uint8Array(width));
  const set = (column: number, row: number) => {
    cells[Math.floor(row / DOT_ROWS)][Math.floor(column / DOT_COLUMNS)] |=
      DOTS[column % DOT_COLUMNS][row % DOT_ROWS];
  };
  // Halves first: the difference of two numbers may be none.
  const range = most / 2 - least / 2;
  const rowOf = (value: number) =>
    range === 0
      ? Math.floor((ROWS - 1) / 2) * DOT_ROWS + 1
      : Math.round(((most / 2 - value / 2) / range) * (height - 1));
  let before: number | null = null;
  points.forEach((value, column) => {
    if (!Number.isFinite(value)) {
      before = null;
      return;
    }
    const row = rowOf(value);
    const from = before ?? row;
    for (let k = Math.min(from, row); k <= Math.max(from, row); k++)
      if (k !== from || k === row) set(column, k);
    before = row;
  });
  return cells.map((row) =>
    [...row].map((dots) => (dots === 0 ? ' ' : String.fromCharCode(BLANK + dots))).join(''),
  );
}
