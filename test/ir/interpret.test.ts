import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEquation } from '../../ir/einsum.ts';
import { parseGraph } from '../../ir/graph-text.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { OP_NAMES } from '../../ir/ops.ts';
import { threefry } from '../../ir/random.ts';
import { verifyGraph } from '../../ir/verify.ts';

interface Tensor {
  /** As in `f32[2,3]`. */
  readonly type: string;
  readonly data: readonly number[];
}

/** What `operation` (name and attributes, as in the text of a graph) makes of the operands. */
function run(operation: string, operands: readonly Tensor[], type: string): number[] {
  const [, op, attributes] = /^(\w+)(.*)$/.exec(operation)!;
  const lines = operands.map((operand, i) => `%${i} = input name="x${i}" : ${operand.type}`);
  const list = operands.length > 0 ? `(${operands.map((_, i) => `%${i}`).join(', ')})` : '';
  lines.push(`%${lines.length} = ${op}${list}${attributes} : ${type}`);
  lines.push(`output "y" = %${operands.length}`);
  const graph = parseGraph(`graph g {\n${lines.join('\n')}\n}`);
  expect(verifyGraph(graph)).toEqual([]);
  const inputs = Object.fromEntries(operands.map(({ data }, i) => [`x${i}`, data]));
  return [...interpretGraph(graph, inputs, {}).outputs.y];
}

const numbers = (text: string) => text.split(' ').map(Number);

function tensor(text: string): Tensor {
  const [type, ...data] = text.split(' ');
  return { type, data: data.map(Number) };
}

interface Row {
  readonly behaviour: string;
  readonly operation: string;
  readonly operands: readonly Tensor[];
  readonly result: Tensor;
}

/** Reads `behaviour: operation | operand | … = result`. */
function readRow(line: string): Row {
  const [, behaviour, left, result] = /^(.+): (.+) = (.+)$/.exec(line)!;
  const [operation, ...operands] = left.split(' | ');
  return { behaviour, operation, operands: operands.map(tensor), result: tensor(result) };
}

const rows = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim());

