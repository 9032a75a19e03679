import fc from 'fast-check';
import { interpretKernel } from '../../ir/kernel-interpret.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import type { KernelCase } from './random-kernel.ts';

/** Attention in tiles, by hand: a stage of scores, at times one of their gradient, and a sum of products of these. */
interface Attention {
  readonly heads: number;
  /** Tiles and points of a tile along the rows of the result, and along what is summed. */
  readonly rows: readonly [tiles: number, points: number];
  readonly terms: readonly [tiles: number, points: number];
  /** Of what scores are products of, and of the result. */
  readonly features: number;
  readonly results: number;
  /** Whether rows of the arrays are as long as the terms of a tile, not as its points. */
  readonly termsFirst: boolean;
  readonly hasGradient: boolean;
  /** Results of two sums, over the two arrays. */
  readonly isPair: boolean;
  /** Whether some rows see nothing. */
  readonly isMasked: boolean;
  /** Along what the random numbers of dropout are neighbours, where there are some. */
  readonly dropout: 'terms' | 'rows' | null;
}

const attentions: fc.Arbitrary<Attention> = fc.record({
  heads: fc.constantFrom(1, 2, 3),
  rows: fc.tuple(fc.constantFrom(1, 2, 3), fc.constantFrom(4, 5, 8, 12, 18, 32, 33)),
  terms: fc.tuple(fc.constantFrom(1, 2, 3), fc.constantFrom(4, 7, 8, 16, 20, 33)),
  features: fc.constantFrom(4, 6, 8, 16, 17, 40),
  results: fc.constantFrom(4, 6, 8, 13, 32),
  termsFirst: fc.boolean(),
  hasGradient: fc.boolean(),
  isPair: fc.boolean(),
  isMasked: fc.boolean(),
  dropout: fc.constantFrom('terms', 'rows', null),
});

/** Of the largest result, what arithmetic in f32 may be off by: sums of up to a hundred terms behind an exponential. */
const SHARE = 2e-5;

/** Kernels that are contractions of contractions in tiles, with numbers of at most 1 in their buffers. */
export const attentionCases: fc.Arbitrary<KernelCase> = fc
  .tuple(attentions, fc.integer({ min: 1 }))
  .map(([shape, seed]) => attentionCase(shape, seed));

