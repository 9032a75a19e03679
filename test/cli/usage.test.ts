import { describe, expect, test } from 'vitest';
import {
  assignment,
  byteSize,
  choice,
  count,
  counts,
  positive,
  rankLists,
  seed,
  targetList,
  text,
} from '../../compiler/cli/arguments.ts';
import { UsageError } from '../../compiler/cli/usage.ts';
import { btc, btcProcess } from '../support/btc.ts';

/** One line in tsc's style, exit code 1. */
const refused = (...args: string[]) => {
  const { code, stdout, stderr } = btc(args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  return stderr;
};

/** What a parser says to a text: its value, or the message. */
function outcome<T>(parse: (given: string) => T, given: string): T | string {
  try {
    return parse(given);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).problem.message;
  }
}

const BAD = [
  '',
  ' ',
  'x',
  '-1',
  'NaN',
  'Infinity',
  '-Infinity',
  '1e999',
  '１２',
  '1_000',
  '1,2;',
  '9e9e9',
];

describe('numbers', () => {
  test.each([
    [
      'count',
      count('--n'),
      ['1', '9007199254740991'],
      ['0', '2.5', '1e3', '0x10', '9'.repeat(300)],
    ],
    ['counts', counts('--n'), ['1', '8,20, 18'], ['1,', '0', '1,,2']],
    ['ranks', rankLists('--n'), ['4', '4,4;2,2'], ['4;', ';']],
    ['positive', positive('--n'), ['0.05', '1e-3', '.5'], ['0', '1e-999', '0x10']],
    ['seed', seed('--n'), ['0', '4294967295'], ['4294967296', '1.5']],
    ['bytes', byteSize, ['0', '512MiB', '1.5 KB'], ['1e3', '12 parsecs', '99999999999GiB']],
  ] as const)('%s', (_, parse: (given: string) => unknown, good, bad) => {
    for (const given of good) expect(outcome(parse, given)).not.toBeTypeOf('string');
    for (const given of [...BAD, ...bad])
      expect(outcome(parse, given)).toMatch(
        /^('--n' is '.{0,200}'; it must be .|'.{0,200}' is not a byte size)/su,
      );
  });
});

test('choices, names and assignments', () => {
  expect(outcome(choice('--form', ['cp', 'tucker']), 'tuker')).toBe(
    "'--form' is 'tuker'; it must be one of cp, tucker; did you mean 'tucker'?",
  );
  expect(outcome(choice('--form', ['cp', 'tucker']), 'x'.repeat(500))).toMatch(
    /^'--form' is 'x{159}…x{40}'; it must be one of cp, tucker$/,
  );
  expect(outcome(text('--outDir', 'a folder'), ' ')).toBe("'--outDir' is ' '; it must be a folder");
  expect(outcome(targetList, 'wasm, webgpu')).toEqual(['wasm', 'webgpu']);
  for (const given of ['', 'wasm,', 'x'])
    expect(outcome(targetList, given)).toMatch(/^unknown target/);
  expect(outcome(assignment, 'a=b=c')).toEqual({ a: 'b=c' });
  expect(Object.keys(assignment('__proto__=1', { a: 2 }))).toEqual(['a', '__proto__']);
  for (const given of ['', '=', '=5', 'a'])
    expect(outcome(assignment, given)).toMatch(/is not of the form name=value$/);
});

test('each bad value of an option is one line that names the option and what it takes', () => {
  expect(refused('run', 'x.plan.json', '--steps', '-1')).toBe(
    "error BTC6011: '--steps' is '-1'; it must be a positive integer\n",
  );
  for (const given of ['-1', '.', '1e6'])
    expect(refused('build', 'm.ts', '--plan-seconds', given)).toBe(
      `error BTC6011: '--plan-seconds' is '${given}'; it must be a number, 0 or more and below 1000000\n`,
    );
  expect(refused('build', 'm.ts', '--swap', 'aut')).toBe(
    "error BTC6011: '--swap' is 'aut'; it must be one of none, conv, lru, auto; did you mean 'auto'?\n",
  );
  expect(refused('build', 'm.ts', '--target', 'wasn')).toBe(
    "error BTC6001: unknown target 'wasn'; the targets are webgpu and wasm; did you mean 'wasm'?\n",
  );
  expect(refused('build', 'm.ts', '--budget', 'x'.repeat(1000))).toMatch(
    /^error BTC4004: 'x{159}…x{40}' is not a byte size;.*\n$/,
  );
});

test.each([
  [['buidl'], "BTC6014: there is no command 'buidl'; did you mean 'build'?"],
  [['xyz'], "BTC6014: there is no command 'xyz'; btc --help lists all"],
  [['--foo'], "BTC6012: there is no option '--foo'; btc --help lists all"],
  [['inspect', 'x', '--wy'], "BTC6012: there is no option '--wy'; did you mean --why?"],
  [['build'], "BTC6013: missing required argument 'files'; btc build --help shows the usage"],
  [['run', 'a', 'b'], 'BTC6015: there are too many arguments: expected 1 argument but got 2'],
  [['inspect', 'x', '--dot', '--json'], "BTC6016: '--dot' cannot be used with '--json'"],
  [['build', 'm.ts', '--outDir'], "BTC6017: '--outDir <folder>' needs a value"],
  [
    ['decompose', 'w'],
    "BTC6018: '--layer <name>' must be given; btc decompose --help shows the usage",
  ],
  [['decompose', 'w', '--leyer=x'], "BTC6012: there is no option '--leyer'; did you mean --layer?"],
  [['export', '--foo'], "BTC6012: there is no option '--foo'; btc export --help lists all"],
  [['path', 'a->a', '-o', 'x'], "BTC6012: there is no option '-o'; btc path --help lists all"],
  [['help', 'buidl'], "BTC6014: there is no command 'buidl'; did you mean 'build'?"],
  [['help', 'xyz'], "BTC6014: there is no command 'xyz'; btc --help lists all"],
  [['m.ts'], "BTC6014: there is no command 'm.ts'; did you mean 'btc build m.ts'?"],
] as const)('btc %j: %s', (args, message) => {
  expect(refused(...args)).toBe(`error ${message}\n`);
});

test('btc help shows what --help does', () => {
  expect(btc(['help', 'path'])).toEqual(btc(['path', '--help']));
  expect(btc(['help'])).toEqual(btc(['--help']));
  expect(btc(['help', 'help']).code).toBe(0);
});

describe('help', () => {
  const help = btc(['--help']).stdout;
  const commands = [...help.matchAll(/^ {2}(\w+) .*(?:\[options\])/gm)].map(([, name]) => name);

  test('fits 80 columns', () => {
    expect(Math.max(...help.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
    expect(commands).toHaveLength(15);
  });
  test.each(commands)('of %s fits 80 columns', (name) => {
    const { code, stdout } = btc([name, '--help']);
    expect(code).toBe(0);
    expect(stdout.split('\n').filter(({ length }) => length > 80)).toEqual([]);
    // A server ends when its editor does.
    if (name !== 'lsp') expect(stdout).toMatch(/^Exit code: 0 /m);
  });
});

test.each([
  [{ NO_COLOR: '', FORCE_COLOR: '1' }, true],
  [{ NO_COLOR: '1', FORCE_COLOR: '1' }, false],
  [{ NO_COLOR: '', FORCE_COLOR: '0' }, false],
  [{ NO_COLOR: '' }, false],
])('in a pipe, %j has colours: %s', (env, has) => {
  const { stdout } = btcProcess(['explain', '2014'], { env });
  expect(stdout.includes('\u001b[')).toBe(has);
});
