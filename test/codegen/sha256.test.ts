import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { sha256Text } from '../../compiler/codegen/sha256.ts';

test('is what Node computes, at every length around a block', () => {
  for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 1000, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, k) => (k * 31 + length) % 256);
    expect(sha256Text(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'));
  }
});
