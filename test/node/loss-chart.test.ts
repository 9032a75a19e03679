import { lossChart } from 'btc-compiler/node';
import { describe, expect, test } from 'vitest';
import { chartLines, shortNumber } from '../../node/chart-text.ts';
import { createThinned } from '../../node/thinned.ts';

function curveOf(values: Iterable<number>) {
  const curve = createThinned();
  for (const value of values) curve.add(value);
  return curve;
}

const chart = (values: Iterable<number>, columns = 30) =>
  chartLines(curveOf(values), columns, 'loss');

/** Rows of dots, from the top, that are set in the column of dots. */
function dotsOf(lines: readonly string[], margin: number, column: number): number[] {
  const rows = [
    [0x01, 0x02, 0x04, 0x40],
    [0x08, 0x10, 0x20, 0x80],
  ][column % 2];
  return lines.slice(0, 8).flatMap((line, row) => {
    const character = line.charCodeAt(margin + Math.floor(column / 2));
    const dots = character >= 0x2800 ? character - 0x2800 : 0;
    return rows.flatMap((bit, k) => (dots & bit ? [4 * row + k] : []));
  });
}

describe('the curve of known values', () => {
  test('is a diagonal for a line: each column of dots is half a row further', () => {
    // 32 rows of dots from 31 to 0 over 2·(30 − 2 − 2 − 1) columns.
    const lines = chart(Array.from({ length: 50 }, (_, k) => 49 - k));
    expect(lines).toHaveLength(9);
    expect(lines[0]).toMatch(/^ {2}49 /);
    expect(lines[7]).toMatch(/^ {3}0 /);
    expect(lines[8]).toBe('     loss, step 1           50');
    for (let column = 0; column < 50; column++) {
      const place = Math.round((column / 49) * 31);
      expect(dotsOf(lines, 5, column).at(-1)).toBe(place);
    }
  });

  test('a constant is one straight line with one label', () => {
    const lines = chart(new Array(20).fill(0.25));
    expect(lines.filter((line) => line.includes('0.25'))).toHaveLength(1);
    const used = lines.slice(0, 8).filter((line) => /[\u2801-\u28ff]/.test(line));
    expect(used).toHaveLength(1);
    expect(new Set(used[0].replace(/^ *0\.25 /, '')).size).toBe(1);
  });

  test('values that are none leave a gap, and the first of them is told', () => {
    const values = Array.from({ length: 50 }, (_, k) => (k > 20 && k < 30 ? Number.NaN : 50 - k));
    const lines = chart(values);
    expect(lines.at(-1)).toBe('  NaN at step 22');
    expect(dotsOf(lines, 5, 25)).toEqual([]);
    expect(dotsOf(lines, 5, 10)).not.toEqual([]);
    expect(chart([1, Number.POSITIVE_INFINITY, 2]).at(-1)).toBe('  Infinity at step 2');
    expect(chart([Number.NaN, Number.NaN])).toEqual(['  NaN at step 1']);
  });

  test('the greatest numbers that there are do not overflow', () => {
    const lines = chart([Number.MAX_VALUE, -Number.MAX_VALUE], 40);
    expect(lines[0]).toContain('1.80e+308');
    expect(dotsOf(lines, 13, 0)).toContain(0);
  });

  test('one step has none, and a narrow terminal a line', () => {
    expect(chart([1])).toEqual([]);
    expect(chart([])).toEqual([]);
    expect(chart([2, 1], 11)).toEqual(['loss 2 → 1']);
    for (const columns of [1, 5, 12, 20, 400])
      for (const line of chart([0.123456, 1e-9, 3], columns))
        expect(line.length).toBeLessThanOrEqual(columns);
  });

  test('a million steps keep their shape', () => {
    const curve = curveOf(
      (function* () {
        for (let k = 0; k < 1e6; k++) yield 1e6 - k;
      })(),
    );
    expect(curve.length()).toBe(1e6);
    const points = curve.points(100);
    expect(points).toHaveLength(100);
    points.forEach((value, k) => {
      expect(Math.abs(value - (1e6 - (k + 0.5) * 1e4))).toBeLessThan(500);
    });
    expect(chartLines(curve, 60, 'loss').at(-1)).toMatch(/step 1 +1000000$/);
  });
});

test('numbers are short', () => {
  expect([0, 0.12345, 123456, 1e-7, -2.5].map(shortNumber)).toEqual([
    ...['0', '0.1235', '1.23e+5', '1.00e-7', '-2.5'],
  ]);
});

describe('beside fit', () => {
  const stepOf = (step: number, steps: number | null = 100) => ({
    ...{ epoch: 0, step, steps, loss: 1 / step, metrics: {} },
    ...{ learningRate: null, partialRows: null, seconds: step },
  });
  const drawnOn = (terminal: { readonly isTTY?: boolean; readonly columns?: number }) => {
    const written: string[] = [];
    const onStep = lossChart({ ...terminal, write: (text: string) => written.push(text) });
    for (let step = 1; step <= 100; step++) onStep(stepOf(step));
    return written;
  };

  test('a terminal sees one curve, drawn anew in its place', () => {
    const written = drawnOn({ isTTY: true, columns: 60 });
    const last = written[written.length - 1];
    // As many lines up as were drawn, then all below is erased.
    expect(last.startsWith('\u001b[10A\u001b[J')).toBe(true);
    expect(last.split('\n')).toHaveLength(11);
    expect(last).toContain('1.0 steps/s');
    expect(written[written.length - 2]).toContain('0:01 left');
  });

  test('no terminal sees lines and one curve at the end, without sequences', () => {
    const written = drawnOn({}).join('');
    expect(written).not.toContain('\u001b');
    expect(written.match(/loss, step 1/g)).toHaveLength(1);
    expect(written.match(/^epoch 1 {2}step \d+\/100/gm)?.length).toBe(11);
  });
});
