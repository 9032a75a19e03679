import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planMemory } from '../../compiler/plan-search/index.ts';
import type { Affine, Expression, Kernel, Store } from '../../ir/kernel.ts';
import { isStaged, partList, splitStages, stageAxes, tileParts } from '../../ir/kernel-stage.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';
import { type Schedule, WASM_LIMITS, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { parseSchedule, printSchedule } from '../../ir/schedule-text.ts';
import { randomSchedule } from '../memory/random-schedule.ts';
import { caseFiles, readCases } from '../support/cases.ts';
import { kernelCases } from '../support/random-kernel.ts';
import { soaked } from '../support/soak.ts';

const LINEAR = `kernel linear {
  axis a0 parallel 4
  axis a1 reduced 3
  buffer b0 read f32 12
  buffer b1 read f32 3
  buffer b2 read_write f32 4
  n0: f32 = load b0[3*a0 + a1]
  n1: f32 = load b1[a1]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
  n4: f32 = load b2[a0]
  n5: f32 = add n4, n3
  store b2[a0] = n5
}
`;
const SCATTER = `kernel scatter {
  axis a0 parallel 2
  axis a1 sequential 5
  buffer b0 read i32 5
  buffer b1 read f32 10
  buffer b2 read_write f32 6
  n0: i32 = load b0[a1]
  n1: f32 = load b1[a0 + 2*a1]
  store b2[a0 + 2*(n0 < 3)] += n1
}
`;
const MOMENTS = `kernel moments {
  axis a0 parallel 4
  axis a1 reduced 3
  buffer b0 read f32 12
  buffer b1 write f32 4
  buffer b2 write f32 4
  n0: f32 = load b0[3*a0 + a1]
  reduce sum n0
  n1: f32 = accumulator
  n2: f32 = mul n0, n0
  reduce max n2
  n3: f32 = accumulator2
  n4: f32 = add n1, n3
  store b1[a0] = n1
  store b2[a0] = n4
}
`;
const SHIFT = `kernel shift {
  axis a0 parallel 8
  buffer b0 read f32 8
  buffer b1 write f32 16
  n0: f32 = load b0[-1 + a0] where 0 <= -1 + a0 < 8
  n1: i32 = index -5 + 2*a0
  n2: f32 = random seed 1 stream 4294967295 counter a0 step n1
  n3: i32 = constant 7
  n4: i32 = inBounds 0 <= -1 + a0 < 8
  n5: f32 = select n4, n0, n2
  store b1[a0] = n5
  store b1[8 + a0] = n2
}
`;

const CHAIN = `kernel chain {
  axis a0 parallel 4
  axis a1 parallel 3
  axis a2 reduced 5
  buffer b0 read f32 8
  buffer b1 read f32 10
  buffer b2 read f32 15
  buffer b3 write f32 12
  buffer b4 write f32 5
  stage over 1 local f32 5 in b4 {
    axis a1 parallel 5
    axis a2 reduced 2
    n0: f32 = load b0[2*a0 + a2]
    n1: f32 = load b1[a1 + 5*a2]
    n2: f32 = mul n0, n1
    reduce sum n2
    n3: f32 = accumulator
    store local[a1] = n3
  }
  n0: f32 = load local[a2]
  n1: f32 = load b2[a1 + 3*a2]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
  store b3[3*a0 + a1] = n3
}
`;

const SOFTMAX = `kernel softmax {
  axis a0 parallel 4
  axis a1 reduced 2
  axis a2 reduced 3
  buffer b0 read f32 8
  buffer b1 read f32 12
  buffer b2 read f32 6
  buffer b3 write f32 4
  buffer b4 write f32 4
  stage over 0 and 1 reduced local f32 12 {
    axis a1 parallel 4
    axis a2 parallel 3
    axis a3 reduced 2
    n0: f32 = load b0[2*a1 + a3]
    n1: f32 = load b1[6*a0 + 2*a2 + a3]
    n2: f32 = mul n0, n1
    reduce sum n2
    n3: f32 = accumulator
    store local[a1 + 4*a2] = n3
  }
  n0: f32 = load local[a0 + 4*a2]
  n1: f32 = load b2[3*a1 + a2]
  reduce max n0
  n2: f32 = accumulator
  n3: i32 = toI32 n0
  reduce sum n1 rescaled 1
  n4: f32 = accumulator2
  store b3[a0] = n2
  store b4[a0] = n4
}
`;

const EXAMPLES = [LINEAR, SCATTER, SHIFT, CHAIN, MOMENTS, SOFTMAX].map((text) => [
  text.split(' ')[1],
  text,
]);

/** `text` with one line or a part of it replaced, which must be there. */
function changed(text: string, from: string, to: string): string {
  expect(text).toContain(from);
  return text.replace(from, to);
}

const casesOf = (folder: string) => caseFiles(folder).flatMap((file) => readCases(folder, file));

type Load = Extract<Expression, { kind: 'load' }>;

/** `kernel` with some of its addresses, bounds, axes or sizes changed, or with one more store; or one of its stages. */
function mutated(kernel: Kernel, draw: (limit: number) => number): Kernel {
  const { staging } = kernel;
  if (staging && draw(2) === 0) {
    const { tileAxes, tileTerms, stages } = staging;
    const number = draw(stages.length);
    const stage = stages[number];
    const axes = stageAxes(kernel.axes, staging, stage);
    const plain = { ...stage, name: '', axes, buffers: kernel.buffers };
    const { axes: all, buffers, nodes, stores } = mutatedPart(plain, draw);
    const changed = { ...stage, axes: all.slice(tileAxes + tileTerms), nodes, stores };
    return { ...kernel, buffers, staging: { ...staging, stages: stages.with(number, changed) } };
  }
  return mutatedPart(kernel, draw);
}

function mutatedPart<Part extends Omit<Kernel, 'staging'>>(
  kernel: Part,
  draw: (limit: number) => number,
): Part {
  if (kernel.axes.length === 0) return kernel;
  const { axes, buffers, nodes, stores } = kernel;
  const by = [-2, -1, 1, 2, 8][draw(5)];
  const bent = ({ offset, coefficients }: Affine): Affine => {
    const [one, other] = [draw(axes.length), draw(axes.length)];
    const bend = [
      () => ({ offset: offset + by, coefficients }),
      () => ({ offset, coefficients: coefficients.map((c, i) => (i === one ? c + by : c)) }),
      () => ({ offset, coefficients: coefficients.with(one, coefficients[other]) }),
    ];
    return bend[draw(bend.length)]();
  };
  const loads = (change: (load: Load) => Partial<Load>) => ({
    nodes: nodes.map((node) =>
      node.kind === 'load' && draw(2) === 0 ? { ...node, ...change(node) } : node,
    ),
  });
  const resized = (size: number) =>
    buffers.map((buffer) => ({ ...buffer, elements: Math.max(1, buffer.elements + size) }));
  const grown = (size: number) => Math.max(1, size + (draw(2) === 0 ? by : 0));
  const changes: readonly (() => Partial<Kernel>)[] = [
    () => ({ axes: axes.map((axis) => ({ ...axis, extent: grown(axis.extent) })) }),
    () => ({ buffers: resized(by) }),
    () => loads(() => ({ bounds: [] })),
    () => loads(({ bounds }) => ({ bounds: bounds.map((b) => ({ ...b, index: bent(b.index) })) })),
    () => loads(({ index }) => ({ index: bent(index) })),
    () => ({ stores: stores.map((store) => ({ ...store, index: bent(store.index) })) }),
    () => ({
      stores: [...stores, { ...stores[0], index: bent(stores[0].index) }],
      buffers: resized(8),
    }),
  ];
  return { ...kernel, ...changes[draw(changes.length)]() };
}

/** What goes wrong at some point of the axes, whatever the buffers hold; all are visited. */
function faultOf(kernel: Kernel): string | null {
  if (!isStaged(kernel)) return faultOfPlain(kernel);
  const parts = partList(splitStages(kernel));
  for (const part of [...parts, ...partList(tileParts(kernel)).slice(-1)]) {
    const fault = faultOfPlain(part);
    if (fault) return fault;
  }
  for (const [number, { axes, stores }] of parts.slice(0, -1).entries()) {
    const filled = new Set(valuesOf(axes, stores[0].index));
    const isUnfilled = ({ axes: own, nodes }: Kernel) =>
      nodes.some(
        (node) =>
          node.kind === 'load' &&
          node.buffer === kernel.buffers.length + number &&
          node.bounds.length === 0 &&
          valuesOf(own, node.index).some((address) => !filled.has(address)),
      );
    if (parts.slice(number + 1).some(isUnfilled))
      return 'an element is loaded that the stage leaves out';
  }
  const touching = kernel.buffers.map((_, buffer) => ({
    stores: parts.filter(({ stores }) => stores.some((store) => store.buffer === buffer)),
    loads: parts.filter(({ nodes }) =>
      nodes.some((node) => node.kind === 'load' && node.buffer === buffer),
    ),
  }));
  return touching.some(
    ({ stores, loads }) => stores.length > 0 && new Set([...stores, ...loads]).size > 1,
  )
    ? 'a part stores what another touches'
    : null;
}

function pointsOf(axes: Kernel['axes']): number[][] {
  return axes.reduce<number[][]>(
    (all, { extent }) =>
      all.flatMap((point) => Array.from({ length: extent }, (_, i) => [...point, i])),
    [[]],
  );
}

const valueAt = ({ offset, coefficients }: Affine, point: readonly number[]) =>
  coefficients.reduce((sum, c, axis) => sum + c * point[axis], offset);

const valuesOf = (axes: Kernel['axes'], affine: Affine) =>
  pointsOf(axes).map((point) => valueAt(affine, point));

function faultOfPlain({ axes, buffers, nodes, stores }: Kernel): string | null {
  const addresses = ({ index, indirect }: Pick<Store, 'index' | 'indirect'>, point: number[]) =>
    Array.from(
      { length: indirect?.extent ?? 1 },
      (_, row) => valueAt(index, point) + row * (indirect?.stride ?? 0),
    );
  const owners = new Map<string, string>();
  for (const point of pointsOf(axes)) {
    const owner = point.filter((_, axis) => axes[axis].kind === 'parallel').join();
    const stored = new Map<number, Set<number>>();
    for (const store of stores) {
      for (const address of addresses(store, point)) {
        if (address < 0 || address >= buffers[store.buffer].elements) return 'a store outside';
        const element = `${store.buffer}:${address}`;
        if ((owners.get(element) ?? owner) !== owner) return 'an element stored by two points';
        owners.set(element, owner);
        stored.set(store.buffer, (stored.get(store.buffer) ?? new Set()).add(address));
      }
    }
    for (const node of nodes) {
      if (node.kind !== 'load') continue;
      const inside = node.bounds.every(({ index, extent }) => {
        const value = valueAt(index, point);
        return value >= 0 && value < extent;
      });
      if (!inside) continue;
      for (const address of addresses(node, point)) {
        if (address < 0 || address >= buffers[node.buffer].elements) return 'a load outside';
        if (stored.get(node.buffer)?.has(address) === false) return 'another element is loaded';
      }
    }
  }
  return null;
}

describe('kernel text', () => {
  it.each(EXAMPLES)('is read and printed as it stands: %s', (_, text) => {
    expect(printKernel(parseKernel(text))).toBe(text);
  });

  it('is read back as the same kernel, for random kernels', () => {
    fc.assert(
      fc.property(kernelCases(), ({ kernel }) => {
        expect(parseKernel(printKernel(kernel))).toEqual(kernel);
      }),
      soaked(500),
    );
  });

  it('is read back as the same kernel, for the kernels of the cases', () => {
    const texts = casesOf('codegen').map(({ input }) => input);
    expect(texts.length).toBeGreaterThan(0);
    for (const text of texts) {
      const kernel = parseKernel(text);
      expect(parseKernel(printKernel(kernel))).toEqual(kernel);
    }
  });

  it('keeps every name and every constant', () => {
    const constants = fc.oneof(fc.double(), fc.constantFrom(-0, 1e-45, 3.4e38));
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), constants, (name, value) => {
        const node: Expression = { kind: 'constant', dtype: 'f32', value };
        const kernel = { ...parseKernel(LINEAR), name, nodes: [node] };
        expect(parseKernel(printKernel(kernel))).toEqual(kernel);
      }),
    );
  });

  it('keeps every affine function', () => {
    const whole = fc.integer({ min: -(2 ** 40), max: 2 ** 40 });
    fc.assert(
      fc.property(fc.array(whole, { maxLength: 5 }), whole, (coefficients, offset) => {
        const kernel: Kernel = {
          ...parseKernel(SHIFT),
          axes: coefficients.map(() => ({ extent: 2, kind: 'parallel' as const })),
          nodes: [{ kind: 'index', dtype: 'i32', index: { offset, coefficients } }],
          stores: [],
        };
        expect(parseKernel(printKernel(kernel))).toEqual(kernel);
      }),
    );
  });

  it.each([
    ['axes behind nodes', SHIFT, '  store b1[a0]', '  axis a1 parallel 2\n  store b1[a0]', 11],
    ['nodes out of order', LINEAR, 'n1: f32 =', 'n2: f32 =', 8],
    ['a term that is none', LINEAR, 'load b1[a1]', 'load b1[a1*a1]', 8],
    ['terms without a sign between', LINEAR, '3*a0 + a1', '3*a0 a1', 7],
    ['an operand that is no node', LINEAR, 'mul n0, n1', 'mul n0, b1', 9],
    ['a bound of another form', SHIFT, '0 <= -1 + a0 < 8', '1 <= a0 < 8', 5],
    ['a second where', SHIFT, 'a0 < 8\n  n1', 'a0 < 8 where so\n  n1', 5],
    ['a random without step', SHIFT, ' step n1', '', 7],
    ['a constant that is no number', SHIFT, 'constant 7', 'constant seven', 8],
    ['a constant without number', SHIFT, 'constant 7', 'constant', 8],
    ['an index of f32', SHIFT, 'n1: i32 = index', 'n1: f32 = index', 6],
    ['a random of i32', SHIFT, 'n2: f32 = random', 'n2: i32 = random', 7],
    ['words behind the accumulator', LINEAR, 'accumulator', 'accumulator n2', 11],
    ['an accumulator of a number that is none', LINEAR, 'accumulator', 'accumulator1', 11],
    ['a name that is no JSON', LINEAR, 'kernel linear', 'kernel "\\q"', 1],
  ])('is refused with its line where there is %s', (_, text, from, to, line) => {
    const broken = changed(text, from, to);
    expect(() => parseKernel(broken)).toThrow(new RegExp(`^line ${line}: `));
  });
});

