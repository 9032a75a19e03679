import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import * as bench from './peers/harness.mjs';

const KNOWN = {
  groups: { mlp: ['mlp'], matmul: ['matmul-nn-256', 'matmul-nt-256'], sums: ['sum-rows'] },
  targets: ['wasm', 'native', 'swiftshader'],
  systems: ['btc', 'jax-js', 'tfjs'],
};
const parse = (...given: string[]) => bench.parseArguments(given, KNOWN);

const measured = (ms: number, firstStepMs = 10 * ms) => ({
  ms,
  firstStepMs,
  dispatches: 12,
  submits: 1,
  deviceBytes: 2 ** 20,
});
const rounds = (...times: number[]) =>
  new Map(times.map((ms, k) => [k + 1, measured(ms)] as const));

const rowOf = (given: Partial<Parameters<typeof bench.summarise>[0]>) =>
  bench.summarise({
    model: 'mlp',
    system: 'jax-js',
    target: 'wasm',
    check: null,
    rounds: rounds(),
    baseline: rounds(),
    work: { flops: null, bytes: null },
    ceilings: null,
    reason: null,
    ...given,
  });

describe('statistics', () => {
  it('has quantiles between neighbours, as of 1 to 5 and of 1 to 4', () => {
    expect(bench.median([5, 1, 4, 2, 3])).toBe(3);
    expect(bench.quartiles([5, 1, 4, 2, 3])).toEqual([2, 4]);
    expect(bench.quartiles([4, 3, 2, 1])).toEqual([1.75, 3.25]);
    expect(bench.median([7])).toBe(7);
    expect(bench.median([])).toBeNaN();
  });

  it('compares round by round, so that a machine that slows down does not count', () => {
    const btc = new Map([
      [1, 10],
      [2, 100],
      [3, 1000],
    ]);
    const twice = new Map([
      [1, 20],
      [2, 200],
      [3, 2000],
    ]);
    expect(bench.ratioByRound(twice, btc)).toBe(2);
    expect(bench.ratioByRound(new Map([[3, 500]]), btc)).toBe(0.5);
    expect(bench.ratioByRound(new Map([[4, 500]]), btc)).toBeNull();
  });
});

describe('agreement of values', () => {
  it.each([
    [[2.4, 2.3], [2.4, 2.3], null],
    [[2.4005, 2.3], [2.4, 2.3], null],
    [[2.41, 2.3], [2.4, 2.3], 'value 1 is 2.41, of btc 2.4'],
    [[2.4, Number.NaN], [2.4, 2.3], 'value 2 is NaN, of btc 2.3'],
    [[2.4], [2.4, 2.3], '1 values where btc has 2'],
    // Beside the largest: a small value next to large ones is known less exactly.
    [[1000, 0.5], [1000, 0], null],
    [[1e-9, 3e-9], [1e-9, 1e-9], 'value 2 is 3e-9, of btc 1e-9'],
  ])('of %j with %j: %s', (values, reference, wanted) => {
    expect(bench.disagreement(values, reference)).toBe(wanted);
  });
});

