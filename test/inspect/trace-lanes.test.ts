import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lanesOf, microseconds } from '../../compiler/inspect/trace-lanes.ts';

// Perfetto reads a time as static_cast<int64_t>(1000 * microseconds), and drops spans of a thread that overlap without nesting.

const asPerfetto = (file: string) => Math.trunc((JSON.parse(file) as number) * 1000);

test('a whole nanosecond is what Perfetto reads', () => {
  for (let ns = 0; ns < 200_000; ns++) expect(asPerfetto(String(microseconds(ns)))).toBe(ns);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 46 }), (ns) => {
      expect(asPerfetto(JSON.stringify(microseconds(ns)))).toBe(ns);
      expect(microseconds(ns)).toBeCloseTo(ns / 1e3, 4);
    }),
  );
});

test('spans of a lane follow one another, and there are no more lanes than spans at once', () => {
  const span = fc.tuple(fc.nat(50), fc.nat(8)).map(([begin, length]) => ({
    ...{ begin, end: begin + length },
  }));
  fc.assert(
    fc.property(fc.array(span, { maxLength: 30 }), (spans) => {
      const lanes = lanesOf(spans);
      spans.forEach((one, a) => {
        spans.slice(0, a).forEach((other, b) => {
          if (lanes[a] === lanes[b])
            expect(one.end <= other.begin || other.end <= one.begin).toBe(true);
        });
      });
      const most = Math.max(
        0,
        ...Array.from(
          { length: 60 },
          (_, time) =>
            spans.filter(({ begin, end }) => begin <= time && time < Math.max(end, begin + 1))
              .length,
        ),
      );
      expect(Math.max(-1, ...lanes)).toBeLessThan(Math.max(1, most));
    }),
  );
});
