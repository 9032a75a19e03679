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
  /** What is 0 by a condition of positions, whatever it would be. */
  readonly visible: Visible;
}

/** Which terms a row has to do with: all, those up to its own number, those from it on, or those around it. */
type Visible = (typeof VISIBLE)[number];
const VISIBLE = ['all', 'before', 'after', 'band'] as const;

/**
 * Nodes from number `first` on, the last of which says whether a row sees a term. Of a band one comparison is with the other side's
 * operands, and one is the contrary.
 */
function visibleNodes(visible: Visible, first: number, row: string, term: string): string[] {
  const n = (k: number) => `n${first + k}`;
  const nodes = (...texts: string[]) => texts.map((text, k) => `${n(k)}: i32 = ${text}`);
  switch (visible) {
    case 'all':
      return nodes('constant 1');
    case 'before':
      return nodes(`index ${row}`, `index ${term}`, `ge ${n(0)}, ${n(1)}`);
    case 'after':
      return nodes(`index ${row}`, `index ${term}`, `le ${n(0)}, ${n(1)}`);
    case 'band':
      return nodes(
        ...[`index ${row}`, `index ${term}`, `le ${n(1)}, ${n(0)}`],
        ...[`index ${row} - 7`, `gt ${n(3)}, ${n(1)}`, `not ${n(4)}`, `and ${n(2)}, ${n(5)}`],
      );
  }
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
  visible: fc.constantFrom(...VISIBLE),
});

/** Of the largest result, what arithmetic in f32 may be off by: sums of up to a hundred terms behind an exponential. */
const SHARE = 2e-5;

/** Kernels that are contractions of contractions in tiles, with numbers of at most 1 in their buffers. */
export const attentionCases: fc.Arbitrary<KernelCase> = fc
  .tuple(attentions, fc.integer({ min: 1 }))
  .map(([shape, seed]) => attentionCase(shape, seed));