describe('arguments', () => {
  it('has defaults, and fewer rounds where it is to be quick', () => {
    const { rounds: count, seconds, timeout, groups, targets, systems } = parse();
    expect({ count, seconds, timeout }).toEqual({ count: 5, seconds: 1, timeout: 240 });
    expect(groups).toEqual(KNOWN.groups);
    expect(targets).toEqual([]);
    expect(systems).toEqual(KNOWN.systems);
    expect(parse('--quick')).toMatchObject({ rounds: 2, seconds: 0.3 });
    expect(parse('--cpu', '--target=wasm')).toMatchObject({ cpu: true, targets: ['wasm'] });
    expect(parse('--rounds=7', '--quick')).toMatchObject({ rounds: 7, seconds: 0.3 });
  });

  it('takes groups and rows, in the order of the table and once', () => {
    expect(parse('--only', 'sums,mlp').groups).toEqual({ mlp: ['mlp'], sums: ['sum-rows'] });
    expect(parse('--only', 'matmul-nt-256').groups).toEqual({ matmul: ['matmul-nt-256'] });
    expect(parse('--only=matmul,matmul-nt-256').groups.matmul).toEqual(KNOWN.groups.matmul);
    expect(parse('--systems', 'tfjs,btc').systems).toEqual(['btc', 'tfjs']);
    expect(parse('--target', 'webgpu,wasm,webgpu').targets).toEqual(['webgpu', 'wasm']);
  });

  it.each([
    [['--onyl', 'mlp'], "'--onyl' is no option of the bench; --help lists them"],
    [['mlp'], "'mlp' is no option of the bench; --help lists them"],
    [['--only'], "'--only' needs a value"],
    [['--only', '--quick'], "'--only' needs a value"],
    [['--only='], "'--only' needs a value"],
    [
      ['--only', 'mpl'],
      "'--only' knows mlp, matmul, sums, matmul-nn-256, matmul-nt-256, sum-rows, not 'mpl'",
    ],
    [['--target', 'cuda'], "'--target' knows wasm, native, swiftshader, webgpu, not 'cuda'"],
    [['--systems', 'btc,torch'], "'--systems' knows btc, jax-js, tfjs, not 'torch'"],
    [['--rounds', '0'], "'--rounds' is a whole number of at least 1, not '0'"],
    [['--rounds', '1.5'], "'--rounds' is a whole number of at least 1, not '1.5'"],
    [['--seconds', 'soon'], "'--seconds' is a positive number, not 'soon'"],
    [['--timeout', '-1'], "'--timeout' is a positive number, not '-1'"],
    [['--quick', '--quick'], "'--quick' is given twice"],
    [['--json=x'], "'--json' takes no value"],
    [
      ['--cpu'],
      "'--cpu' is for '--target wasm' alone: elsewhere others than the thread are waited for",
    ],
    [
      ['--cpu', '--target', 'wasm,swiftshader'],
      "'--cpu' is for '--target wasm' alone: elsewhere others than the thread are waited for",
    ],
  ])('refuses %j', (given, message) => {
    expect(() => parse(...given)).toThrow(new bench.UsageError(message));
  });
});

const nullable = (type: object) => ({ anyOf: [type, { type: 'null' }] });
const POSITIVE = { type: 'number', exclusiveMinimum: 0 };
const ROW = {
  type: 'object',
  additionalProperties: false,
  required: ['model', 'system', 'target', 'ms', 'spread', 'dispatches', 'submits'].concat([
    'deviceBytes',
    'firstStepMs',
    'reason',
  ]),
  properties: {
    model: { type: 'string' },
    system: { type: 'string' },
    target: { type: 'string' },
    ms: nullable(POSITIVE),
    spread: nullable({ type: 'array', items: POSITIVE, minItems: 2, maxItems: 2 }),
    ratio: nullable(POSITIVE),
    rounds: { type: 'integer', minimum: 0 },
    dispatches: nullable({ type: 'integer', minimum: 0 }),
    submits: nullable({ type: 'integer', minimum: 0 }),
    deviceBytes: nullable({ type: 'integer', minimum: 0 }),
    firstStepMs: nullable(POSITIVE),
    gflops: nullable(POSITIVE),
    gbs: nullable(POSITIVE),
    share: nullable(POSITIVE),
    reason: nullable({ type: 'string' }),
  },
};