const WHOLE = rows(`
  one number at every element: constant dtype="f32" shape=[2] value=-1.5 = f32[2] -1.5 -1.5
  counts along the outer axis: iota shape=[2,3] axis=0 = i32[2,3] 0 0 0 1 1 1
  counts along the inner axis: iota shape=[2,3] axis=1 = i32[2,3] 0 1 2 0 1 2
  keeps the row-major order: reshape shape=[3,2] | f32[2,3] 1 2 3 4 5 6 = f32[3,2] 1 2 3 4 5 6
  shows each element among its neighbours: window axis=0 positions=3 size=3 stride=1 dilation=1 low=1 value=-1 | f32[3] 1 2 3 = f32[3,3] -1 1 2 1 2 3 2 3 -1
  walks in strides and may turn its taps around: window axis=1 positions=2 size=2 stride=2 dilation=-1 low=-1 value=0 | f32[1,4] 1 2 3 4 = f32[1,2,2] 2 1 4 3
  adds up what lies under one element and drops what lies outside: fold axis=0 stride=1 dilation=1 low=1 extent=3 | f32[3,3] 1 2 3 4 5 6 7 8 9 = f32[3] 6 15 14
  is the identity: stopGradient | f32[3] 1 2 3 = f32[3] 1 2 3
  swaps two axes: transpose permutation=[1,0] | f32[2,3] 1 2 3 4 5 6 = f32[3,2] 1 4 2 5 3 6
  axis k is p[k]: transpose permutation=[2,0,1] | f32[1,2,3] 0 1 2 3 4 5 = f32[3,1,2] 0 3 1 4 2 5
  cuts a box out: slice starts=[1,0] sizes=[1,2] | f32[2,3] 1 2 3 4 5 6 = f32[1,2] 4 5
  cuts the last corner out: slice starts=[1,1] sizes=[1,2] | f32[2,3] 1 2 3 4 5 6 = f32[1,2] 5 6
  surrounds: pad low=[1,0] high=[0,2] value=-7 | f32[1,2] 1 2 = f32[2,4] -7 -7 -7 -7 1 2 -7 -7
  repeats along a new outer axis: broadcast shape=[3,2] axes=[1] | f32[2] 1 2 = f32[3,2] 1 2 1 2 1 2
  repeats along a new inner axis: broadcast shape=[2,3] axes=[0] | f32[2] 1 2 = f32[2,3] 1 1 1 2 2 2
  stretches an extent of one: broadcast shape=[2,2] axes=[0,1] | f32[2,1] 1 2 = f32[2,2] 1 1 2 2
  fills with a scalar: broadcast shape=[3] axes=[] | i32[] 9 = i32[3] 9 9 9
  stacks: concat axis=0 | f32[2,2] 1 2 3 4 | f32[1,2] 5 6 = f32[3,2] 1 2 3 4 5 6
  joins: concat axis=1 | i32[2,2] 1 2 3 4 | i32[2,1] 7 8 | i32[2,1] 9 0 = i32[2,4] 1 2 7 9 3 4 8 0
  adds along the inner axis: reduceSum axes=[1] | f32[2,3] 3 -1 2 -5 -4 -6 = f32[2] 4 -15
  adds along the outer axis: reduceSum axes=[0] | f32[2,3] 3 -1 2 -5 -4 -6 = f32[3] -2 -5 -4
  adds around a kept axis: reduceSum axes=[0,2] | f32[2,2,2] 0 1 2 3 4 5 6 7 = f32[2] 10 18
  adds along no axis: reduceSum axes=[] | f32[2] 4 5 = f32[2] 4 5
  wraps integers: reduceSum axes=[0] | i32[2] 2147483647 1 = i32[] -2147483648
  is negative for negative numbers: reduceMax axes=[1] | f32[2,3] 3 -1 2 -5 -4 -6 = f32[2] 3 -4
  is a scalar: reduceMax axes=[0,1] | f32[2,2] 3 -1 -5 7 = f32[] 7
  lets a NaN through: reduceMax axes=[0] | f32[2] NaN 1 = f32[] NaN
  takes the least: reduceMin axes=[0] | f32[2,3] 3 -1 2 -5 -4 -6 = f32[3] -5 -4 -6
  takes the least integer: reduceMin axes=[0] | i32[2] 7 -8 = i32[] -8
  takes rows: gather | f32[3,2] 1 2 3 4 5 6 | i32[2,2] 2 0 1 1 = f32[2,2,2] 5 6 1 2 3 4 3 4
  clamps to the table: gather | f32[3,2] 1 2 3 4 5 6 | i32[2] -4 3 = f32[2,2] 1 2 5 6
  takes one row: gather | f32[3,2] 1 2 3 4 5 6 | i32[] 1 = f32[2] 3 4
  takes numbers: gather | i32[3] 7 8 9 | i32[2] 2 1 = i32[2] 9 8
  adds rows up: scatterAdd rows=3 | f32[3,2] 1 2 3 4 5 6 | i32[3] 1 2 1 = f32[3,2] 0 0 6 8 3 4
  drops what is out of range: scatterAdd rows=2 | f32[3] 1 2 3 | i32[3] -1 0 2 = f32[2] 2 0
  takes indices of two axes: scatterAdd rows=2 | f32[2,2] 1 2 3 4 | i32[2,2] 0 1 1 1 = f32[2] 1 9
  is AB: contract equation="ij,jk->ik" | f32[2,2] 1 2 3 4 | f32[2,2] 5 6 7 8 = f32[2,2] 19 22 43 50
  turned: contract equation="ij,kj->ki" | f32[2,2] 1 2 3 4 | f32[2,2] 5 6 7 8 = f32[2,2] 17 39 23 53
  keeps a batch: contract equation="ij,ij->i" | f32[2,2] 1 2 3 4 | f32[2,2] 5 6 7 8 = f32[2] 17 53
  outer product: contract equation="i,j->ji" | f32[2] 1 9 | f32[3] 1 2 3 = f32[3,2] 1 9 2 18 3 27
  is the diagonal: contract equation="ii->i" | f32[2,2] 1 2 3 4 = f32[2] 1 4
  is the trace: contract equation="ii->" | f32[2,2] 1 2 3 4 = f32[] 5
  sums a lone letter: contract equation="ij,k->i" | f32[2,2] 1 2 3 4 | f32[2] 10 20 = f32[2] 90 210
  three: contract equation="i, ij, j -> " | f32[2] 10 20 | f32[2,2] 1 2 3 4 | f32[2] 1 1 = f32[] 170
  tells cases apart: contract equation="a,A->aA" | f32[2] 1 2 | f32[3] 1 2 3 = f32[2,3] 1 2 3 2 4 6
  multiplies scalars: contract equation=",->" | f32[] 3 | f32[] 4 = f32[] 12
`).map(readRow);