function attentionCase(shape: Attention, seed: number): KernelCase {
  const { heads, rows, terms, features, results, termsFirst, hasGradient, isPair } = shape;
  const { isMasked, dropout, visible } = shape;
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
  /** Nodes behind `value` that make 0 of it where a row does not see a term, and the number of the last. */
  const hidden = (value: number): readonly [nodes: string, last: number] => {
    const nodes = visibleNodes(visible, value + 1, `${rows[1]}*a1 + a3`, `${terms[1]}*a2 + a4`);
    const last = value + nodes.length + 2;
    const selects = [
      `n${last - 1}: f32 = constant 0`,
      `n${last}: f32 = select n${value + nodes.length}, n${value}, n${last - 1}`,
    ];
    return [`\n    ${[...nodes, ...selects].join('\n    ')}`, last];
  };
  const scores = stage(
    'local',
    'queries',
    'keys',
    `    n4: i32 = index ${rows[1]}*a1 + a3
    n5: i32 = index ${terms[1]}*a2 + a4
    n6: i32 = ge n4, n5
    n7: f32 = constant ${isMasked ? '-1e+30' : '0.5'}
    n8: f32 = select n6, n3, n7
    n9: f32 = exp n8${dropped}${hidden(dropout ? 15 : 9)[0]}`,
    `n${hidden(dropout ? 15 : 9)[1]}`,
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
    n9: f32 = mul n8, n6${hidden(9)[0]}`,
      `n${hidden(9)[1]}`,
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

/** Softmax in tiles, by hand: maxima of rows and sums by them, which are rescaled from tile to tile. */
interface Online extends Pick<Attention, 'heads' | 'rows' | 'terms' | 'features' | 'termsFirst'> {
  /** Results of a product with the powers; 0: what is stored are maxima and sums. */
  readonly results: number;
  /** Whether a factor of each term is in the product, as dropout is: a number of a buffer or a random one. */
  readonly factor: 'none' | 'loaded' | 'drawn';
  /** Whether maxima and sums are stored beside the product. */
  readonly keepsRows: boolean;
  /** What is added to some scores. */
  readonly special: Special;
  /** Of the terms of a row, others have scores of -Infinity. */
  readonly visible: Visible;
}

type Special = (typeof SPECIALS)[number];
/** Nothing; -Infinity to whole rows, to what comes first in rows, or here and there; other values that are no numbers, here and there. */
const SPECIALS = ['none', 'rows', 'first', 'least', 'greatest', 'nan'] as const;

const onlines: fc.Arbitrary<Online> = fc.record({
  heads: fc.constantFrom(1, 2),
  rows: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(5, 8, 12, 32, 36)),
  terms: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(fc.constantFrom(1, 2, 3), fc.constantFrom(7, 8, 16, 33)),
    },
    fc.tuple(fc.constantFrom(9, 40), fc.constant(1)),
  ),
  features: fc.constantFrom(4, 6, 17),
  termsFirst: fc.constantFrom(true, false, false),
  results: fc.constantFrom(0, 8, 13, 32),
  factor: fc.constantFrom('none', 'loaded', 'drawn'),
  keepsRows: fc.boolean(),
  special: fc.constantFrom(...SPECIALS),
  visible: fc.constantFrom(...VISIBLE),
});

/** Kernels with sums that are rescaled, among whose scores there may be some that are no numbers. */
export const onlineCases: fc.Arbitrary<KernelCase> = fc
  .tuple(onlines, fc.integer({ min: 1 }))
  .map(([shape, seed]) => onlineCase(shape, seed));

function onlineCase(shape: Online, seed: number): KernelCase {
  const { heads, rows, terms, features, termsFirst, results } = shape;
  const { factor, keepsRows, special, visible } = shape;
  const [r, t] = [rows[0] * rows[1], terms[0] * terms[1]];
  const place = (row: string, term: string) =>
    termsFirst ? `${terms[1]}*${row} + ${term}` : `${row} + ${rows[1]}*${term}`;
  const [tile, term] = results > 0 ? ['a4', 'a5'] : ['a3', 'a4'];
  const score = `${r * t}*a0 + ${rows[1] * t}*a1 + ${t}*a2 + ${terms[1]}*${tile} + ${term}`;
  const perRow = `${r}*a0 + ${rows[1]}*a1 + a2`;
  const seen = visibleNodes(visible, 3, `${rows[1]}*a1 + a2`, `${terms[1]}*${tile} + ${term}`);
  /** The number of the node behind these. */
  const at = 3 + seen.length;
  const n = (k: number) => `n${at + k}`;
  /** Buffers behind those of scores and what is added to them, in order. */
  const more: string[] = [];
  const buffer = (access: 'read' | 'write', elements: number) => {
    const name = `b${3 + more.length}`;
    more.push(`buffer ${name} ${access} f32 ${elements}`);
    return name;
  };
  const lines: string[] = [];
  if (results > 0) {
    const values = buffer('read', heads * t * results);
    const own = {
      none: () => 'constant 1',
      loaded: () => `load ${buffer('read', heads * r * t)}[${score}]`,
      drawn: () => `random seed 2 stream 4 counter ${score} step ${n(6)}`,
    };
    lines.push(
      `${n(5)}: f32 = load ${values}[${t * results}*a0 + a3 + ${terms[1] * results}*${tile} + ${results}*${term}]`,
      `${n(6)}: i32 = constant 9`,
      `${n(7)}: f32 = ${own[factor]()}`,
      `${n(8)}: f32 = mul ${n(7)}, ${n(5)}`,
      `reduce sum ${factor === 'none' ? n(5) : n(8)} rescaled 1`,
      `${n(9)}: f32 = accumulator3`,
      `${n(10)}: f32 = div ${n(9)}, ${n(4)}`,
      `${n(11)}: f32 = neg ${n(10)}`,
      `store ${buffer('write', heads * r * results)}[${r * results}*a0 + ${rows[1] * results}*a1 + ${results}*a2 + a3] = ${n(11)}`,
    );
  }
  if (results === 0 || keepsRows)
    for (const node of [n(2), n(4)])
      lines.push(`store ${buffer('write', heads * r)}[${perRow}] = ${node}`);
  const text = `kernel online {
  axis a0 parallel ${heads}
  axis a1 parallel ${rows[0]}
  axis a2 parallel ${rows[1]}
  ${results > 0 ? `axis a3 parallel ${results}` : ''}
  axis ${tile} reduced ${terms[0]}
  axis ${term} reduced ${terms[1]}
  buffer b0 read f32 ${heads * r * features}
  buffer b1 read f32 ${heads * t * features}
  buffer b2 read f32 ${heads * r * t}
  ${more.join('\n  ')}
  stage over 2 and 1 reduced local f32 ${rows[1] * terms[1]} {
    axis a3 parallel ${rows[1]}
    axis a4 parallel ${terms[1]}
    axis a5 reduced ${features}
    n0: f32 = load b0[${r * features}*a0 + ${rows[1] * features}*a1 + ${features}*a3 + a5]
    n1: f32 = load b1[${t * features}*a0 + ${terms[1] * features}*a2 + ${features}*a4 + a5]
    n2: f32 = mul n0, n1
    reduce sum n2
    n3: f32 = accumulator
    store local[${place('a3', 'a4')}] = n3
  }
  n0: f32 = load local[${place('a2', term)}]
  n1: f32 = load b2[${score}]
  n2: f32 = add n0, n1
  ${seen.join('\n  ')}
  n${at}: f32 = constant -Infinity
  n${at + 1}: f32 = select n${at - 1}, n2, n${at}
  reduce max n${at + 1}
  n${at + 2}: f32 = accumulator
  n${at + 3}: f32 = constant 1
  reduce sum n${at + 3} rescaled 1
  n${at + 4}: f32 = accumulator2
  ${lines.join('\n  ')}
}
`;
  return caseOf(terms[1] > 1 ? text : withoutAxis(text, term), seed, (buffers) => {
    const added = buffers[2];
    added.forEach((value, k) => {
      const [row, column] = [Math.floor(k / t), k % t];
      // Exponents that grow and fall over the terms, so that sums are rescaled.
      added[k] = 8 * value + specialAt(special, row, column, terms[1]);
    });
  });
}

/** The kernel without the last of its axes, of one point, as lowering leaves it out; its stage has others of that name. */
function withoutAxis(text: string, axis: string): string {
  const end = '\n  }\n';
  const [stage, body] = text.split(end);
  const term = new RegExp(` \\+ (\\d+\\*)?${axis}\\b`, 'g');
  return stage.replace(`  axis ${axis} reduced 1\n`, '') + end + body.replace(term, '');
}

function specialAt(special: Special, row: number, column: number, terms: number): number {
  const isHere = (row * 7 + column) % 5 === 0;
  switch (special) {
    case 'none':
      return 0;
    case 'rows':
      return row % 3 === 0 ? Number.NEGATIVE_INFINITY : 0;
    case 'first':
      return row % 2 === 0 && column < terms ? Number.NEGATIVE_INFINITY : 0;
    case 'least':
      return isHere ? Number.NEGATIVE_INFINITY : 0;
    case 'greatest':
      return row % 3 === 1 && isHere ? Number.POSITIVE_INFINITY : 0;
    case 'nan':
      return row % 3 === 1 && isHere ? Number.NaN : 0;
  }
}

/** A case of numbers between -1 and 1, or what becomes of these, whose tolerance is a share of the largest result that is a number. */
function caseOf(
  text: string,
  seed: number,
  change: (buffers: readonly Float32Array[]) => void = () => undefined,
): KernelCase {
  const kernel = parseKernel(text);
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.fround(state / 2 ** 31);
  };
  const buffers = kernel.buffers.map(({ elements }) =>
    Float32Array.from({ length: elements }, next),
  );
  change(buffers);
  const results = buffers.map((data) => Float64Array.from(data));
  interpretKernel(kernel, results);
  const largest = (data: Float64Array) =>
    data.reduce(
      (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
      1e-30,
    );
  return { kernel, buffers, tolerance: results.map((data) => SHARE * largest(data)) };
}
