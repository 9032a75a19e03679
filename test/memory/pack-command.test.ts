import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../bench/pack.mjs', import.meta.url));

describe('npm run pack', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pack-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function pack(text: string, ...options: string[]) {
    const file = join(folder, 'case.csv');
    writeFileSync(file, text);
    return run(file, ...options);
  }

  function run(...args: string[]) {
    const env = { ...process.env, INIT_CWD: folder };
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], {
      encoding: 'utf8',
      env,
    });
    return { status, stdout, stderr };
  }

  // Block b ends where c begins: they can share a place.
  const GOOD = 'id,lower,upper,size\na,0,10,4\nb,0,5,3\nc,5,10,2\n';

  it('prints the peak, the bound, what found it and how long it took', () => {
    const { status, stdout } = pack(GOOD, '--json', '--offsets');
    expect(status).toBe(0);
    const { offsets, ...result } = JSON.parse(stdout);
    expect(result).toEqual({
      peak: 7,
      lowerBound: 7,
      method: expect.any(String),
      seconds: expect.any(Number),
    });
    expect(Object.keys(offsets)).toEqual(['a', 'b', 'c']);
    expect(pack(GOOD).stdout).toContain('peak         7 bytes');
  });

  it('takes columns in any order, half-open lives, other ends of lines and no time at all', () => {
    const text = '\ufeffsize, id ,upper,lower\r\n3,x,5,0\r\n\r\n3,y,10,5\r\n0,z,9,1\r\n';
    const { status, stdout } = pack(text, '--json', '--seconds', '0');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ peak: 3, lowerBound: 3 });
  });

  it('finds a file from where npm was called', () => {
    pack(GOOD);
    expect(run('case.csv', '--json').status).toBe(0);
  });

  it('says whether a capacity holds all, and which buffers do not fit', () => {
    const fits = pack(GOOD, '--capacity', '7', '--json');
    expect(fits.status).toBe(0);
    expect(JSON.parse(fits.stdout)).toMatchObject({ capacity: 7, fits: true });
    const over = pack(GOOD, '--capacity', '6', '--json');
    expect(over.status).toBe(1);
    expect(JSON.parse(over.stdout)).toMatchObject({ fits: false, infeasible: ['a', 'b'] });
    expect(pack(GOOD, '--capacity', '6').stdout).toContain('cannot be packed');
    expect(over.stderr).toBe('');
  });

  it.each([
    ['', 'the file is empty'],
    ['id,lower,upper,size\n', 'no buffers'],
    ['id,lower,upper\na,0,1\n', "line 1: no column 'size'"],
    ['id,lower,upper,size\na,0,1\n', 'line 2: 3 fields, and the head has 4'],
    ['id,lower,upper,size\na,0,1,x\n', "line 2: size 'x' is not a whole number"],
    ['id,lower,upper,size\na,0,1,\n', "line 2: size '' is not a whole number"],
    ['id,lower,upper,size\na,0,1.5,2\n', "line 2: upper '1.5' is not a whole number"],
    ['id,lower,upper,size\na,0,1,1e30\n', "line 2: size '1e30' is not a whole number"],
    ['id,lower,upper,size\na,3,3,2\n', 'line 2: lower 3 is not below upper 3'],
    ['id,lower,upper,size\na,0,1,-2\n', 'line 2: size -2 is negative'],
    ['id,lower,upper,size\na,0,1,2\na,0,1,2\n', "line 3: id 'a' is that of line 2 too"],
    ['id,lower,upper,size\n,0,1,2\n', 'line 2: the id is empty'],
  ])('says in a line what is wrong with %j', (text, message) => {
    const { status, stdout, stderr } = pack(text);
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: '',
      stderr: `error: case.csv: ${message}${message.startsWith('line 1') ? ' in the head' : ''}\n`,
    });
  });

  it.each([
    [['none.csv'], 'error: none.csv: there is no such file'],
    [['.'], ': it is a folder'],
    [['a.csv', '--seconds', '-1'], 'seconds, 0 or more'],
    [['a.csv', '--capacity', '1.5'], 'a whole number of bytes'],
    [['a.csv', '--capacity', ''], 'a whole number of bytes'],
    [['a.csv', '--what'], "unknown option '--what'"],
    [['a.csv', 'b.csv'], 'too many arguments'],
    [[], "missing required argument 'file'"],
  ])('refuses %j', (args, message) => {
    const { status, stdout, stderr } = run(...args);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});