/** Operands and result of elementwise operations, each at several elements. */
const ELEMENTWISE = rows(`
  changes signs: neg | f32[2] 1.5 -2 = f32[2] -1.5 2
  drops signs: abs | f32[2] -2 3 = f32[2] 2 3
  gives signs: sign | f32[3] -2.5 0 9 = f32[3] -1 0 1
  exponentials: exp | f32[3] 0 1 -Infinity = f32[3] 1 2.718281828459045 0
  logarithms: log | f32[4] 1 2.718281828459045 0 -1 = f32[4] 0 1 -Infinity NaN
  exponentials less 1: expm1 | f32[4] 0 1 -Infinity 1e-9 = f32[4] 0 1.718281828459045 -1 1.0000000005e-9
  logarithms of 1 more: log1p | f32[4] 0 1 -1 1e-9 = f32[4] 0 0.6931471805599453 -Infinity 9.999999995e-10
  soft pluses: softplus | f32[5] 0 -20 -Infinity Infinity 800 = f32[5] 0.6931471805599453 2.0611536181902037e-9 0 Infinity 800
  error functions: erf | f32[5] 0 0.5 3 Infinity -2 = f32[5] 0 0.5204998778130465 0.9999779095030014 1 -0.9953222650189527
  their complements: erfc | f32[5] 0 0.5 5 Infinity -2 = f32[5] 1 0.4795001221869535 1.5374597944280349e-12 0 1.9953222650189527
  roots: sqrt | f32[2] 9 -1 = f32[2] 3 NaN
  hyperbolic tangents: tanh | f32[3] 0 0.6931471805599453 -Infinity = f32[3] 0 0.6 -1
  logistic functions: sigmoid | f32[4] 0 1.0986122886681098 -1000 1000 = f32[4] 0.5 0.75 0 1
  sines: sin | f32[2] 0 1.5707963267948966 = f32[2] 0 1
  cosines: cos | f32[2] 0 3.141592653589793 = f32[2] 1 -1
  finds what is no number: isNan | f32[3] NaN -Infinity 0 = i32[3] 1 0 0
  rounds down: floor | f32[2] 1.7 -1.2 = f32[2] 1 -2
  rounds to a half, ties to even: roundF16 | f32[4] 2049 2051 65519 -65520 = f32[4] 2048 2052 65504 -Infinity
  sums: add | f32[2] 1.5 -1 | f32[2] 2 -1 = f32[2] 3.5 -2
  differences: sub | f32[2] 1.5 -1 | f32[2] 2 -1 = f32[2] -0.5 0
  products: mul | f32[2] 1.5 -1 | f32[2] 2 -1 = f32[2] 3 1
  quotients: div | f32[3] 3 -1 0 | f32[3] 2 0 0 = f32[3] 1.5 -Infinity NaN
  powers: pow | f32[3] 2 9 5 | f32[3] 10 0.5 0 = f32[3] 1024 3 1
  powers of 1: pow | f32[3] 1 1 -1 | f32[3] NaN Infinity -Infinity = f32[3] 1 1 1
  the larger: max | f32[3] -1 NaN 1 | f32[3] -2 1 NaN = f32[3] -1 NaN NaN
  the smaller: min | f32[3] -1 NaN 1 | f32[3] -2 1 NaN = f32[3] -2 NaN NaN
  remainders: mod | f32[2] 7.5 -7.5 | f32[2] 2 2 = f32[2] 1.5 -1.5
  equality: eq | f32[3] 2 2 NaN | f32[3] 2 3 NaN = i32[3] 1 0 0
  inequality: ne | f32[3] 2 2 NaN | f32[3] 2 3 NaN = i32[3] 0 1 1
  less: lt | f32[4] 2 3 4 NaN | f32[4] 3 3 3 3 = i32[4] 1 0 0 0
  less or equal: le | f32[4] 2 3 4 NaN | f32[4] 3 3 3 3 = i32[4] 1 1 0 0
  greater: gt | f32[4] 2 3 4 NaN | f32[4] 3 3 3 3 = i32[4] 0 0 1 0
  greater or equal: ge | f32[4] 2 3 4 NaN | f32[4] 3 3 3 3 = i32[4] 0 1 1 0
  both: and | i32[4] 5 5 0 0 | i32[4] 2 0 2 0 = i32[4] 1 0 0 0
  either: or | i32[4] 5 5 0 0 | i32[4] 2 0 2 0 = i32[4] 1 1 1 0
  none: not | i32[3] 0 1 -3 = i32[3] 1 0 0
  chooses: select | i32[3] 1 0 -1 | f32[3] 1.5 1.5 1.5 | f32[3] 3 3 3 = f32[3] 1.5 3 1.5
  keeps numbers: toF32 | f32[1] 2.5 = f32[1] 2.5
  truncates: toI32 | f32[2] 2.7 -2.7 = i32[2] 2 -2
  saturates: toI32 | f32[4] 1e10 -1e10 NaN Infinity = i32[4] 2147483647 -2147483648 0 2147483647
  integers wrap up: add | i32[2] 2147483647 -5 | i32[2] 1 3 = i32[2] -2147483648 -2
  integers wrap down: sub | i32[2] -2147483648 1 | i32[2] 1 3 = i32[2] 2147483647 -2
  keeps low bits: mul | i32[2] 65537 123456789 | i32[2] 65537 987654321 = i32[2] 131073 -67153019
  the least integer stays: neg | i32[2] 7 -2147483648 = i32[2] -7 -2147483648
  the least integer stays: abs | i32[2] -7 -2147483648 = i32[2] 7 -2147483648
  of integers: sign | i32[3] -7 0 7 = i32[3] -1 0 1
  truncates to zero: div | i32[4] 7 -7 7 -7 | i32[4] 2 2 -2 -2 = i32[4] 3 -3 -3 3
  without a quotient: div | i32[3] -7 0 -2147483648 | i32[3] 0 0 -1 = i32[3] -7 0 -2147483648
  sign of the dividend: mod | i32[4] 7 -7 7 -6 | i32[4] 3 3 -3 3 = i32[4] 1 -1 1 0
  without a remainder: mod | i32[2] 7 -2147483648 | i32[2] 0 -1 = i32[2] 0 0
  of integers: max | i32[2] -3 2 | i32[2] 1 -9 = i32[2] 1 2
  of integers: min | i32[2] -3 2 | i32[2] 1 -9 = i32[2] -3 -9
  of integers: lt | i32[2] -3 2 | i32[2] 1 -9 = i32[2] 1 0
  of integers: eq | i32[2] -3 2 | i32[2] -3 3 = i32[2] 1 0
  of integers: select | i32[2] 0 9 | i32[2] 1 2 | i32[2] 3 4 = i32[2] 3 2
  of integers: toF32 | i32[2] -2147483648 7 = f32[2] -2147483648 7
  of integers: toI32 | i32[1] -5 = i32[1] -5
`).map(readRow);

