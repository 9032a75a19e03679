import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { rematCommand } from '../bench/remat/command.ts';
import { readInstance } from '../bench/remat/instance.ts';
import { planInstance, type SearchOptions } from '../bench/remat/search.ts';
import { randomBelow } from '../memory/random-schedule.ts';
import { ROOT } from '../support/btc.ts';

/** A chain whose backward pass reads what its forward pass has made, as an instance. */
function trainingChain(seed: number, layers: number) {
  const below = randomBelow(seed);
  const nodes = Array.from({ length: 2 * layers }, (_, node) => ({
    cost: 1 + below(100),
    bytes: 1 + below(1000),
    backward: node >= layers,
  }));
  const edges = nodes.flatMap((_, node) => [
    ...(node > 0 ? [[node - 1, node]] : []),
    ...(node > layers ? [[2 * layers - 1 - node, node]] : []),
  ]);
  return { name: `chain-${layers}`, nodes, edges };
}

const options = (budgetBytes: number, more: Partial<SearchOptions> = {}): SearchOptions => ({
  ...{ budgetBytes, swapBytesPerSecond: null, unitSeconds: 1e-6, seconds: 0.3, solve: 'heuristic' },
  ...more,
});

const good = {
  nodes: [
    { cost: 1, bytes: 2 },
    { cost: 3, bytes: 4 },
  ],
  edges: [[0, 1]],
};

describe('an instance', () => {
  test('has the totals of its nodes where it does not say them', () => {
    const instance = readInstance(JSON.stringify(good));
    expect(instance).toMatchObject({
      name: 'graph',
      peakInOrder: 6,
      totalCost: 4,
      inputs: [[], [0]],
    });
  });

  test.each<[unknown, RegExp]>([
    ['{', /^not JSON/],
    ['', /^not JSON/],
    ['[]', /^\[\] stands where an object/],
    ['null', /^null stands where an object/],
    ['7', /^7 stands where an object/],
    [{ ...good, nodes: [] }, /^nodes: the list is empty/],
    [{ edges: [] }, /^nodes: nothing is not a list/],
    [{ nodes: good.nodes }, /^edges: nothing is not a list/],
    [{ ...good, nodes: [null] }, /^nodes\[0\]: null is not an object/],
    [{ ...good, nodes: [{ bytes: 1 }] }, /^nodes\[0\]\.cost: nothing is not a number/],
    [{ ...good, nodes: [{ cost: -1, bytes: 1 }] }, /^nodes\[0\]\.cost: -1 is not a number/],
    [{ ...good, nodes: [{ cost: 1 }] }, /^nodes\[0\]\.bytes: nothing is not an integer/],
    [{ ...good, nodes: [{ cost: 1, bytes: 1.5 }] }, /^nodes\[0\]\.bytes: 1\.5 is not an integer/],
    [{ ...good, nodes: [{ cost: 1, bytes: -1 }] }, /^nodes\[0\]\.bytes: -1 is not an integer/],
    [{ ...good, nodes: [{ cost: 1, bytes: 1, backward: 1 }] }, /^nodes\[0\]\.backward/],
    [
      { ...good, edges: [[1, 0]] },
      /^edges\[0\]: node 0 would read the result of node 1, which runs after/,
    ],
    [{ ...good, edges: [[1, 1]] }, /^edges\[0\]: node 1 .* which is itself/],
    [{ ...good, edges: [[0, 2]] }, /^edges\[0\]: 2 is not one of the nodes 0 to 1/],
    [{ ...good, edges: [[0]] }, /^edges\[0\]: \[0\] is not \[from, to\]/],
    [{ ...good, edges: [['0', 1]] }, /^edges\[0\]: "0" is not one of the nodes/],
    [{ ...good, peakInOrder: 7 }, /^peakInOrder: 7, but the nodes give 6/],
    [{ ...good, totalCost: 'x' }, /^totalCost: "x", but the nodes give 4/],
    [{ ...good, name: 3 }, /^name: 3 is not a text/],
    [
      { ...good, nodes: [{ cost: 1, bytes: 2 ** 53 }] },
      /bytes: 9007199254740992 is not an integer/,
    ],
  ])('%j is refused in one line', (given, message) => {
    const text = typeof given === 'string' ? given : JSON.stringify(given);
    expect(() => readInstance(text)).toThrow(message);
    expect(() => readInstance(text)).toThrow(/^[^\n]*$/);
  });
});