describe('rows', () => {
  const ceilings = { gflops: 40, gbs: 20 };
  const fast = rowOf({
    rounds: rounds(30, 20, 40),
    baseline: rounds(10, 10, 10),
    work: { flops: 6e8, bytes: 3e8 },
    ceilings,
  });

  it('are the median over rounds, its quartiles, and the rates beside the nearer ceiling', () => {
    expect(fast).toMatchObject({ ms: 30, spread: [25, 35], ratio: 3, rounds: 3, firstStepMs: 300 });
    // 6e8 operations in 30 ms: 20 of 40 GFLOP/s; 3e8 bytes: 10 of 20 GB/s.
    expect(fast).toMatchObject({ gflops: 20, gbs: 10, share: 0.5 });
    const memory = rowOf({ rounds: rounds(30), work: { flops: 3e7, bytes: 3e8 }, ceilings });
    expect(memory.share).toBeCloseTo(0.5);
    const model = rowOf({ rounds: rounds(30), work: { flops: 6e8, bytes: null }, ceilings });
    expect(model).toMatchObject({ gbs: null, share: 0.5, ratio: null });
  });

  it('have a reason and no time where a system cannot do it, or failed in a round', () => {
    const refused = rowOf({ reason: 'no gradient', check: { deviceBytes: 8 } });
    expect(refused).toMatchObject({ ms: null, spread: null, reason: 'no gradient' });
    const failedLater = rowOf({ reason: 'took more than 9 s', rounds: rounds(30) });
    expect(failedLater).toMatchObject({ ms: null, ratio: null, firstStepMs: null, rounds: 1 });
    expect(rowOf({}).reason).toBe('nothing was measured');
  });

  it('follow a schema', () => {
    const valid = new Ajv().compile(ROW);
    for (const row of [fast, rowOf({ reason: 'no gradient' }), rowOf({ rounds: rounds(1) })])
      expect(valid(JSON.parse(JSON.stringify(row))), JSON.stringify(valid.errors)).toBe(true);
  });
});

describe('tables', () => {
  const rows = [
    rowOf({ system: 'btc', rounds: rounds(12.345), baseline: rounds(12.345) }),
    rowOf({ system: 'jax-js', rounds: rounds(0.1234), baseline: rounds(12.345) }),
    rowOf({ system: 'tfjs', reason: 'no | gradient' }),
    rowOf({ system: 'tfjs', model: 'cnn', reason: 'no | gradient' }),
  ];

  it('stand in columns, a reason in place of what was not measured', () => {
    const [head, btc, jax, tfjs] = bench.textTable(rows);
    expect(btc.indexOf('12.3') + '12.3'.length).toBe(head.indexOf(' ms ') + ' ms'.length);
    expect(jax).toContain('0.123');
    expect(tfjs).toMatch(/^mlp\s+tfjs\s+no \| gradient$/);
  });

  it('make a page that says what was measured where and when', () => {
    const target = {
      about: 'WebGPU on a card',
      adapter: 'Card 1',
      driver: 'Driver 2.3',
      ceilings: { gflops: 100, gbs: 50 },
    };
    const page = bench.markdownPage({
      date: '2030-01-02',
      node: '20.1.0',
      cpu: 'Processor 9',
      cores: 2,
      load: 3.21,
      versions: { btc: '1.0.0', 'jax-js': '0.1.25', tfjs: null },
      options: { rounds: 5, seconds: 1 },
      targets: [
        { ...target, target: 'wasm' },
        { ...target, target: 'native' },
      ],
      rows,
    });
    for (const text of [
      'date: 2030-01-02',
      'Processor 9, 2 cores, Node 20.1.0',
      'load before: 3.2 processes',
      'btc 1.0.0, jax-js 0.1.25, tfjs not installed',
      '## wasm\n',
      'adapter Card 1; driver Driver 2.3; ceilings 100.0 GFLOP/s and 50.0 GB/s.',
      '| mlp | jax-js | 0.123 | 0.123 - 0.123 | 0.01 |',
      '- mlp, cnn with tfjs: no | gradient',
    ])
      expect(page).toContain(text);
    // A target of which there is no row has no part of its own.
    expect(page).not.toContain('## native');
    const columns = page.split('\n').filter((line) => line.startsWith('|'));
    expect(new Set(columns.map((line) => line.split('|').length)).size).toBe(1);
  });
});

