import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emitWasm } from '../../compiler/codegen/wasm/index.ts';
import { interpretKernel } from '../../ir/kernel-interpret.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import { disagreements, KERNEL_FORMS, kernelCases, withHolder } from '../support/random-kernel.ts';
import { runAllOnWasm, runOnWasm } from '../support/run-wasm.ts';
import {
  type Agrees,
  DRAWS,
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

test.each(DRAWS)('random numbers are those of ir/random.ts, bit for bit: %j', async (draws) => {
  const { given, wanted } = await randomNumbers(runOnWasm, draws);
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

// Numbers among which comparisons alone would lose NaN, or take one zero for the other.
const HARD = [0, -0, 1, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-40];

test.each(['max', 'min'])('the %s of a number and a constant, zeros and NaN', async (op) => {
  const x = Float32Array.from({ length: 19 }, (_, i) => HARD[i % HARD.length]);
  const bounds = [0, -0, 1, -1e30, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const cases = bounds.flatMap((bound) => [
    { bound, operands: 'n0, n1' },
    { bound, operands: 'n1, n0' },
  ]);
  const runs = cases.map(({ bound, operands }) => ({
    kernel: parseKernel(`kernel bounded {
  axis a0 parallel 19
  buffer b0 read f32 19
  buffer b1 write f32 19
  n0: f32 = load b0[a0]
  n1: f32 = constant ${Object.is(bound, -0) ? '-0' : bound}
  n2: f32 = ${op} ${operands}
  store b1[a0] = n2
}
`),
    buffers: [x, new Float32Array(19)],
  }));
  const results = await runAllOnWasm(runs);
  cases.forEach(({ bound }, i) => {
    const wanted = Array.from(x, (value) => Math.fround(Math[op as 'max'](value, bound)));
    expect([...results[i][1]], `${op} with ${bound}`).toEqual(wanted);
  });
});

test('the largest and the smallest of rows and columns, NaN wherever there is one', async () => {
  const [rows, columns] = [23, 29];
  const extreme = (op: string, along: 'rows' | 'columns') =>
    parseKernel(`kernel extreme {
  axis a0 parallel ${along === 'rows' ? rows : columns}
  axis a1 reduced ${along === 'rows' ? columns : rows}
  buffer b0 read f32 ${rows * columns}
  buffer b1 write f32 ${along === 'rows' ? rows : columns}
  n0: f32 = load b0[${along === 'rows' ? `${columns}*a0 + a1` : `a0 + ${columns}*a1`}]
  reduce ${op} n0
  n1: f32 = accumulator
  store b1[a0] = n1
}
`);
  const property = fc.asyncProperty(
    fc.array(fc.nat(rows * columns - 1), { maxLength: 6 }),
    async (places) => {
      const x = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i) * 1e3);
      for (const [k, place] of places.entries())
        x[place] = [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY][k % 3];
      const kernels = ['max', 'min'].flatMap((op) =>
        (['rows', 'columns'] as const).map((along) => extreme(op, along)),
      );
      const runs = kernels.map((kernel) => ({
        kernel,
        buffers: [x, new Float32Array(kernel.buffers[1].elements)],
      }));
      const results = await runAllOnWasm(runs);
      kernels.forEach((kernel, k) => {
        const wanted = kernel.buffers.map((_, b) => Float64Array.from(runs[k].buffers[b]));
        interpretKernel(kernel, wanted);
        expect([...results[k][1]]).toEqual([...wanted[1]]);
      });
    },
  );
  await fc.assert(property, soaked(6));
});

test('the module imports a memory of exactly the pages asked for, and nothing else', async () => {
  const kernel = parseKernel(`kernel one {
  axis a0 parallel 4
  buffer b0 write f32 4
  n0: f32 = constant 1
  store b0[a0] = n0
}
`);
  const { module, exports } = emitWasm([kernel, kernel], 3);
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