function attentionCase(shape: Attention, seed: number): KernelCase {
  const { heads, rows, terms, features, results, termsFirst, hasGradient, isPair } = shape;
  const { isMasked, dropout } = shape;
  const [r, t] = [rows[0] * rows[1], terms[0] * terms[1]];
  const place = termsFirst ? `${terms[1]}*a3 + a4` : `a3 + ${rows[1]}*a4`;
  const read = termsFirst ? `${terms[1]}*ROW + TERM` : `ROW + ${rows[1]}*TERM`;
  const at = (row: string, term: string) => read.replace('ROW', row).replace('TERM', term);
  const elements = rows[1] * terms[1];
  const buffers = new Map<string, string>();
  /** The name of a buffer that is used. */
  const buffer = (name: string, access: 'read' | 'write', elements: number) => {
    const known = buffers.get(name)?.split(' ')[1] ?? `b${buffers.size}`;
    buffers.set(name, `buffer ${known} ${access} f32 ${elements}`);
    return known;
  };
  // Axes of a stage: head, tile of rows, tile of terms, row, term, feature.
  const stage = (name: string, left: string, right: string, behind: string, value = 'n9') => `
  stage over 2 and 1 reduced local f32 ${elements} {
    axis a3 parallel ${rows[1]}
    axis a4 parallel ${terms[1]}
    axis a5 reduced ${features}
    n0: f32 = load ${buffer(left, 'read', heads * r * features)}[${r * features}*a0 + ${rows[1] * features}*a1 + ${features}*a3 + a5]
    n1: f32 = load ${buffer(right, 'read', heads * t * features)}[${t * features}*a0 + ${terms[1] * features}*a2 + ${features}*a4 + a5]
    n2: f32 = mul n0, n1
    reduce sum n2
    n3: f32 = accumulator
${behind}
    store ${name}[${place}] = ${value}
  }`;
  const counter =
    dropout === 'rows'
      ? `${r * t}*a0 + ${rows[1]}*a1 + ${terms[1] * r}*a2 + a3 + ${r}*a4`
      : `${r * t}*a0 + ${rows[1] * t}*a1 + ${terms[1]}*a2 + ${t}*a3 + a4`;
  const dropped = dropout
    ? `
    n10: i32 = constant 7
    n11: f32 = random seed 3 stream 5 counter ${counter} step n10
    n12: f32 = constant 0.5
    n13: i32 = lt n11, n12
    n14: f32 = constant 0
    n15: f32 = select n13, n14, n9`
    : '';
  const scores = stage(
    'local',
    'queries',
    'keys',
    `    n4: i32 = index ${rows[1]}*a1 + a3
    n5: i32 = index ${terms[1]}*a2 + a4
    n6: i32 = ge n4, n5
    n7: f32 = constant ${isMasked ? '-1e+30' : '0.5'}
    n8: f32 = select n6, n3, n7
    n9: f32 = exp n8${dropped}`,
    dropout ? 'n15' : 'n9',
  );
  const gradient = () =>
    stage(
      'local2',
      'gradients',
      'values',
      `    n4: f32 = load ${buffer('sums', 'read', heads * r)}[${r}*a0 + ${rows[1]}*a1 + a3]
    n5: f32 = load local[${place}]
    n6: f32 = add n5, n5
    n7: f32 = mul n3, n6
    n8: f32 = add n7, n4
    n9: f32 = mul n8, n6`,
    );
  const last = hasGradient ? 'local2' : 'local';
  const summed = (n: number, array: string, name: string) => `
  n${n}: f32 = load ${array}[${at('a2', 'a5')}]
  n${n + 1}: f32 = load ${buffer(name, 'read', heads * t * results)}[${t * results}*a0 + ${terms[1] * results}*a4 + a3 + ${results}*a5]
  n${n + 2}: f32 = mul n${n}, n${n + 1}`;
  const store = (name: string) =>
    `store ${buffer(name, 'write', heads * r * results)}[${r * results}*a0 + ${rows[1] * results}*a1 + ${results}*a2 + a3]`;
  const stages = `${scores}${hasGradient ? gradient() : ''}`;
  const behind = isPair ? 6 : 3;
  const sums = Array.from({ length: isPair ? 2 : 1 }, (_, k) => ({
    reduce: `reduce sum n${3 * k + 2}`,
    node: `n${behind + k}: f32 = accumulator${k === 0 ? '' : k + 1}`,
  }));
  const scaled = behind + sums.length;
  const body = `${summed(0, last, 'factors')}${isPair ? summed(3, 'local', hasGradient ? 'factors' : 'others') : ''}
  ${[...sums.map(({ reduce }) => reduce), ...sums.map(({ node }) => node)].join('\n  ')}
  n${scaled}: f32 = constant 0.25
  n${scaled + 1}: f32 = mul n${behind}, n${scaled}
  ${store('result')} = n${scaled + 1}
${isPair ? `  ${store('other')} = n7\n` : ''}}`;
  const text = `kernel attention {
  axis a0 parallel ${heads}
  axis a1 parallel ${rows[0]}
  axis a2 parallel ${rows[1]}
  axis a3 parallel ${results}
  axis a4 reduced ${terms[0]}
  axis a5 reduced ${terms[1]}
  ${[...buffers.values()].join('\n  ')}${stages}${body}
`;
  return caseOf(text, seed);
}

/** A case of numbers between -1 and 1, whose tolerance is a share of the largest result. */
function caseOf(text: string, seed: number): KernelCase {
  const kernel = parseKernel(text);
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.fround(state / 2 ** 31);
  };
  const buffers = kernel.buffers.map(({ elements }) =>
    Float32Array.from({ length: elements }, next),
  );
  const results = buffers.map((data) => Float64Array.from(data));
  interpretKernel(kernel, results);
  const largest = (data: Float64Array) =>
    data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);
  return { kernel, buffers, tolerance: results.map((data) => SHARE * largest(data)) };
}
