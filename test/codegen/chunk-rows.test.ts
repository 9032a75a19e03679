import { describe, expect, it, test } from 'vitest';
import { classifyContraction } from '../../compiler/codegen/gpu/contraction-match.ts';
import { unrolledRows } from '../../compiler/codegen/gpu/contraction-workgroup.ts';
import { TUNING } from '../../compiler/codegen/gpu/tuning.ts';
import { variantText } from '../../compiler/codegen/gpu/variant.ts';
import { WGSL } from '../../compiler/codegen/gpu/wgsl/dialect.ts';
import { emitTiled } from '../support/run-wgsl.ts';
import { SUM_KERNELS } from '../support/sum-kernels.ts';

/** The numbers of the rows that the lines compute, in their order. */
function rowsOf(rows: number, products: number): number[] {
  const lines = unrolledRows(WGSL, rows, products, (row) => [`take(${row});`]);
  const taken: number[] = [];
  const source = lines.join('\n').replaceAll('var step', 'let step');
  new Function('take', source)((row: number) => taken.push(row));
  return taken;
}

describe('rows of a chunk', () => {
  it('are all computed, once and in their order, however many are written out', () => {
    for (const rows of [1, 2, 3, 7, 8, 16, 30, 32])
      for (const products of [1, 16, 32, 64, 100, 256, 1000])
        expect(rowsOf(rows, products)).toEqual(Array.from({ length: rows }, (_, k) => k));
  });

  it('are written out as far as their products stay few', () => {
    const written = (rows: number, products: number) =>
      unrolledRows(WGSL, rows, products, (row) => [`take(${row});`]).filter((line) =>
        line.startsWith('take'),
      ).length;
    expect(written(8, 64)).toBe(4);
    expect(written(16, 16)).toBe(16);
    expect(written(16, 32)).toBe(8);
    expect(written(6, 64)).toBe(3);
    expect(written(8, 1000)).toBe(1);
  });
});

const inTwoBuffers = TUNING.contraction.tilings.filter(({ buffers }) => buffers === 2);

// Browsers keep code that is inside of an array as it is where they can tell, and clamp every place elsewhere: not for what changes.
test.each(inTwoBuffers.map(variantText))('places in %s are made of constants', (text) => {
  const tiling = inTwoBuffers.find((one) => variantText(one) === text)!;
  const { kernel } = SUM_KERNELS['product TT'](999);
  const { wgsl } = emitTiled(kernel, { ...classifyContraction(kernel)!, tiling });
  const lines = wgsl.split('\n').filter((line) => line.includes('tiles['));
  expect(lines.length).toBeGreaterThan(0);
  const changing = [...wgsl.matchAll(/^\s*var (\w+) = /gm)].map(([, name]) => name);
  for (const line of lines)
    for (const [, place] of line.matchAll(/tiles\[([^\]]*)\]/g))
      for (const [name] of place.matchAll(/[a-z]\w*/g)) expect(changing).not.toContain(name);
});
