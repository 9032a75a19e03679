import { describe, expect, test } from 'vitest';
import { btc } from '../support/btc.ts';

const BLOCK_TERM = 'zabcd,yaAn,ybBo,ycCp,ydDq,ynopq->zABCD';
const SIZES = 'z=16,y=2,a=8,A=16,n=4,b=20,B=4,o=4,c=20,C=4,p=4,d=18,D=4,q=4';

describe('btc path', () => {
  test('finds the order of the block-term layer, with and without gradients', () => {
    const { code, stdout } = btc([
      'path',
      BLOCK_TERM,
      '--sizes',
      SIZES,
      '--train',
      'no-input',
      '--json',
    ]);
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.trainMacs).toBe(189_640_704);
    expect(report.leftToRightMacs).toBe(702_021_632);
    expect(report.seconds).toBeLessThan(10);
    const plain = JSON.parse(btc(['path', BLOCK_TERM, '--sizes', SIZES, '--json']).stdout);
    expect(plain.macs).toBe(73_043_968);
    expect(plain.trainMacs).toBeNull();
  });

  test('prints the steps for people', () => {
    const { stdout } = btc(['path', 'ab,bc,cd->ad', '--sizes', 'a=2,b=30,c=4,d=50']);
    expect(stdout).toContain('640 multiply-adds, the least of all orders');
    expect(stdout).toMatch(/t0 = #0 · #1 +ab,bc->ac/);
    expect(stdout).toMatch(/t1 = t0 · #2 +ac,cd->ad/);
  });

  test('keeps a budget by slices, then by another order, and names the smallest one', () => {
    const run = (budget: string) =>
      btc(['path', BLOCK_TERM, '--sizes', SIZES, '--budget', budget, '--json']);
    const sliced = JSON.parse(run('8MiB').stdout);
    expect(sliced.macs).toBe(73_043_968);
    expect(sliced.peakBytes).toBeLessThanOrEqual(8 * 2 ** 20);
    expect(sliced.slices).toEqual([{ letter: 'z', chunks: expect.any(Number) }]);
    const refused = run('1MiB');
    expect(refused.code).toBe(1);
    const smallest = /BTC6007: .* the smallest feasible budget is .* \((\d+) bytes\)/.exec(
      refused.stderr,
    )!;
    expect(JSON.parse(run(smallest[1]).stdout).peakBytes).toBe(Number(smallest[1]));
  });

  test.each([
    [['ab,bc', '--sizes', 'a=2,b=3,c=4'], "BTC2006: einsum 'ab,bc': the equation has no '->'"],
    [
      ['ab,bc->ad', '--sizes', 'a=2,b=3,c=4'],
      "BTC2005: einsum 'ab,bc->ad': output letter 'd' is in no operand",
    ],
    [['ab,bc->ac', '--sizes', 'a=2,b=3'], "BTC2006: einsum 'ab,bc->ac': no size is given for 'c'"],
    [['ab,bc->ac', '--sizes', 'a=2,b=0,c=1'], "BTC6004: 'b=0' is not of the form letter=size"],
    [['ab,bc->ac', '--sizes', 'a=2,b=3,c=4,b=5'], "BTC6021: 'b' has two sizes, 3 and 5"],
  ])('%o is refused', (args, message) => {
    const { code, stderr } = btc(['path', ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});
