import fc from 'fast-check';
import { expect, it } from 'vitest';
import { crc32 } from '../../ir/crc32.ts';
import { soaked } from '../support/soak.ts';

/** Bit by bit, as the standard defines it. */
function definition(bytes: readonly number[]): string {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (~crc >>> 0).toString(16).padStart(8, '0');
}

it('gives the check value of the standard', () => {
  expect(crc32([new TextEncoder().encode('123456789')])).toBe('cbf43926');
  expect(crc32([])).toBe('00000000');
});

it('is the definition, wherever arrays begin, end and are cut', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 100 }),
      fc.nat({ max: 9 }),
      fc.nat({ max: 100 }),
      (bytes, offset, cut) => {
        const placed = new Uint8Array(offset + bytes.length);
        placed.set(bytes, offset);
        const view = placed.subarray(offset);
        const wanted = definition([...bytes]);
        expect(crc32([view])).toBe(wanted);
        expect(crc32([view.subarray(0, cut), view.subarray(cut)])).toBe(wanted);
      },
    ),
    soaked(300),
  );
});