describe('schedule text', () => {
  it('is read back as the same schedule, for the schedules of the cases', () => {
    const texts = casesOf('memory').flatMap(({ input, expected }) => [input, expected]);
    const schedules = texts.filter((text) => text.startsWith('schedule '));
    expect(schedules.length).toBeGreaterThan(0);
    for (const text of schedules) {
      const schedule = parseSchedule(text);
      expect(parseSchedule(printSchedule(schedule))).toEqual(schedule);
    }
  });

  it('keeps random schedules with any names, labels, positions and ranges', () => {
    const text = fc.string({ unit: 'binary' });
    const source = fc.option(
      fc.record({
        file: fc.stringMatching(/^[\w /(),.@-]+$/),
        line: fc.nat(),
        column: fc.nat(),
      }),
    );
    const parts = fc.record({ seed: fc.nat(), steps: fc.integer({ min: 1, max: 12 }) });
    fc.assert(
      fc.property(parts, fc.gen(), ({ seed, steps }, draw) => {
        const plain = randomSchedule(seed, steps);
        const schedule: Schedule = {
          ...plain,
          name: draw(() => text),
          tensors: plain.tensors.map((tensor) => ({
            ...tensor,
            name: draw(() => text),
            source: draw(() => source),
          })),
          programs: plain.programs.map((program, i) => ({
            name: `${i}${draw(() => text)}`,
            inputs: program.inputs.map((input) => ({
              name: draw(() => text),
              tensor: input.tensor,
              default: draw(() => fc.option(fc.double().map((value) => value + 0))),
              counter: draw(fc.boolean),
            })),
            outputs: program.outputs.map(({ tensor }) => ({ name: draw(() => text), tensor })),
            steps: program.steps.map((step) => ({
              ...step,
              label: draw(() => text),
              source: draw(() => source),
              ...(draw(fc.boolean) ? { offsets: step.operands.map((_, k) => 64 * (k + 1)) } : {}),
            })),
          })),
        };
        expect(parseSchedule(printSchedule(schedule))).toEqual(schedule);
      }),
    );
  });

  it('keeps what the memory passes add', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom('webgpu', 'wasm'), (seed, target) => {
        const limits = target === 'wasm' ? WASM_LIMITS : WEBGPU_DEFAULT_LIMITS;
        const { schedule } = planMemory(randomSchedule(seed, 10), limits, { target });
        expect(parseSchedule(printSchedule(schedule!))).toEqual(schedule);
      }),
      soaked(30),
    );
  });

  const small = `schedule s
tensor t0 x: f32[2] input of p
program p
  input x = t0 default 1 counter
  output y = t0
`;

  it('keeps a default of negative zero', () => {
    const schedule = parseSchedule(changed(small, 'default 1', 'default -0'));
    expect(schedule.programs[0].inputs[0].default).toBe(-0);
    expect(parseSchedule(printSchedule(schedule))).toEqual(schedule);
  });

  it.each([
    ['a default that is no number', 'default 1', 'default one', 4],
    ['a tensor that is none', 'output y = t0', 'output y = b0', 5],
    ['a position of another form', 'of p\n', 'of p @ there\n', 2],
    ['a range that is none', '  output', '  step 0: k0(t0+a) "x"\n  output', 5],
    ['a label that is no JSON', '  output', '  step 0: k0(t0) "\\q"\n  output', 5],
  ])('is refused with its line where there is %s', (_, from, to, line) => {
    const broken = changed(small, from, to);
    expect(() => parseSchedule(broken)).toThrow(new RegExp(`^line ${line}: `));
  });
});

