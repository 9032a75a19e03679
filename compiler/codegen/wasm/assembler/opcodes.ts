/** What stands between an instruction's name and its operands, and how it is written. */
export type Immediate = 'none' | 'memory' | 'memoryLane' | 'lane' | 'shuffle';

/** An instruction that takes its operands from the stack and writes nothing but its number and immediates. */
export interface Opcode {
  readonly bytes: readonly number[];
  readonly immediate: Immediate;
  /** Of instructions that reach memory: the power of two that its address has where the text does not say. */
  readonly alignment: number;
}

// The numbers of the WebAssembly specification (core, binary format, instructions), by the first of each row; `_` is a gap. Plain
// instructions, those behind 0xfc and those behind 0xfd (vectors). What blocks, locals, calls and constants are is `function.ts`'s.

const PLAIN: readonly (readonly [first: number, names: string])[] = [
  [0x00, 'unreachable nop'],
  [0x0f, 'return'],
  [0x1a, 'drop select'],
  [0x28, 'i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u'],
  [0x30, 'i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u'],
  [0x36, 'i32.store i64.store f32.store f64.store i32.store8 i32.store16'],
  [0x3c, 'i64.store8 i64.store16 i64.store32'],
  [0x45, named('i32', 'eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u')],
  [0x50, named('i64', 'eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u')],
  [0x5b, named('f32', 'eq ne lt gt le ge')],
  [0x61, named('f64', 'eq ne lt gt le ge')],
  [0x67, named('i32', 'clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor')],
  [0x74, named('i32', 'shl shr_s shr_u rotl rotr')],
  [0x79, named('i64', 'clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor')],
  [0x86, named('i64', 'shl shr_s shr_u rotl rotr')],
  [0x8b, named('f32', 'abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign')],
  [0x99, named('f64', 'abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign')],
  [0xa7, 'i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u'],
  [0xac, 'i64.extend_i32_s i64.extend_i32_u'],
  [0xae, 'i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u'],
  [0xb2, named('f32', 'convert_i32_s convert_i32_u convert_i64_s convert_i64_u demote_f64')],
  [0xb7, named('f64', 'convert_i32_s convert_i32_u convert_i64_s convert_i64_u promote_f32')],
  [0xbc, 'i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64'],
];

const SATURATING: readonly (readonly [first: number, names: string])[] = [
  [0, named('i32', 'trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u')],
  [4, named('i64', 'trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u')],
];

const COMPARISONS = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';
const VECTOR: readonly (readonly [first: number, names: string])[] = [
  [0x00, named('v128', 'load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u')],
  [0x07, named('v128', 'load8_splat load16_splat load32_splat load64_splat store')],
  [0x0d, 'i8x16.shuffle i8x16.swizzle'],
  [0x0f, 'i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat'],
  [0x15, 'i8x16.extract_lane_s i8x16.extract_lane_u i8x16.replace_lane'],
  [0x18, 'i16x8.extract_lane_s i16x8.extract_lane_u i16x8.replace_lane'],
  [0x1b, 'i32x4.extract_lane i32x4.replace_lane i64x2.extract_lane i64x2.replace_lane'],
  [0x1f, 'f32x4.extract_lane f32x4.replace_lane f64x2.extract_lane f64x2.replace_lane'],
  [0x23, named('i8x16', COMPARISONS)],
  [0x2d, named('i16x8', COMPARISONS)],
  [0x37, named('i32x4', COMPARISONS)],
  [0x41, named('f32x4', 'eq ne lt gt le ge')],
  [0x47, named('f64x2', 'eq ne lt gt le ge')],
  [0x4d, named('v128', 'not and andnot or xor bitselect any_true')],
  [0x54, named('v128', 'load8_lane load16_lane load32_lane load64_lane')],
  [0x58, named('v128', 'store8_lane store16_lane store32_lane store64_lane')],
  [0x5c, named('v128', 'load32_zero load64_zero')],
  [0x5e, 'f32x4.demote_f64x2_zero f64x2.promote_low_f32x4'],
  [0x60, named('i8x16', 'abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u')],
  [0x67, named('f32x4', 'ceil floor trunc nearest')],
  [0x6b, named('i8x16', 'shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u')],
  [0x76, named('i8x16', 'min_s min_u max_s max_u')],
  [0x80, named('i16x8', 'abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u')],
  [
    0x87,
    named('i16x8', 'extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u'),
  ],
  [0x8b, named('i16x8', 'shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u')],
  [0x95, named('i16x8', 'mul min_s min_u max_s max_u')],
  [0xa0, named('i32x4', 'abs neg _ all_true bitmask')],
  [
    0xa7,
    named('i32x4', 'extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u'),
  ],
  [0xab, named('i32x4', 'shl shr_s shr_u add _ _ sub _ _ _ mul min_s min_u max_s max_u')],
  [0xba, 'i32x4.dot_i16x8_s'],
  [0xc0, named('i64x2', 'abs neg _ all_true bitmask')],
  [0xcb, named('i64x2', 'shl shr_s shr_u add _ _ sub _ _ _ mul eq ne lt_s gt_s le_s ge_s')],
  [0xe0, named('f32x4', 'abs neg _ sqrt add sub mul div min max pmin pmax')],
  [0xec, named('f64x2', 'abs neg _ sqrt add sub mul div min max pmin pmax')],
  [0xf8, 'i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u'],
  [0xfa, 'f32x4.convert_i32x4_s f32x4.convert_i32x4_u'],
];

function named(type: string, names: string): string {
  return names
    .split(' ')
    .map((name) => `${type}.${name}`)
    .join(' ');
}

/** An unsigned integer in groups of seven bits. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

function immediateOf(name: string): Immediate {
  if (/\.(load|store)\w*_lane$/.test(name)) return 'memoryLane';
  if (/\.(load|store)/.test(name)) return 'memory';
  if (/_lane(_[su])?$/.test(name)) return 'lane';
  return name === 'i8x16.shuffle' ? 'shuffle' : 'none';
}

const WIDTHS: Readonly<Record<string, number>> = { i32: 4, f32: 4, i64: 8, f64: 8, v128: 16 };

/** Bytes that an instruction moves, as a power of two. */
function alignmentOf(name: string): number {
  const [, type, bits, lanes] = /^(\w+)\.(?:load|store)(\d*)(?:x(\d))?/.exec(name) ?? [];
  if (type === undefined) return 0;
  const bytes = bits ? (Number(bits) / 8) * Number(lanes ?? 1) : WIDTHS[type];
  return Math.log2(bytes);
}

const rows = (
  prefix: readonly number[],
  table: typeof PLAIN,
  numbered: (code: number) => readonly number[],
) =>
  table.flatMap(([first, names]) =>
    names.split(' ').map((name, k): [string, Opcode] => [
      name,
      {
        bytes: [...prefix, ...numbered(first + k)],
        immediate: immediateOf(name),
        alignment: alignmentOf(name),
      },
    ]),
  );

/** By name. */
export const OPCODES: ReadonlyMap<string, Opcode> = new Map(
  [
    ...rows([], PLAIN, (code) => [code]),
    ...rows([0xfc], SATURATING, unsigned),
    ...rows([0xfd], VECTOR, unsigned),
  ].filter(([name]) => !name.endsWith('._')),
);
