import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emitWasm } from '../../compiler/codegen/wasm/index.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import { disagreements, KERNEL_FORMS, kernelCases, withHolder } from '../support/random-kernel.ts';
import { runAllOnWasm, runOnWasm } from '../support/run-wasm.ts';
import {
  type Agrees,
  hardConstants,
  randomNumbers,
  SCALAR_CASES,
  scalarDisagreements,
} from '../support/scalar-kernels.ts';
import { soaked } from '../support/soak.ts';

test.each(KERNEL_FORMS)('%s kernels are what the interpreter says', async (form) => {
  const cases = fc.array(kernelCases([form]).map(withHolder), { minLength: 1, maxLength: 10 });
  const property = fc.asyncProperty(cases, async (some) => {
    const results = await runAllOnWasm(some);
    some.forEach((one, i) => {
      const problems = disagreements(one, results[i]);
      if (problems.length > 0)
        throw new Error(`${problems.join('\n')}\n${printKernel(one.kernel)}`);
    });
  });
  await fc.assert(property, soaked(40));
});

const ULP = 2 ** -23;

/** Within two units in the last place of the true result, subnormal results included. */
const agrees: Agrees = (_, dtype, given, wanted) => {
  if (dtype === 'i32') return given === wanted;
  const single = Math.fround(wanted);
  if (given === single || (Number.isNaN(given) && Number.isNaN(single))) return true;
  return Math.abs(given - wanted) <= 2 * Math.max(ULP * Math.abs(wanted), 2 ** -149);
};

test.each(SCALAR_CASES)('%s of %s is what ir/scalar.ts says', async (op, dtype) => {
  expect(await scalarDisagreements(op, dtype, runOnWasm, agrees)).toEqual([]);
});

test('random numbers are those of ir/random.ts, bit for bit', async () => {
  const { given, wanted } = await randomNumbers(runOnWasm);
  expect(given).toEqual(wanted);
});

test('constants that have no plain literal', async () => {
  const { given, wanted } = await hardConstants(runOnWasm);
  expect(given).toEqual(wanted);
});

// Sizes around the vector width and the tiles, where what is left over gets code of its own.
test('products of matrices of any size and layout', async () => {
  const extent = fc.integer({ min: 1, max: 21 });
  const layouts = fc.tuple(fc.boolean(), fc.boolean());
  const property = fc.asyncProperty(extent, extent, extent, layouts, async (m, n, k, [a, b]) => {
    const kernel = parseKernel(`kernel product {
  axis a0 parallel ${m}
  axis a1 parallel ${n}
  axis a2 reduced ${k}
  buffer b0 read f32 ${m * k}
  buffer b1 read f32 ${k * n}
  buffer b2 write f32 ${m * n}
  n0: f32 = load b0[${a ? `${k}*a0 + a2` : `a0 + ${m}*a2`}]
  n1: f32 = load b1[${b ? `a1 + ${n}*a2` : `${k}*a1 + a2`}]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
  store b2[${n}*a0 + a1] = n3
}
`);
    const whole = (count: number) =>
      Float32Array.from({ length: count }, (_, i) => ((i * 7) % 11) - 5);
    const buffers = [whole(m * k), whole(k * n), new Float32Array(m * n)];
    const results = await runOnWasm(kernel, buffers);
    expect(disagreements({ kernel, buffers, tolerance: [0, 0, 0] }, results)).toEqual([]);
  });
  await fc.assert(property, soaked(60));
});

test('the module imports a memory of exactly the pages asked for, and nothing else', async () => {
  const kernel = parseKernel(`kernel one {
  axis a0 parallel 4
  buffer b0 write f32 4
  n0: f32 = constant 1
  store b0[a0] = n0
}
`);
  const { module, exports } = await emitWasm([kernel, kernel], 3);
  const compiled = await WebAssembly.compile(new Uint8Array(module));
  expect(WebAssembly.Module.imports(compiled)).toEqual([
    { module: 'env', name: 'memory', kind: 'memory' },
  ]);
  expect(WebAssembly.Module.exports(compiled).map(({ name }) => name)).toEqual(exports);
  const instantiate = (pages: number) =>
    WebAssembly.instantiate(compiled, {
      env: { memory: new WebAssembly.Memory({ initial: pages, maximum: pages }) },
    });
  await expect(instantiate(2)).rejects.toThrow();
  await expect(instantiate(4)).rejects.toThrow();
  await expect(instantiate(3)).resolves.toBeDefined();
});
