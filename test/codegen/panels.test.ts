import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planPanels } from '../../compiler/codegen/wasm/panel-plan.ts';
import { withScratch } from '../../compiler/lower/scratch.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { expectExact } from '../support/exact-kernels.ts';
import { soaked } from '../support/soak.ts';
import { SUM_KERNELS, wasmSumErrors } from '../support/sum-kernels.ts';

/** With the memory that the code wants; null where panels are no way to run it. */
function inPanels(kernel: Kernel): Kernel | null {
  const plan = planPanels(kernel);
  return plan && withScratch(kernel, plan.layout.elements);
}

interface Product {
  readonly layout: readonly [boolean, boolean, boolean];
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly epilogue: boolean;
}

/** C[batch, m, n], stored transposed or not, of factors in any layout. */
function product({ layout: [a, b, c], batch, m, n, k, epilogue }: Product): Kernel {
  return parseKernel(`kernel product {
  axis a0 parallel ${batch}
  axis a1 parallel ${m}
  axis a2 parallel ${n}
  axis a3 reduced ${k}
  buffer b0 read f32 ${batch * m * k}
  buffer b1 read f32 ${batch * k * n}
  buffer b2 ${epilogue ? 'read_write' : 'write'} f32 ${batch * m * n}
  n0: f32 = load b0[${m * k}*a0 + ${a ? `${k}*a1 + a3` : `a1 + ${m}*a3`}]
  n1: f32 = load b1[${n * k}*a0 + ${b ? `a2 + ${n}*a3` : `${k}*a2 + a3`}]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
${
  epilogue
    ? `  n4: f32 = load b2[${m * n}*a0 + ${c ? `${n}*a1 + a2` : `a1 + ${m}*a2`}]
  n5: f32 = sub n4, n3\n`
    : ''
}  store b2[${m * n}*a0 + ${c ? `${n}*a1 + a2` : `a1 + ${m}*a2`}] = n${epilogue ? 5 : 3}
}
`);
}

test('products of any layout, with batches and epilogues, in blocks and what is left over', async () => {
  const extent = fc.oneof(fc.integer({ min: 4, max: 40 }), fc.integer({ min: 60, max: 300 }));
  const products = fc.record({
    layout: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    batch: fc.constantFrom(1, 1, 2, 3),
    m: extent,
    n: extent,
    k: fc.oneof(fc.integer({ min: 8, max: 40 }), fc.integer({ min: 250, max: 600 })),
    epilogue: fc.boolean(),
  });
  let count = 0;
  const property = fc.asyncProperty(
    fc.array(products, { minLength: 4, maxLength: 6 }),
    async (some) => {
      const small = some.filter(({ batch, m, n, k }) => batch * m * n * k < 1e6);
      const kernels = small.flatMap((one) => inPanels(product(one)) ?? []);
      count += kernels.length;
      if (kernels.length > 0) await expectExact(kernels);
    },
  );
  await fc.assert(property, soaked(6));
  expect(count).toBeGreaterThan(4);
});

/** A 3 x 3 convolution with padding over [2, height, width, channels], or one of its gradients. */
function convolution(form: string, height: number, width: number, c: number, f: number): Kernel {
  const position = (y: string, x: string) =>
    `where 0 <= -1 + ${y} < ${height} and 0 <= -1 + ${x} < ${width}`;
  const image = (b: string, y: string, x: string, channel: string) =>
    `load b0[${-(width + 1) * c} + ${height * width * c}*${b} + ${y.replaceAll('@', String(width * c))} + ${x.replaceAll('@', String(c))} + ${channel}]`;
  const [input, kernel, output] = [2 * height * width * c, 9 * c * f, 2 * height * width * f];
  if (form === 'forward')
    return parseKernel(`kernel forward {
  axis a0 parallel 2
  axis a1 parallel ${height}
  axis a2 parallel ${width}
  axis a3 parallel ${f}
  axis a4 reduced 3
  axis a5 reduced 3
  axis a6 reduced ${c}
  buffer b0 read f32 ${input}
  buffer b1 read f32 ${kernel}
  buffer b2 write f32 ${output}
  n0: f32 = ${image('a0', '@*a1 + @*a4', '@*a2 + @*a5', 'a6').replace('@', '')} ${position('a1 + a4', 'a2 + a5')}
  n1: f32 = load b1[a3 + ${3 * c * f}*a4 + ${c * f}*a5 + ${f}*a6]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
  n4: f32 = constant 0
  n5: f32 = max n3, n4
  store b2[${height * width * f}*a0 + ${width * f}*a1 + ${f}*a2 + a3] = n5
}
`);
  return parseKernel(`kernel weights {
  axis a0 parallel 3
  axis a1 parallel 3
  axis a2 parallel ${c}
  axis a3 parallel ${f}
  axis a4 reduced 2
  axis a5 reduced ${height}
  axis a6 reduced ${width}
  buffer b0 read f32 ${input}
  buffer b1 read f32 ${output}
  buffer b2 write f32 ${kernel}
  n0: f32 = ${image('a4', '@*a0 + @*a5', '@*a1 + @*a6', 'a2')} ${position('a0 + a5', 'a1 + a6')}
  n1: f32 = load b1[a3 + ${height * width * f}*a4 + ${width * f}*a5 + ${f}*a6]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
  store b2[${3 * c * f}*a0 + ${c * f}*a1 + ${f}*a2 + a3] = n3
}
`);
}

test.each(['forward', 'weights'])('convolutions within bounds: %s', async (form) => {
  const kernels = [
    [7, 9, 8, 16],
    [5, 12, 3, 20],
    [14, 14, 16, 13],
    [9, 8, 1, 32],
  ].flatMap(([height, width, c, f]) => inPanels(convolution(form, height, width, c, f)) ?? []);
  expect(kernels.length).toBeGreaterThan(2);
  await expectExact(kernels);
});

// On both sides of where blocks of terms are summed in blocks themselves.
test('sums in panels are as exact as others', async () => {
  const names = [
    'product NN',
    'product NT',
    'product TN',
    'product TT',
    'product with an epilogue',
  ];
  const sums = names.flatMap((name) =>
    [1023, 8257, 32_769, 262_144, 1_000_003].flatMap((k) => {
      const one = SUM_KERNELS[name](k);
      const kernel = inPanels(one.kernel);
      return kernel ? [{ ...one, kernel }] : [];
    }),
  );
  expect(sums.length).toBeGreaterThan(15);
  expect(sums.some(({ kernel }) => planPanels(kernel)!.deep)).toBe(true);
  const errors = await wasmSumErrors(sums, [0.1, 1 / 3, 1.1]);
  expect(errors.filter((error) => !(error <= 1e-5))).toEqual([]);
});

test('what a kernel stores is no part of a factor in panels', () => {
  const [m, n, k] = [64, 64, 64];
  const one = product({ layout: [true, true, true], batch: 1, m, n, k, epilogue: true });
  expect(planPanels(one)).not.toBeNull();
  const nodes = one.nodes.map((node, i) =>
    i === 0 && node.kind === 'load' ? { ...node, buffer: 2 } : node,
  );
  expect(planPanels({ ...one, nodes })).toBeNull();
});