describe('one operation', () => {
  for (const { behaviour, operation, operands, result } of WHOLE) {
    it(`${operation}: ${behaviour}`, () => {
      expect(run(operation, operands, result.type)).toEqual(result.data);
    });
  }

  for (const { behaviour, operation, operands, result } of ELEMENTWISE) {
    it(`${operation} ${operands[0].type}: ${behaviour}`, () => {
      const data = run(operation, operands, result.type);
      expect(data).toHaveLength(result.data.length);
      data.forEach((value, i) => {
        const wanted = result.data[i];
        if (Number.isFinite(wanted)) expect(value).toBeCloseTo(wanted, 12);
        else expect(value).toBe(wanted);
      });
    });
  }

  it('is tested here for every row of the op table', () => {
    const tested = [...WHOLE, ...ELEMENTWISE].map(({ operation }) => operation.split(' ')[0]);
    // The tests of whole graphs below are of these.
    tested.push('input', 'parameter', 'random');
    expect(OP_NAMES.filter((op) => !tested.includes(op))).toEqual([]);
  });

  it('toI32 gives no negative zero, which integers do not have', () => {
    const whole = run('toI32', [tensor('f32[] -0.5')], 'i32[]');
    expect(run('toF32', [{ type: 'i32[]', data: whole }], 'f32[]')).toEqual([0]);
  });
});

