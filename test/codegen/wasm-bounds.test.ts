import fc from 'fast-check';
import { expect, test } from 'vitest';
import { analyse } from '../../compiler/codegen/wasm/analysis.ts';
import { cutsOf } from '../../compiler/codegen/wasm/bounds.ts';
import { wasmText } from '../../compiler/codegen/wasm/index.ts';
import { segmentsOf } from '../../compiler/codegen/wasm/nest.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { expectExact } from '../support/exact-kernels.ts';
import { soaked } from '../support/soak.ts';

interface Windows {
  /** Of the image; in which order its axes lie in memory. */
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly channelsFirst: boolean;
  readonly taps: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly stride: number;
  readonly dilation: number;
  readonly form: 'depthwise' | 'weight gradient' | 'max' | 'count' | 'of a function';
}

const outputs = (extent: number, taps: number, padding: number, { stride, dilation }: Windows) =>
  Math.max(1, Math.floor((extent + 2 * padding - dilation * (taps - 1) - 1) / stride) + 1);

/** Windows over [height, width, channels]: axes are rows, columns, channels, and taps of both. */
function windows(one: Windows): Kernel {
  const { height, width, channels, channelsFirst, padding, stride, dilation, form } = one;
  const [th, tw] = one.taps;
  const [oh, ow] = [height, width].map((extent, k) =>
    outputs(extent, one.taps[k], padding[k], one),
  );
  const ofTaps = form === 'weight gradient';
  const [row, column] = channelsFirst ? [width, 1] : [width * channels, channels];
  const channel = channelsFirst ? width * height : 1;
  const [positions, tapAxes] = ofTaps
    ? [
        ['a3', 'a4'],
        ['a0', 'a1'],
      ]
    : [
        ['a0', 'a1'],
        ['a3', 'a4'],
      ];
  const [p0, p1] = positions;
  const [t0, t1] = tapAxes;
  const y = `${-padding[0]} + ${stride}*${p0} + ${dilation}*${t0}`;
  const x = `${-padding[1]} + ${stride}*${p1} + ${dilation}*${t1}`;
  const first = -padding[0] * row - padding[1] * column;
  const image = `${first} + ${stride * row}*${p0} + ${stride * column}*${p1} + ${channel}*a2 + ${dilation * row}*${t0} + ${dilation * column}*${t1}`;
  const inside = `where 0 <= ${y} < ${height} and 0 <= ${x} < ${width}`;
  const taps = `a2 + ${tw * channels}*${t0} + ${channels}*${t1}`;
  const points = `${ow * channels}*${p0} + ${channels}*${p1} + a2`;
  const [parallel, reduced] = ofTaps ? [one.taps, [oh, ow]] : [[oh, ow], one.taps];
  const terms: Record<Windows['form'], string> = {
    depthwise: '  n2: f32 = mul n0, n1\n  reduce sum n2',
    'weight gradient': '  n2: f32 = mul n0, n1\n  reduce sum n2',
    max: '  n2: f32 = add n0, n1\n  reduce max n2',
    count: `  n2: i32 = inBounds ${inside.slice(6)}\n  n3: f32 = toF32 n2\n  n4: f32 = mul n1, n3\n  reduce sum n4`,
    'of a function':
      '  n2: f32 = constant 2\n  n3: f32 = max n0, n2\n  n4: f32 = mul n3, n1\n  reduce sum n4',
  };
  const last = (terms[form].match(/n\d+:/g) ?? []).length + 2;
  return parseKernel(`kernel windows {
  axis a0 parallel ${parallel[0]}
  axis a1 parallel ${parallel[1]}
  axis a2 parallel ${channels}
  axis a3 reduced ${reduced[0]}
  axis a4 reduced ${reduced[1]}
  buffer b0 read f32 ${height * width * channels}
  buffer b1 read f32 ${ofTaps ? oh * ow * channels : th * tw * channels}
  buffer b2 write f32 ${ofTaps ? th * tw * channels : oh * ow * channels}
  n0: f32 = load b0[${image}] ${inside}
  n1: f32 = load b1[${ofTaps ? points : taps}]
${terms[form]}
  n${last}: f32 = accumulator
  store b2[${ofTaps ? taps : points}] = n${last}
}
`);
}

const shapes: fc.Arbitrary<Windows> = fc.record({
  height: fc.integer({ min: 1, max: 12 }),
  width: fc.integer({ min: 1, max: 30 }),
  channels: fc.constantFrom(1, 2, 3, 4, 8, 11),
  channelsFirst: fc.boolean(),
  taps: fc.tuple(fc.constantFrom(1, 2, 3, 5), fc.constantFrom(1, 3, 4, 7)),
  padding: fc.tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(0, 1, 3, 9)),
  stride: fc.constantFrom(1, 1, 2, 3),
  dilation: fc.constantFrom(1, 1, 2),
  form: fc.constantFrom('depthwise', 'weight gradient', 'max', 'count', 'of a function'),
});

