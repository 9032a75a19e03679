import type {
  CountedLoop,
  Dialect,
  FunctionDefinition,
  LibraryRow,
  ModuleParts,
  ScalarPrinter,
  ValueType,
} from '../../compiler/codegen/gpu/dialect.ts';
import { indent } from '../../compiler/codegen/gpu/indent.ts';
import type { ScalarOp } from '../../ir/scalar.ts';

// JavaScript as a language of GPU kernels: a second dialect, and one that runs wherever the tests run. It differs from
// shading languages where they differ from one another: division of integers, wrapping, vectors, workgroup memory. Each
// declared value is checked against its type (`run-script.ts`), though the language has no types.

/** Functions of float32 that are taken from `host.evaluate`, the reference, and rounded. */
const REFERENCE = [
  ...(['exp', 'expm1', 'log', 'log1p', 'sqrt', 'tanh', 'sigmoid', 'softplus'] as const),
  ...(['erf', 'erfc', 'sin', 'cos', 'pow', 'mod'] as const),
] satisfies ScalarOp[];
type ReferenceOp = (typeof REFERENCE)[number];
type Helper = `${ReferenceOp}_f32` | 'round' | 'to_i32' | 'random_uniform' | 'random_quad';

const library: Record<Helper, LibraryRow<Helper>> = {
  round: { needs: [], text: 'const round = Math.fround;' },
  to_i32: { needs: [], text: "const to_i32 = (a) => host.evaluate('toI32', 'f32', a);" },
  random_uniform: { needs: [], text: 'const random_uniform = host.uniform;' },
  random_quad: { needs: [], text: 'const random_quad = host.uniformQuad;' },
  ...(Object.fromEntries(
    REFERENCE.map((op): [Helper, LibraryRow<Helper>] => [
      `${op}_f32`,
      {
        needs: ['round'],
        text: `const ${op}_f32 = (a, b) => round(host.evaluate('${op}', 'f32', a, b));`,
      },
    ]),
  ) as Record<`${ReferenceOp}_f32`, LibraryRow<Helper>>),
};

type Printer = ScalarPrinter<Helper>;
const reference =
  (op: ReferenceOp): Printer =>
  (use, _dtype, a, b) =>
    `${use(`${op}_f32`)}(${b === '' ? a : `${a}, ${b}`})`;
/** Rounded, or wrapped, as the dtype says. */
const arithmetic =
  (operator: string): Printer =>
  (use, dtype, a, b) =>
    dtype === 'f32' ? `${use('round')}(${a} ${operator} ${b})` : `(${a} ${operator} ${b}) | 0`;
const condition =
  (text: (a: string, b: string) => string): Printer =>
  (_use, _dtype, a, b) =>
    `Number(${text(a, b)})`;
const compare = (operator: string) => condition((a, b) => `${a} ${operator} ${b}`);
/** Of i32 and f32 alike, but that the former has no -0. */
const call =
  (name: string): Printer =>
  (_use, dtype, a, b) =>
    `${name}(${b === '' ? a : `${a}, ${b}`})${dtype === 'f32' ? '' : ' | 0'}`;

const scalars: Record<ScalarOp, Printer> = {
  neg: (_use, dtype, a) => (dtype === 'f32' ? `-${a}` : `-${a} | 0`),
  abs: call('Math.abs'),
  sign: call('Math.sign'),
  exp: reference('exp'),
  expm1: reference('expm1'),
  log: reference('log'),
  log1p: reference('log1p'),
  sqrt: reference('sqrt'),
  tanh: reference('tanh'),
  sigmoid: reference('sigmoid'),
  softplus: reference('softplus'),
  erf: reference('erf'),
  erfc: reference('erfc'),
  sin: reference('sin'),
  cos: reference('cos'),
  floor: call('Math.floor'),
  roundF16: (_use, _dtype, a) => `host.rounded(${a})`,
  isNan: condition((a) => `Number.isNaN(${a})`),
  add: arithmetic('+'),
  sub: arithmetic('-'),
  mul: (use, dtype, a, b) =>
    dtype === 'f32' ? `${use('round')}(${a} * ${b})` : `Math.imul(${a}, ${b})`,
  div: (use, dtype, a, b) =>
    dtype === 'f32' ? `${use('round')}(${a} / ${b})` : `${b} === 0 ? ${a} : (${a} / ${b}) | 0`,
  pow: reference('pow'),
  max: call('Math.max'),
  min: call('Math.min'),
  mod: (use, dtype, a, b) =>
    dtype === 'f32' ? `${use('mod_f32')}(${a}, ${b})` : `${b} === 0 ? 0 : (${a} % ${b}) | 0`,
  eq: compare('==='),
  ne: compare('!=='),
  lt: compare('<'),
  le: compare('<='),
  gt: compare('>'),
  ge: compare('>='),
  and: condition((a, b) => `${a} !== 0 && ${b} !== 0`),
  or: condition((a, b) => `${a} !== 0 || ${b} !== 0`),
  not: condition((a) => `${a} === 0`),
  select: (_use, _dtype, c, a, b) => `${c} !== 0 ? ${a} : ${b}`,
  toF32: (use, dtype, a) => (dtype === 'f32' ? a : `${use('round')}(${a})`),
  toI32: (use, dtype, a) => (dtype === 'i32' ? a : `${use('to_i32')}(${a})`),
};

/** Functions of `host` that check a value and give it back. */
const types: Record<ValueType, string> = {
  f32: 'host.f32',
  i32: 'host.i32',
  index: 'host.index',
  f32x4: 'host.f32x4',
  i32x4: 'host.i32x4',
};

/** The same of what memory takes. */
const stored = { ...types, f16: 'host.half', f16x4: 'host.halfx4', i8: 'f32', i8x4: 'f32x4' };

