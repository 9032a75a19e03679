import { describe, expect, test } from 'vitest';
import { formatPretty, fromBtc } from '../../compiler/cli/report.ts';
import { diagnostic, MESSAGES } from '../../compiler/diagnostics.ts';
import { addressOf } from '../../compiler/explain/address.ts';
import { btc, btcProcess } from '../support/btc.ts';

describe('btc explain', () => {
  test('prints the page of a message, by its number or its code', () => {
    const { code, stdout, stderr } = btc(['explain', 'BTC2004', '2004', 'btc1012']);
    expect([code, stderr]).toEqual([0, '']);
    const [first, second, third] = stdout.split(/(?=^BTC\d+)/m);
    expect(second).toBe(first);
    expect(third).toMatch(/^BTC1012 {2}Not a model name\n/);
    expect(first).toBe(`BTC2004  Inner dimensions of a product differ

  matmul: inner dimensions differ: {left} by {right} ({inner} against {outer})

A product of [m, k] by [k, n] needs the same k twice. The message has both. Transpose one, or make
the layer for what comes in.

Wrong

  import { defineModel, matmul, tensor } from 'btc-compiler';

  export default defineModel({
    name: 'm',
    inputs: { x: tensor([2, 3]), n: tensor([2], 'i32') },
    build({ x, n }) {
      return { x, n, z: matmul(x, x) };
    },
  });

  model.ts(7,23): error BTC2004: matmul: inner dimensions differ: [2, 3] by [2, 3] (3 against 2)

Right

  import { defineModel, matmul, tensor, zeros } from 'btc-compiler';

  export default defineModel({
    name: 'm',
    inputs: { x: tensor([2, 3]), n: tensor([2], 'i32') },
    build({ x, n }) {
      return { x, n, z: matmul(x, zeros([3, 2])) };
    },
  });

`);
  });

  test('lists all messages, and gives all pages as JSON', () => {
    const { stdout } = btc(['explain']);
    expect(stdout.split('\n')).toHaveLength(Object.keys(MESSAGES).length + 1);
    expect(stdout).toContain('\n  BTC2004  Inner dimensions of a product differ\n');
    const pages = JSON.parse(btc(['explain', '--json']).stdout) as { code: string }[];
    expect(pages.map(({ code }) => code)).toEqual(
      Object.keys(MESSAGES).map((number) => `BTC${number}`),
    );
    const [page] = JSON.parse(btc(['explain', '2004', '--json']).stdout);
    expect(page).toMatchObject({
      code: 'BTC2004',
      message: MESSAGES[2004],
      right: { language: 'ts' },
    });
  });

  test('names what is near a number that there is not, and explains the others', () => {
    const { code, stdout, stderr } = btc(['explain', '2004', 'BTC2040', 'model.ts'], {
      addresses: true,
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^BTC2004 {2}/);
    expect(stderr).toMatch(
      /^error BTC6090: there is no message 'BTC2040'; the nearest are .*BTC2004.*\nerror BTC6090: .*'model\.ts'.*\n$/,
    );
  });

  test('needs no model, no network and no plan: the pages come with the package', () => {
    const { code, stdout } = btcProcess(['explain', '6010'], { cwd: '/' });
    expect(code).toBe(0);
    expect(stdout).toContain('no space is left on the device');
  });
});

describe('messages end with the address of their page', () => {
  test('in the plain form, behind the message', () => {
    const { stderr } = btc(['buidl'], { addresses: true });
    expect(stderr).toBe(
      "error BTC6014: there is no command 'buidl'; did you mean 'build'? (btc explain 6014)\n",
    );
  });

  test('in the pretty form, on a line of its own', () => {
    const text = formatPretty(fromBtc(diagnostic(1033, null, { file: 'model.ts' })));
    expect(text.trimEnd().split('\n').at(-1)).toContain('btc explain 1033');
  });

  test('but not those of TypeScript, which btc cannot explain', () => {
    expect(addressOf('TS2322')).toBeNull();
  });
});