test('windows with any padding are what the interpreter says', async () => {
  const property = fc.asyncProperty(fc.array(shapes, { minLength: 4, maxLength: 8 }), (some) =>
    expectExact(some.map(windows)),
  );
  await fc.assert(property, soaked(20));
});

/** Values beside each other along an axis, each from a stretch of its own, the first one backwards. */
function joined(parts: readonly number[], rows: number): Kernel {
  const length = parts.reduce((sum, part) => sum + part, 0);
  const starts = parts.map((_, k) => parts.slice(0, k).reduce((sum, part) => sum + part, 0));
  const loads = parts.map((part, k) => {
    const place = k === 0 ? `${part - 1} - a1` : `${-starts[k]} + a1`;
    return `  n${k}: f32 = load b${k}[${part}*a0 + ${place}] where 0 <= ${place} < ${part}`;
  });
  const sums = parts.slice(1).map((_, k) => {
    const before = k === 0 ? 'n0' : `n${parts.length + k - 1}`;
    return `  n${parts.length + k}: f32 = add ${before}, n${k + 1}`;
  });
  return parseKernel(`kernel joined {
  axis a0 parallel ${rows}
  axis a1 parallel ${length}
${parts.map((part, k) => `  buffer b${k} read f32 ${part * rows}`).join('\n')}
  buffer b${parts.length} write f32 ${length * rows}
${[...loads, ...sums].join('\n')}
  store b${parts.length}[${length}*a0 + a1] = n${2 * parts.length - 2}
}
`);
}

test('what lies behind each other along the axis of vectors is what the interpreter says', async () => {
  const parts = fc.array(fc.integer({ min: 1, max: 19 }), { minLength: 2, maxLength: 5 });
  const property = fc.asyncProperty(parts, fc.integer({ min: 1, max: 6 }), (some, rows) =>
    expectExact([joined(some, rows)]),
  );
  await fc.assert(property, soaked(30));
});

const DEPTHWISE: Windows = {
  ...{ height: 28, width: 28, channels: 64, channelsFirst: false, taps: [3, 3], padding: [1, 1] },
  ...{ stride: 1, dilation: 1, form: 'depthwise' },
};

const textOf = (kernel: Kernel) => wasmText([kernel], 100).split('(func $k0')[1];

test('the interior of an image is read without checks, and by neighbouring windows once', () => {
  const text = textOf(windows(DEPTHWISE));
  const [interior] = text.split('(v128.store');
  expect(interior).not.toContain('(if (result');
  // Six windows of three taps in a row read eight vectors.
  expect(interior.match(/f32x4\.mul/g)).toHaveLength(18);
  expect(interior.match(/v128\.load/g)).toHaveLength(8 + 3);
});

test('what is beside a bound of one axis is neither read nor checked', () => {
  const text = textOf(joined([64, 64, 64], 1));
  expect(text).not.toContain('(if (result');
  expect(text).toContain('v128.load');
});

test('stretches cover an axis, the longest first', () => {
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 39 }), { maxLength: 4 });
  const property = fc.property(
    ...[cuts, fc.integer({ min: 1, max: 6 }), fc.boolean()],
    (points, tile, vector) => {
      const segments = segmentsOf(
        40,
        tile,
        vector,
        points.sort((a, b) => a - b),
      );
      const ends = segments.map(({ start, iterations, tile, lanes }) => {
        return [start, start + iterations * tile * lanes] as const;
      });
      ends.sort(([a], [b]) => a - b);
      expect(ends.map(([start]) => start)).toEqual([0, ...ends.slice(0, -1).map(([, end]) => end)]);
      expect(ends.at(-1)![1]).toBe(40);
      for (const point of points) expect(ends.map(([start]) => start)).toContain(point);
      const lengths = [...points, 40].map((end, k) => end - (points[k - 1] ?? 0));
      const [{ start }] = segments;
      const next = points.find((point) => point > start) ?? 40;
      expect(next - start).toBe(Math.max(...lengths));
    },
  );
  fc.assert(property);
});

test('axes that stand, and ones with a bound at every few points, are not cut', () => {
  const kernel = windows(DEPTHWISE);
  expect(cutsOf(kernel, analyse(kernel), 0).at).toEqual([[1, 27], [1, 27], [], [], []]);
  expect(cutsOf(kernel, analyse(kernel), 1).at.slice(0, 2)).toEqual([[], [1, 27]]);
  const many = joined([5, 5, 5, 5, 5, 5, 5], 1);
  expect(cutsOf(many, analyse(many), 0).at).toEqual([[], []]);
});