describe('contract', () => {
  it('is the sum of products over all letters, of random extents', () => {
    const extent = fc.integer({ min: 1, max: 4 });
    const property = fc.property(extent, extent, extent, extent, fc.nat(), (n, m, k, l, seed) => {
      const values = (count: number, salt: number) =>
        Array.from({ length: count }, (_, i) => ((seed + salt + i * 7919) % 19) - 9);
      const [left, right] = [values(n * m * k, 3), values(k * n * l, 5)];
      const wanted: number[] = [];
      for (let j = 0; j < l; j++)
        for (let b = 0; b < n; b++)
          for (let i = 0; i < m; i++) {
            let sum = 0;
            for (let s = 0; s < k; s++)
              sum += left[(b * m + i) * k + s] * right[(s * n + b) * l + j];
            wanted.push(sum);
          }
      const operands = [
        { type: `f32[${n},${m},${k}]`, data: left },
        { type: `f32[${k},${n},${l}]`, data: right },
      ];
      const type = `f32[${l},${n},${m}]`;
      expect(run('contract equation="bms,sbl->lbm"', operands, type)).toEqual(wanted);
    });
    fc.assert(property);
  });

  it('takes letters of any script, and refuses those of two UTF-16 units', () => {
    expect(parseEquation('αβ,βγ->αγ')).toEqual({ operands: ['αβ', 'βγ'], output: 'αγ' });
    expect(parseEquation('𝐚𝐛,𝐛𝐜->𝐚𝐜')).toEqual({ reason: "'𝐚' is not a letter" });
  });
});

describe('random', () => {
  it('draws elements 2k and 2k + 1 as the words of counter (k, step), under key (seed, stream)', () => {
    const draw = (step: number) =>
      run('random shape=[2,5] seed=42 stream=4275878552', [tensor(`i32[] ${step}`)], 'f32[2,5]');
    const wanted = Array.from(
      { length: 10 },
      (_, i) => Math.floor(threefry(42, 4275878552, i >> 1, 17, i % 2) / 256) / 2 ** 24,
    );
    expect(draw(17)).toEqual(wanted);
    expect(draw(18)).not.toEqual(wanted);
  });

  it('keeps the share of a dropout mask that its rate leaves, again for each step', () => {
    const graph = parseGraph(`graph dropout {
      %0 = input name="step" : i32[]
      %1 = input name="x" : f32[10000]
      %2 = random(%0) shape=[10000] seed=1 stream=2 : f32[10000]
      %3 = constant dtype="f32" shape=[10000] value=0.25 : f32[10000]
      %4 = ge(%2, %3) : i32[10000]
      %5 = constant dtype="f32" shape=[10000] value=0 : f32[10000]
      %6 = select(%4, %1, %5) : f32[10000]
      output "y" = %6
    }`);
    const at = (step: number) => {
      const x = Array<number>(10000).fill(2);
      return interpretGraph(graph, { step: [step], x }, {}).outputs.y;
    };
    const y = at(0);
    expect(new Set(y)).toEqual(new Set([0, 2]));
    const kept = y.filter((value) => value === 2).length;
    // Five standard deviations of a binomial distribution.
    expect(Math.abs(kept - 7500)).toBeLessThan(5 * Math.sqrt(10000 * 0.25 * 0.75));
    expect(at(0)).toEqual(y);
    expect(at(1)).not.toEqual(y);
  });
});

describe('interpretGraph', () => {
  const graph = parseGraph(`graph step {
    %0 = input name="x" : f32[2]
    %1 = parameter name="w" : f32[2]
    %2 = mul(%0, %1) : f32[2]
    %3 = sub(%1, %2) : f32[2]
    output "y" = %2
    update "w" = %3
  }`);

  it('reads inputs and parameters, gives outputs, updates and every value between', () => {
    const w = Float32Array.of(3, 4);
    const { outputs, updates, values } = interpretGraph(graph, { x: [10, 20] }, { w });
    expect(outputs).toEqual({ y: Float64Array.of(30, 80) });
    expect(updates).toEqual({ w: Float64Array.of(-27, -76) });
    const wanted = ['10 20', '3 4', '30 80', '-27 -76'].map(numbers);
    expect(values.map((value) => [...value])).toEqual(wanted);
    expect([...w]).toEqual([3, 4]);
  });

  it.each<[Record<string, number[]>, Record<string, number[]>, string]>([
    [{}, { w: [1, 2] }, "input 'x' needs 2 elements, none given"],
    [{ x: [1, 2, 3] }, { w: [1, 2] }, "input 'x' needs 2 elements, 3 given"],
    [{ x: [1, 2] }, { x: [1, 2] }, "parameter 'w' needs 2 elements, none given"],
  ])('refuses inputs %j with parameters %j', (inputs, parameters, message) => {
    expect(() => interpretGraph(graph, inputs, parameters)).toThrow(message);
  });
});
