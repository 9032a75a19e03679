import type { Dialect, RandomDraw } from '../dialect.ts';
import { type Helper, LIBRARY } from './library.ts';
import { LITERALS } from './literals.ts';
import { MATRICES } from './matrices.ts';
import { wgslModule } from './module.ts';
import { SCALARS } from './scalars.ts';
import { laneOf, quadOf, STORED, TYPES } from './types.ts';

const drawn = ({ seed, stream, counter, step }: RandomDraw) =>
  `${seed >>> 0}u, ${stream >>> 0}u, bitcast<u32>(i32(${counter})), u32(${step})`;

/** The language of WebGPU: https://www.w3.org/TR/WGSL/. Types of declared names follow from their values. */
export const WGSL: Dialect<Helper> = {
  types: TYPES,
  names: { half: 'half', output: 'output', point: 'point' },

  scalars: SCALARS,
  literals: LITERALS,
  library: LIBRARY,
  random: (use, draw) => `${use('random_uniform')}(${drawn(draw)})`,
  randomQuad: (use, draw) => `${use('random_quad')}(${drawn(draw)})`,
  integer: (index) => `i32(${index})`,
  flag: (condition) => `i32(${condition})`,
  nothing: (dtype) => `${TYPES[dtype]}(0)`,

  constant: (_type, name, value) => `let ${name} = ${value};`,
  variable: (_type, name, value) => `var ${name} = ${value};`,
  array: (type, name, values) =>
    `var ${name} = array<${TYPES[type]}, ${values.length}>(${values.join(', ')});`,

  loop: ({ name, first, end, step }) =>
    `for (var ${name} = ${first}; ${name} < ${end}; ${name}${step === undefined ? '++' : ` += ${step}`}) {`,
  halving: (name, first) => `for (var ${name} = ${first}; ${name} > 0; ${name} /= 2) {`,

  keepsNumbers: /^\s*for |array<|subgroup/,

  quotient: (a, divisor) => `${a} / ${divisor}`,
  // Unsigned division by a constant is a multiplication and a shift.
  digit: (name, stride, extent) => {
    const quotient = stride === 1 ? `u32(${name})` : `u32(${name}) / ${stride}u`;
    return `i32(${extent === null ? quotient : `${quotient} % ${extent}u`})`;
  },
  smaller: (a, b) => `min(${a}, ${b})`,
  clamped: (name, extent) => `clamp(${name}, 0i, ${extent - 1}i)`,
  // One comparison: a negative i32 is a large u32.
  inside: (value, extent) => `u32(${value}) < ${extent}u`,

  zero: (type) => `${TYPES[type]}()`,
  vector: (type, elements) => `${TYPES[type]}(${elements.join(', ')})`,
  component: (vector, k) => `${vector}.${'xyzw'[k]}`,
  lane: (vector, index) => `${vector}[${index}]`,
  add: (_type, total, value) => `${total} += ${value};`,
  addScaled: (_type, total, scalar, vector) => `${total} += ${scalar} * ${vector};`,
  addProduct: (_type, total, a, b) => `${total} += ${a} * ${b};`,

  load: (type, array, address) => STORED[type].load(array, address),
  store: (type, array, address, value) => `${array}[${address}] = ${STORED[type].store(value)};`,
  accumulate: (_dtype, array, address, value) => `${array}[${address}] += ${value};`,

  loadQuad: (type, array, address) => STORED[type].loadQuad(array, address),
  storeQuad: (type, array, address, value) =>
    `${quadOf(array, address)} = ${STORED[type].storeAll(value)};`,
  loadLane: (type, array, address) => STORED[type].loadLane(array, address),
  storeLane: (type, array, address, value) =>
    `${quadOf(array, address)}[${laneOf(address)}] = ${STORED[type].store(value)};`,
  accumulateLane: (_dtype, array, address, value) =>
    `${quadOf(array, address)}[${laneOf(address)}] += ${value};`,

  barrier: 'workgroupBarrier();',
  bufferBarrier: 'storageBarrier(); workgroupBarrier();',
  exchange: (_type, name, value, mask) => `let ${name} = subgroupShuffleXor(${value}, ${mask}u);`,
  matrix: MATRICES,
  module: wgslModule,
};
