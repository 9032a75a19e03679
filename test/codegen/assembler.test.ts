import { expect, test } from 'vitest';
import createAssembler from 'wabt';
import { assembleWat } from '../../compiler/codegen/wasm/assembler/index.ts';
import { OPCODES } from '../../compiler/codegen/wasm/assembler/opcodes.ts';
import { libraryFor } from '../../compiler/codegen/wasm/library.ts';
import { compile } from '../../compiler/index.ts';
import digits from '../../examples/digits/model.ts';
import rows from '../../examples/rows/model.ts';

// The witness is wabt, the assembler of WebAssembly's own tools: the same text gives the same bytes.

const assembler = await createAssembler();

function byWabt(text: string): Buffer {
  const module = assembler.parseWat('kernels.wat', text, { simd: true, sat_float_to_int: true });
  try {
    return Buffer.from(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}

const moduleOf = (...functions: readonly string[]) =>
  `(module (import "env" "memory" (memory 2 3))\n${functions.join('\n')})`;

function expectSame(text: string): void {
  const [mine, wanted] = [Buffer.from(assembleWat(text)), byWabt(text)];
  expect(mine.length).toBe(wanted.length);
  expect(mine.findIndex((byte, k) => byte !== wanted[k])).toBe(-1);
}

const IMMEDIATES = {
  none: '',
  memory: 'offset=200',
  memoryLane: 'offset=4 1',
  lane: '1',
  shuffle: '0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31',
} as const;

test('every instruction has the number that wabt gives it', () => {
  // What is on the stack is not looked at before a module is validated.
  const lines = [...OPCODES].map(
    ([name, { immediate }]) => `(func $${name} (${name} ${IMMEDIATES[immediate]}))`,
  );
  expect(lines.length).toBeGreaterThan(300);
  expectSame(moduleOf(...lines));
});

test.each([
  [
    'i32',
    [
      '0',
      '-1',
      '63',
      '64',
      '-64',
      '-65',
      '127',
      '128',
      '2147483647',
      '-2147483648',
      '0xffffffff',
      '0x80',
    ],
  ],
  [
    'i64',
    [
      '0',
      '-1',
      '0x3fe6a09e667f3bcd',
      '0xffffffffffffffff',
      '-9223372036854775808',
      '9007199254740993',
    ],
  ],
  [
    'f32',
    [
      '0',
      '-0',
      '1',
      'inf',
      '-inf',
      'nan',
      '0.1',
      '0.333332819422',
      '1e-45',
      '3.4028234663852886e38',
      '1e-7',
    ],
  ],
  ['f64', ['0', '-0', 'inf', '-inf', 'nan', '0.1', '1.57079632673412561417e+00', '5e-324']],
])('constants of %s', (type, values) => {
  expectSame(
    moduleOf(
      ...values.map((value, k) => `(func $f${k} (result ${type}) (${type}.const ${value}))`),
    ),
  );
});

test('alignments, offsets, vectors, blocks in blocks, runs of locals', () => {
  expectSame(
    moduleOf(
      `(func $first (export "a") (param $x i32) (param $y v128) (result v128) (local $i i32) (local $j i32) (local $v v128) (local $k i32)
        (local.set $v (v128.load offset=70000 align=4 (local.get $x)))
        (block $out (loop $next (br_if $out (local.get $i)) (block (br $next)) (if $inner (local.get $j) (then (br $inner) (br $out)) (else (br $next)))))
        (v128.store offset=16 (local.get $x) (v128.const i32x4 1 -2 0x80000000 4))
        (drop (v128.const f32x4 1 -0.5 nan inf))
        (call $later (if (result i32) (local.get $x) (then (i32.const 1)) (else (local.tee $k (i32.const 2)))))
        (if (local.get $x) (then (return (local.get $y))))
        (local.get $v))`,
      '(func $later (export "b") (param $x i32))',
    ),
  );
});

test('all functions that kernels call', () => {
  const names = [
    'exp',
    'expm1',
    'log',
    'log1p',
    'tanh',
    'sigmoid',
    'softplus',
    'erf',
    'erfc',
    'sin',
    'cos',
    'pow',
    'mod',
    'uniform',
    'product4',
    'product8',
    'fold',
    'widenHalf',
    'narrowHalf',
    'roundHalf',
  ];
  expectSame(moduleOf(libraryFor(names.map((name) => `(call $${name})`).join('\n'))));
});

test.each([
  ['digits', digits],
  ['rows', rows],
])('the kernels of %s', async (_, model) => {
  const texts: string[] = [];
  const { module } = await compile(model, {
    target: 'wasm',
    printAfter: (pass, text) => pass === 'codegen' && texts.push(text),
  });
  expect(byWabt(texts[0]).equals(Buffer.from(module!))).toBe(true);
});

test('an expression as deep as it likes', () => {
  const deep = 50_000;
  const text = moduleOf(
    `(func $f (result i32) ${'(i32.eqz '.repeat(deep)}(i32.const 0)${')'.repeat(deep)})`,
  );
  expect(assembleWat(text).length).toBeGreaterThan(deep);
});

test.each([
  ['(module (func $f (i32.frob)))', "line 1: there is no instruction 'i32.frob'"],
  ['(module\n(func $f (local.get $x)))', "line 2: none of the locals is '$x'"],
  ['(module (func $f (call $g)))', "none of the functions is '$g'"],
  ['(module (func $f (br $l)))', "none of the labels is '$l'"],
  ['(module (func $f (param $x i31)))', "'i31' is no type"],
  ['(module (table 1))', "'table' is no part of a module of kernels"],
  ['(module (func $f (then)))', "'then' without 'if'"],
  ['(module (func $f (nop)', 'the text ends too early'],
])('%s is refused', (text, reason) => {
  expect(() => assembleWat(text)).toThrow(reason);
});
