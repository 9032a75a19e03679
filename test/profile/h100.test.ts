import { expect, test } from 'vitest';
import { parseVariant, variantWork } from '../../compiler/codegen/gpu/index.ts';
import { predictSeconds } from '../../compiler/profile/predict.ts';
import { workSeconds } from '../../compiler/profile/seconds.ts';
import { SHIPPED_PROFILES } from '../../compiler/profile/shipped.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';

// What was measured on an H100 (kernels, by its own clock), beside what the profile predicts.

const profile = SHIPPED_PROFILES.h100;

const product = (m: number, n: number, k: number) => `kernel product {
axis a0 parallel ${m}
axis a1 parallel ${n}
axis a2 reduced ${k}
buffer b0 read f32 ${m * k}
buffer b1 read f32 ${n * k}
buffer b2 write f32 ${m * n}
n0: f32 = load b0[a0 + ${m}*a2]
n1: f32 = load b1[a1 + ${n}*a2]
n2: f32 = mul n0, n1
reduce sum n2
n3: f32 = accumulator
store b2[${n}*a0 + a1] = n3
}
`;
const sums = (axes: readonly string[], address: string, outputs: number) => `kernel sums {
${axes.map((axis, i) => `axis a${i} ${axis}`).join('\n')}
buffer b0 read f32 16777216
buffer b1 write f32 ${outputs}
n0: f32 = load b0[${address}]
reduce sum n0
n1: f32 = accumulator
store b1[${outputs === 1 ? '0' : 'a0'}] = n1
}
`;
const MIB64 = 4 * 2 ** 24;

// Measured in the ways that are named here, which were the only ones then but for vectors.
const TILES = 'tiles 128x128x8 of 8x8, 1 slices, 1 buffers';
const ROWS = 'reduction 8x32 reducers first, 1x1';
test.each<[string, string, string, number]>([
  ['2048 x 2048 x 2048', TILES, product(2048, 2048, 2048), (2 * 2048 ** 3) / 29.35e12],
  ['4096 x 4096 x 4096', TILES, product(4096, 4096, 4096), (2 * 4096 ** 3) / 28.36e12],
  ['50257 x 768 x 4096', TILES, product(50257, 768, 4096), (2 * 50257 * 768 * 4096) / 27.78e12],
  [
    '768 x 768 x 4096',
    'tiles 64x64x16 of 4x4, 1 slices, 1 buffers',
    product(768, 768, 4096),
    (2 * 768 * 768 * 4096) / 11.93e12,
  ],
  [
    'sums of rows',
    ROWS,
    sums(['parallel 4096', 'reduced 4096'], '4096*a0 + a1', 4096),
    MIB64 / 1124e9,
  ],
])('%s takes what it was measured to', (_, way, text, measured) => {
  const kernel = parseKernel(text);
  const work = variantWork(kernel, parseVariant(way)!, WEBGPU_DEFAULT_LIMITS);
  const ratio = (profile.dispatchSeconds + workSeconds(kernel, work, profile)) / measured;
  expect(ratio).toBeGreaterThan(0.75);
  expect(ratio).toBeLessThan(1.25);
});

test.each([
  ['few outputs of a long product', product(64, 64, 100352), (2 * 64 * 64 * 100352) / 170e9],
  ['a sum of all', sums(['reduced 16777216'], 'a0', 1), MIB64 / 3e9],
  ['sums of columns', sums(['parallel 4096', 'reduced 4096'], 'a0 + 4096*a1', 4096), MIB64 / 321e9],
])('%s should take less than it was measured to before there were variants', (_, text, before) => {
  expect(predictSeconds(parseKernel(text), profile)).toBeLessThan(before);
});