describe('verifyKernel', () => {
  it.each(EXAMPLES)('finds nothing wrong with %s', (_, text) => {
    expect(verifyKernel(parseKernel(text))).toEqual([]);
  });

  it('finds nothing wrong with random kernels', () => {
    fc.assert(
      fc.property(kernelCases(), ({ kernel }) => {
        expect(verifyKernel(kernel)).toEqual([]);
      }),
    );
  });

  const AXES = 'a0 parallel 4\n  axis a1 reduced 3';
  const SECOND = 'reduce sum n2\n  reduce max';
  const broken: readonly (readonly [text: string, from: string, to: string, reason: string])[] = [
    [LINEAR, 'a0 parallel 4', 'a0 parallel 0', 'a0: the extent 0 is not positive'],
    [LINEAR, AXES, 'a0 reduced 4\n  axis a1 parallel 3', 'a1: a parallel axis stands behind'],
    [SCATTER, 'a0 parallel 2', 'a0 reduced 2', 'axes: reduced and sequential axes in one kernel'],
    [LINEAR, 'b1 read f32 3', 'b1 read f32 0', 'b1: the size 0 is not positive'],
    [LINEAR, 'n2: f32 = mul n0, n1', 'n2: f32 = mul n0, n4', 'n2: operand n4 does not precede it'],
    [LINEAR, 'n2: f32 = mul', 'n2: f32 = lt', 'n2: the result is i32'],
    [LINEAR, 'load b1[a1]', 'load b3[a1]', 'n1: there is no buffer b3'],
    [LINEAR, 'n1: f32 = load', 'n1: i32 = load', 'n1: b1 is f32'],
    [LINEAR, '  reduce sum n2\n', '', 'n3: an accumulator without a reduction'],
    [LINEAR, '  reduce sum n2\n', '', 'reduce: reduced axes without a reduction'],
    [LINEAR, 'reduce sum n2', 'reduce sum n9', 'reduce: there is no node n9'],
    [LINEAR, 'n3: f32 = acc', 'n3: i32 = acc', 'n3: the reduced value n2 is not i32'],
    [LINEAR, 'accumulator', 'constant 1', 'reduce: nothing uses the accumulator'],
    [MOMENTS, 'accumulator2', 'accumulator3', 'n3: an accumulator without a reduction'],
    [MOMENTS, 'reduce max n2', 'reduce max n1', 'reduce 2: n1 depends on an accumulator'],
    [MOMENTS, 'reduce max n2', 'reduce max n9', 'reduce 2: there is no node n9'],
    [LINEAR, 'accumulator', 'accumulator2', 'n3: an accumulator without a reduction'],
    [SOFTMAX, 'rescaled 1', 'rescaled 2', 'reduce 2: what it is rescaled by is no maximum'],
    [SOFTMAX, 'rescaled 1', 'rescaled 3', 'reduce 2: what it is rescaled by is no maximum'],
    [SOFTMAX, 'rescaled 1', 'rescaled 0', 'reduce 2: what it is rescaled by is no maximum'],
    [SOFTMAX, 'reduce max n0', 'reduce min n0', 'reduce 2: what it is rescaled by is no maximum'],
    [SOFTMAX, 'reduce max n0', 'reduce max n3', 'reduce 2: what it is rescaled by is no maximum'],
    [SOFTMAX, 'sum n1 rescaled', 'max n1 rescaled', 'reduce 2: only sums of f32 are rescaled'],
    [SOFTMAX, 'sum n1 rescaled', 'sum n3 rescaled', 'reduce 2: only sums of f32 are rescaled'],
    [MOMENTS, 'reduce max n2', 'reduce sum n2 rescaled 1', 'only kernels with stages rescale sums'],
    [CHAIN, '    reduce sum n2', '    reduce sum n2 rescaled 1', 'stage: a stage rescales no sums'],
    [LINEAR, 'reduce sum n2', `${SECOND} n2`, 'reduce 2: nothing uses the accumulator'],
    [LINEAR, 'reduce sum n2', 'reduce sum n5', 'reduce: n5 depends on an accumulator'],
    [LINEAR, 'add n4, n3', 'add n1, n3', 'store 0: depends on a reduced axis'],
    [LINEAR, 'store b2[a0]', 'store b2[a1]', 'store 0: depends on a reduced axis'],
    [LINEAR, '3*a0 + a1', '3*a0 + 2*a1', 'n0: addresses 0 to 13 of b0, which has 12'],
    [LINEAR, 'b2[a0] = n5', 'b2[1 + a0] = n5', 'store 0: addresses 1 to 4 of b2, which has 4'],
    [LINEAR, 'b2[a0] = n5', 'b3[a0] = n5', 'store 0: there is no buffer b3'],
    [LINEAR, 'b2[a0] = n5', 'b2[a0] = n9', 'store 0: there is no node n9'],
    [LINEAR, 'b2[a0] = n5', 'b2[a0] += n5', 'store 0: accumulates without sequential axes'],
    [LINEAR, 'b2[a0] = n5', 'b2[0] = n5', 'store 0: two points of the parallel axes'],
    [
      LINEAR,
      'load b2[a0]',
      'load b2[3 - a0]',
      'b2: a point loads an element that it does not store',
    ],
    [LINEAR, 'read_write', 'write', "b2: is loaded, but its access is 'write'"],
    [LINEAR, 'read_write', 'read', "b2: is stored to, but its access is 'read'"],
    [LINEAR, 'b1 read f32', 'b1 read_write f32', 'b1: is never stored to'],
    [LINEAR, 'load b1[a1]', 'load b0[a1]', 'b1: is never loaded'],
    [SCATTER, 'read_write', 'write', "b2: is accumulated into, but its access is 'write'"],
    [SCATTER, '(n0 < 3)', '(n1 < 3)', 'store 0: the address n1 is not i32'],
    [SCATTER, '(n0 < 3)', '(n7 < 3)', 'store 0: there is no node n7'],
    [SCATTER, '(n0 < 3)', '(n0 < 0)', 'store 0: the bound 0 is not positive'],
    [SCATTER, '(n0 < 3)', '(n0 < 4)', 'store 0: addresses 0 to 7 of b2, which has 6'],
    [SCATTER, '2*(n0 < 3)', '1*(n0 < 3)', 'store 0: two points of the parallel axes'],
    [SCATTER, '+= n1', '+= n0', 'store 0: n0 is i32, b2 is f32'],
    [SCATTER, 'b2 read_write f32', 'b2 read_write i32', 'store 0: only f32 accumulates'],
    [SHIFT, ' where 0 <= -1 + a0 < 8\n  n1', '\n  n1', 'n0: addresses -1 to 6 of b0, which has 8'],
    [SHIFT, 'a0 < 8\n  n1', 'a0 < 0\n  n1', 'n0: the bound 0 is not positive'],
    [SHIFT, 'constant 7', 'constant 2147483648', 'n3: 2147483648 is not an i32'],
    [LINEAR, '  store b2[a0] = n5\n', '', 'stores: there is none'],
    [
      SHIFT,
      'index -5 + 2*a0',
      'index 2147483640 + 2*a0',
      'n1: computes 2147483640 to 2147483654, not all of them i32',
    ],
    [
      SHIFT,
      'counter a0',
      'counter 4294967290 + a0',
      'n2: computes 4294967290 to 4294967297, not all of them i32 or u32',
    ],
    [
      SHIFT,
      'inBounds 0 <= -1 + a0 < 8',
      'inBounds 0 <= -1 - 536870912*a0 < 8',
      'n4: computes -3758096385 to -1, not all of them i32',
    ],
    [SHIFT, 'step n1', 'step n0', 'n2: the step n0 is not i32'],
    [SHIFT, 'select n4, n0, n2', 'select n0, n0, n2', "n5: the condition of 'select' must be i32"],
    [SHIFT, 'b1[8 + a0]', 'b1[4 + a0]', 'store 1: may store where store 0 of another point does'],
    [CHAIN, 'a2 reduced 5', 'a2 sequential 5', 'stages: has sequential axes'],
    [CHAIN, 'local f32 5 in', 'local f32 6 in', 'stage: 5 points fill 6 elements'],
    [
      CHAIN,
      'store local[a1] = n3',
      'store b4[a1] = n3',
      'stage: the first store is not a plain one',
    ],
    [
      CHAIN,
      'store local[a1] = n3',
      'store local[a1] += n3',
      'stage: the first store is not a plain one',
    ],
    [
      CHAIN,
      'n1: f32 = load b1[a1 + 5*a2]',
      'n1: f32 = load local[a1]',
      'stage: loads from an array that no earlier',
    ],
    [
      CHAIN,
      'n0: f32 = load local[a2]',
      'n0: f32 = load b4[a2]',
      'stage: nothing loads what it fills',
    ],
    [
      CHAIN,
      'load local[a2]',
      'load local[a0 + a2]',
      'stage: an address in the array depends on the tile',
    ],
    [
      CHAIN,
      'store b3[3*a0 + a1]',
      'store local[3*a0 + a1]',
      'stage: an address in the array depends on the tile, or the kernel stores',
    ],
    [
      CHAIN,
      'store b3[3*a0 + a1]',
      'store b0[3*a0 + a1]',
      'b0: one part of the kernel stores what another touches',
    ],
    [CHAIN, 'f32 5 in b4', 'f32 5 in b3', 'stage: b3 does not hold the array'],
    [CHAIN, 'f32 5 in b4', 'f32 5 in b7', 'stage: there is no buffer b7'],
    [CHAIN, 'f32 5 in b4', 'f32 5', 'b4: is never stored to'],
    [CHAIN, 'load b2[a1 + 3*a2]', 'load b4[a1 + 3*a2]', 'n1: addresses 0 to 14 of b4'],
    [CHAIN, 'load b2[a1 + 3*a2]', 'load b4[a2]', 'b4: is used, but is working memory'],
    [CHAIN, 'store local[a1]', 'store local[1 + a1]', 'stage store 0: addresses 1 to 5'],
    [CHAIN, 'store local[a1]', 'store local[0]', 'stage store 0: two points of the parallel axes'],
    [CHAIN, 'load local[a2]', 'load local[2*a2]', 'n0: addresses 0 to 8'],
    [CHAIN, 'load b0[2*a0 + a2]', 'load b0[3*a0 + a2]', 'stage n0: addresses 0 to 10 of b0'],
    [
      CHAIN,
      'mul n0, n1\n    reduce',
      'mul n0, n9\n    reduce',
      'stage n2: operand n9 does not precede',
    ],
  ];
  for (const [text, from, to, reason] of broken)
    it(`refuses '${to.trim()}' for '${from.trim()}': ${reason}`, () => {
      expect(verifyKernel(parseKernel(changed(text, from, to))).join('\n')).toContain(reason);
    });

  it('refuses numbers that no text has', () => {
    const { nodes, stores, ...rest } = parseKernel(SCATTER);
    const errorsOf = (changes: Partial<Store>) =>
      verifyKernel({ ...rest, nodes, stores: [{ ...stores[0], ...changes }] });
    expect(errorsOf({ index: { offset: 0, coefficients: [1] } })).toEqual([
      'store 0: 1 coefficients for 2 axes',
    ]);
    expect(errorsOf({ index: { offset: 0.5, coefficients: [1, 0] } })).toEqual([
      'store 0: an offset or coefficient is not a whole number',
    ]);
    expect(errorsOf({ indirect: { node: 0, stride: 2.5, extent: 2 } })).toEqual([
      'store 0: the stride 2.5 is not a whole number',
    ]);
  });

  it('refuses tile axes that are none', () => {
    const { staging, ...rest } = parseKernel(CHAIN);
    const errorsOf = (tileAxes: number) =>
      verifyKernel({ ...rest, staging: { ...staging!, tileAxes } });
    expect(errorsOf(3)[0]).toBe('stages: 3 of 2 parallel axes are no tile axes');
    expect(errorsOf(4)[0]).toBe('stages: 4 of 2 parallel axes are no tile axes');
  });

  it('lets no kernel pass that leaves its buffers or whose points meet', () => {
    const counts = { passed: 0, faulty: 0 };
    const property = fc.property(kernelCases(), fc.gen(), ({ kernel }, draw) => {
      const mutant = mutated(kernel, (limit) => draw(fc.nat, limit - 1));
      const staged = mutant.staging?.stages.flatMap(({ axes }) => axes) ?? [];
      const points = [...mutant.axes, ...staged].reduce(
        (product, { extent }) => product * extent,
        1,
      );
      fc.pre(points < 2000);
      const fault = faultOf(mutant);
      if (fault) counts.faulty++;
      if (verifyKernel(mutant).length > 0) return;
      counts.passed++;
      expect(fault).toBeNull();
    });
    fc.assert(property, soaked(1000));
    expect(counts.passed).toBeGreaterThan(100);
    expect(counts.faulty).toBeGreaterThan(100);
  });
});