describe('the planner on an instance', () => {
  const instance = readInstance(JSON.stringify(trainingChain(3, 12)));
  const { peakInOrder } = instance;

  test('changes nothing within the peak in order', async () => {
    const planned = await planInstance(instance, options(peakInOrder));
    expect(planned).toMatchObject({
      cost: 1,
      peak: peakInOrder,
      lowerBound: 1,
      gap: 0,
      recomputed: 0,
    });
  });

  test.each([0.9, 0.75, 0.6])('keeps %d of the peak, above the bound', async (fraction) => {
    const planned = await planInstance(instance, options(Math.floor(fraction * peakInOrder)));
    expect(planned.peak).toBeLessThanOrEqual(fraction * peakInOrder);
    expect(planned.recomputed).toBeGreaterThan(0);
    expect(planned.cost).toBeGreaterThan(1);
    expect(planned.lowerBound).toBeGreaterThan(1);
    expect(planned.lowerBound).toBeLessThanOrEqual(planned.cost);
    expect(planned.gap).toBeCloseTo(planned.cost / planned.lowerBound - 1, 9);
  });

  test('finds a plan in no time at all', async () => {
    const planned = await planInstance(
      instance,
      options(Math.floor(0.8 * peakInOrder), { seconds: 0 }),
    );
    expect(planned.peak).toBeLessThanOrEqual(0.8 * peakInOrder);
  });

  test('swaps where copies are fast, and recomputes where they are slow', async () => {
    const within = Math.floor(0.7 * peakInOrder);
    const fast = await planInstance(instance, options(within, { swapBytesPerSecond: 1e12 }));
    expect(fast.copies).toBeGreaterThan(0);
    expect(fast.peak).toBeLessThanOrEqual(within);
    expect(fast.lowerBound).toBeLessThanOrEqual(fast.cost);
    const slow = await planInstance(instance, options(within, { swapBytesPerSecond: 1 }));
    expect(slow.copies).toBe(0);
  });

  test('proves the best plan by an integer program', async () => {
    const small = readInstance(JSON.stringify(trainingChain(5, 5)));
    const within = Math.floor(0.8 * small.peakInOrder);
    const searched = await planInstance(small, options(within));
    const solved = await planInstance(small, options(within, { solve: 'exact', seconds: 20 }));
    expect(solved).toMatchObject({ method: 'exact' });
    expect(solved.gap).toBeLessThan(1e-5);
    expect(solved.cost).toBeLessThanOrEqual(searched.cost);
    expect(solved.lowerBound).toBeGreaterThanOrEqual(searched.lowerBound);
  });

  test('says of a swap that the integer program knows none', async () => {
    const within = Math.floor(0.8 * peakInOrder);
    const { method } = await planInstance(
      instance,
      options(within, { solve: 'exact', swapBytesPerSecond: 1e9 }),
    );
    expect(method).toMatch(/knows no copies/);
  });

  test('names the floor and the node that sets it', async () => {
    const { nodes, inputs } = instance;
    const sizes = nodes.map(({ bytes }, node) =>
      inputs[node].reduce((sum, input) => sum + nodes[input].bytes, bytes),
    );
    const floor = Math.max(...sizes);
    await expect(planInstance(instance, options(floor - 1))).rejects.toThrow(
      new RegExp(`under the floor: node ${sizes.indexOf(floor)} alone takes ${floor} bytes`),
    );
  });
});

describe('npm run remat', () => {
  const folder = mkdtempSync(join(tmpdir(), 'btc-remat-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'chain.json');
  const chain = trainingChain(3, 12);
  writeFileSync(file, JSON.stringify(chain));
  writeFileSync(join(folder, 'broken.json'), '{"nodes": 3}');
  const remat = async (...args: string[]) => {
    const printed = { stdout: '', stderr: '' };
    const status = await rematCommand(args, {
      out: (text) => {
        printed.stdout += text;
      },
      error: (text) => {
        printed.stderr += text;
      },
    });
    return { status, ...printed };
  };

  test('runs without a build', () => {
    const script = [
      'test/bench/typescript.mjs',
      'test/bench/remat/main.ts',
      file,
      '--budget',
      '1.0',
    ];
    const { status, stdout } = spawnSync(process.execPath, script, { cwd: ROOT, encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toMatch(/cost +1\.0000 of the cost/);
  });

  test('prints what it has planned', async () => {
    const { status, stdout, stderr } = await remat(file, '--budget', '0.8', '--json');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const { peakInOrder } = readInstance(JSON.stringify(chain));
    const planned = JSON.parse(stdout);
    expect(Object.keys(planned)).toEqual(
      expect.arrayContaining(['cost', 'peak', 'lowerBound', 'gap', 'method', 'seconds']),
    );
    expect(planned.budgetBytes).toBe(Math.floor(0.8 * peakInOrder));
    expect((await remat(file, '--budget', `${peakInOrder}`)).stdout).toMatch(
      /cost +1\.0000 of the cost/,
    );
  });

  test.each([
    [['chain.json', '--budget', '10'], 1, /under the floor: node \d+/],
    [['broken.json', '--budget', '0.5'], 2, /broken\.json: nodes: 3 is not a list/],
    [['missing.json', '--budget', '0.5'], 2, /missing\.json: .*no such file/],
    [['chain.json'], 2, /--budget/],
    [['chain.json', '--budget', '1.5'], 2, /a fraction of the peak/],
    [['chain.json', '--budget', '0.5', '--swap', '-1'], 2, /a positive number of GB\/s/],
    [['chain.json', '--budget', '0.5', '--seconds', 'soon'], 2, /seconds from 0 on/],
    [['chain.json', '--budget', '0.5', '--solve', 'maybe'], 2, /heuristic, exact/],
  ])('%o is refused in one line', async ([name, ...args], exit, message) => {
    const { status, stdout, stderr } = await remat(join(folder, name), ...args);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(status).toBe(exit);
  });
});