const declare = (word: string) => (type: ValueType, name: string, value: string) =>
  `${word} ${name} = ${types[type]}(${value});`;
const number = (value: number) => (Object.is(value, -0) ? '-0' : String(value));
const loop = ({ name, first, end, step }: CountedLoop) =>
  `for (let ${name} = ${first}; ${name} < ${end}; ${name} += ${step ?? 1}) {`;

export const SCRIPT: Dialect<Helper> = {
  types,
  names: { half: 'halfway', output: 'place', point: 'spot' },

  scalars,
  literals: {
    f32: (_use, value) => number(Math.fround(value)),
    i32: (_use, value) => number(value | 0),
  },
  library,
  random: (use, { seed, stream, counter, step }) =>
    `${use('random_uniform')}(${seed}, ${stream}, ${counter}, ${step})`,
  randomQuad: (use, { seed, stream, counter, step }) =>
    `${use('random_quad')}(${seed}, ${stream}, ${counter}, ${step})`,
  integer: (index) => `(${index}) | 0`,
  flag: (holds) => `Number(${holds})`,
  nothing: () => '0',

  constant: declare('const'),
  variable: declare('let'),
  array: (type, name, values) => `const ${name} = [${values.map((v) => `${types[type]}(${v})`)}];`,

  loop,
  halving: (name, first) => `for (let ${name} = ${first}; ${name} > 0; ${name} >>= 1) {`,

  keepsNumbers: /^\s*for |yield/,

  quotient: (a, divisor) => `Math.trunc(${a} / ${divisor})`,
  digit: (name, stride, extent) =>
    `Math.trunc(${name} / ${stride})${extent === null ? '' : ` % ${extent}`}`,
  smaller: (a, b) => `Math.min(${a}, ${b})`,
  clamped: (name, extent) => `Math.min(Math.max(${name}, 0), ${extent - 1})`,
  inside: (value, extent) => `host.inside(${value}, ${extent})`,

  zero: (type) => (type === 'f32x4' || type === 'i32x4' ? '[0, 0, 0, 0]' : '0'),
  vector: (type, elements) => `${types[type]}([${elements.join(', ')}])`,
  component: (vector, k) => `${vector}[${k}]`,
  lane: (vector, index) => `${vector}[${index}]`,
  add: (type, total, value) => `${total} = host.add('${type}', ${total}, ${value});`,
  addScaled: (type, total, scalar, vector) =>
    `${total} = host.addScaled('${type}', ${total}, ${scalar}, ${vector});`,
  addProduct: (type, total, a, b) => `${total} = host.addProduct('${type}', ${total}, ${a}, ${b});`,

  load: (_dtype, array, address) => `host.load(${array}, ${address})`,
  store: (dtype, array, address, value) =>
    `host.store(${array}, ${address}, ${stored[dtype]}(${value}));`,
  accumulate: (dtype, array, address, value) =>
    `host.store(${array}, ${address}, host.add('${dtype}', host.load(${array}, ${address}), ${value}));`,

  loadQuad: (_dtype, array, address) => `host.loadQuad(${array}, ${address})`,
  storeQuad: (dtype, array, address, value) =>
    `host.storeQuad(${array}, ${address}, ${stored[`${dtype}x4`]}(${value}));`,
  loadLane: (_dtype, array, address) => `host.load(${array}, ${address})`,
  storeLane: (dtype, array, address, value) =>
    `host.store(${array}, ${address}, ${stored[dtype]}(${value}));`,
  accumulateLane: (dtype, array, address, value) =>
    `host.store(${array}, ${address}, host.add('${dtype}', host.load(${array}, ${address}), ${value}));`,

  barrier: 'yield;',
  bufferBarrier: 'yield;',
  exchange: (type, name, value, mask) =>
    `const ${name} = ${types[type]}(yield { value: ${value}, mask: ${mask} });`,
  matrix: {
    zero: (name, { m, n }) => `let ${name} = host.matrix(${m}, ${n});`,
    load: (factor, name, array, address, stride, { component, m, n, k }) => {
      const [rows, columns, down, across] =
        factor === 'left' ? [m, k, 1, stride] : [k, n, stride, 1];
      return `const ${name} = host.loadMatrix(${array}, yield { value: ${address}, mask: 0 }, ${rows}, ${columns}, ${down}, ${across}, host.${component === 'f16' ? 'half' : 'f32'});`;
    },
    multiply: (total, left, right) => `${total} = host.multiplied(${total}, ${left}, ${right});`,
    store: (array, address, total, stride) =>
      `host.storeMatrix(${array}, yield { value: ${address}, mask: 0 }, ${total}, ${stride});`,
  },
  module: scriptModule,
};

/** The body of a function of `host` and the buffers. It gives a workgroup's invocations as generators, which yield at barriers. */
function scriptModule(parts: ModuleParts): string {
  return `// ${parts.workgroupSize} invocations
${parts.library}return (x, y) => {
  const group = x + y * ${parts.grid[0]};
${indent(
  parts.workgroupArrays.map(
    ({ name, type, length }) => `const ${name} = host.memory('${type}', ${length});`,
  ),
)}
${indent(parts.functions.flatMap(functionLines))}
  return function* (local) {
${indent(parts.body, 2)}
  };
};
`;
}

function functionLines({ name, parameters, result, body }: FunctionDefinition): string[] {
  return [
    `function ${name}(${parameters.map(([parameter]) => parameter).join(', ')}) {`,
    ...parameters.map(([parameter, type]) => `${types[type]}(${parameter});`),
    `const run = () => {`,
    ...body,
    '};',
    result === null ? 'run();' : `return ${types[result]}(run());`,
    '}',
  ];
}