describe('data', () => {
  it('is the same in each process, within its range', () => {
    const { inputs } = bench.MODELS.mlp;
    const [first, second] = [bench.inputValues(inputs), bench.inputValues(inputs)];
    for (const [name, { values }] of Object.entries(first))
      expect(values.every((value, k) => value === second[name].values[k])).toBe(true);
    expect(first.x.values).toHaveLength(128 * 784);
    expect(Math.max(...first.x.values)).toBeLessThanOrEqual(1);
    expect(new Set(first.label.values)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  });

  it('turns to channels first and back', () => {
    // Batch 1, height 1, width 2, three channels.
    const image = { values: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [1, 1, 2, 3] };
    const turned = bench.channelsFirst(image, 'image');
    expect([...turned.values]).toEqual([1, 4, 2, 5, 3, 6]);
    expect(turned.shape).toEqual([1, 3, 1, 2]);
    const random = { values: Float32Array.from({ length: 120 }, Math.random), shape: [2, 3, 4, 5] };
    for (const layout of ['image', 'kernel', null] as const)
      expect(bench.channelsLast(bench.channelsFirst(random, layout), layout)).toEqual(random);
  });

  it('is compared by its length, its magnitude and values spread over it', () => {
    const values = Float32Array.from({ length: 1000 }, (_, k) => (k % 2 ? -k : k));
    const print = bench.fingerprint(values);
    expect(print.slice(0, 3)).toEqual([1000, 499500, 0]);
    expect(print.at(-1)).toBe(-999);
    expect(bench.fingerprint(Float32Array.of(3))).toEqual([1, 3, 3]);
  });

  it('has each row in one group', () => {
    const rows = Object.values(bench.GROUPS).flat();
    expect(new Set(rows)).toEqual(
      new Set([...Object.keys(bench.MODELS), ...Object.keys(bench.KERNELS)]),
    );
    expect(new Set(rows).size).toBe(rows.length);
    expect(bench.KERNELS['matmul-nn-512']).toMatchObject({ flops: 2 ** 28, bytes: 3 * 2 ** 20 });
  });
});

/** The fields of a message of protocol buffers, by number: numbers, and bytes. */
function fieldsOf(message: Uint8Array): Map<number, (number | Uint8Array)[]> {
  const fields = new Map<number, (number | Uint8Array)[]>();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const number = varint();
    const value = key & 2 ? message.subarray(at, at + number) : number;
    if (key & 2) at += number;
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

describe('ONNX models', () => {
  const operand = (shape: readonly number[]) => ({
    values: new Float32Array(shape.reduce((a, b) => a * b, 1)),
    shape,
  });
  const textOf = (value: unknown) => new TextDecoder().decode(value as Uint8Array);

  it.each([
    ['matmul-nn-256', ['MatMul']],
    ['matmul-tn-256', ['Gemm']],
    ['conv-forward', ['Conv']],
    ['conv-weight-gradient', ['Transpose', 'Transpose', 'Conv', 'Transpose']],
    ['sum-columns', ['ReduceSum']],
  ])('of %s is read back as %j', (row, wanted) => {
    const { operands } = bench.KERNELS[row];
    const parameters = Object.fromEntries(
      Object.entries(operands).map(([name, shape]) => [name, operand(shape)]),
    );
    const { model, result } = bench.onnxKernel(row, parameters);
    const [graph] = fieldsOf(model).get(7) as Uint8Array[];
    const parts = fieldsOf(graph);
    const nodes = (parts.get(1) as Uint8Array[]).map(fieldsOf);
    expect(nodes.map((node) => textOf(node.get(4)?.[0]))).toEqual(wanted);
    expect(textOf(nodes.at(-1)?.get(2)?.[0])).toBe(result);
    const inputs = (parts.get(11) as Uint8Array[]).map((input) =>
      textOf(fieldsOf(input).get(1)?.[0]),
    );
    expect(inputs).toEqual(Object.keys(operands));
  });

  it('are of kernels alone', () => {
    expect(() => bench.onnxKernel('mlp', {})).toThrow('no gradients');
  });
});

describe('processes', () => {
  it('end when their time is over, and say so', async () => {
    const { lines, reason } = await bench.runScript('ceilings.mjs', ['wasm', '1'], {
      environment: process.env,
      timeout: 0.02,
    });
    expect({ lines, reason }).toEqual({ lines: [], reason: 'took more than 0.02 s' });
  });

  it('say why they failed', async () => {
    const { reason } = await bench.runScript('worker.mjs', ['no job'], {
      environment: process.env,
      timeout: 60,
    });
    expect(reason).toMatch(/^ended with code 1: SyntaxError/);
  });
});
