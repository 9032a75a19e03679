import { describe, expect, test } from 'vitest';
import { compile, defineModel, sum, tensor } from '../../compiler/index.ts';
import { load } from '../../runtime/index.ts';
import { type SharedCode, shareCode } from '../../runtime/shared-code.ts';
import { testDevice } from '../support/gpu.ts';

const BYTES = 64;
const DECLARATIONS =
  /requires immediate_address_space;\n|struct BtcNumbers \{.*\}\nvar<immediate> btc_numbers: BtcNumbers;\n/g;

/** The code with its numbers in the place of what reads them. */
function withNumbers({ code, numbers }: SharedCode): string {
  const [, fields = ''] = /struct BtcNumbers \{(.*)\}/.exec(code) ?? [];
  const unsigned = fields.split(',').map((field) => field.includes('u32'));
  return code
    .replaceAll(DECLARATIONS, '')
    .replaceAll(
      /btc_numbers\.n(\d+)/g,
      (_, n) => `${numbers![+n] >>> 0}${unsigned[+n] ? 'u' : ''}`,
    );
}

/** Sums over rows of as many lengths: one kernel but for its extents. */
async function sums(count: number) {
  const lengths = Array.from({ length: count }, (_, k) => 1000 + 36 * k);
  const names = lengths.map((_, k) => `x${k}`);
  const model = defineModel({
    name: 'sums',
    inputs: Object.fromEntries(names.map((name, k) => [name, tensor([3, lengths[k]])])),
    build: (inputs) =>
      Object.fromEntries(names.map((name, k) => [`y${k}`, sum(inputs[name], [1])])),
  });
  // Each in a dispatch of its own: in one they would be one kernel.
  const { plan, diagnostics } = await compile(model, { target: 'webgpu', dispatches: 'single' });
  if (!plan) throw new Error(diagnostics[0].message);
  const values = lengths.map((length, k) =>
    Float32Array.from({ length: 3 * length }, (_, i) => ((i * (k + 7)) % 31) / 8 - 1),
  );
  return { plan, inputs: Object.fromEntries(names.map((name, k) => [name, values[k]])) };
}

describe('code that kernels share', () => {
  test('gives each its own again, to the letter, when its numbers are put in', async () => {
    const { plan } = await sums(20);
    const texts = plan.kernels.map(({ wgsl }) => wgsl!);
    const shared = shareCode(texts, BYTES);
    expect(new Set(shared.map(({ code }) => code)).size).toBeLessThan(texts.length - 10);
    expect(shared.map(withNumbers)).toEqual(texts);
    for (const { numbers } of shared) expect(numbers?.byteLength ?? 0).toBeLessThanOrEqual(BYTES);
  });

  const kernel = (body: string) => `@compute @workgroup_size(64)\nfn main() {\n${body}\n}\n`;
  const loop = (bound: number, line: string) =>
    kernel(`  for (var k = 0; k < ${bound}; k += 4) {\n    ${line}\n  }`);
  test.each<[string, string, string, number]>([
    ['strides', kernel('  let a = 128 * x;'), kernel('  let a = 96 * x;'), 1],
    ['bounds of long loops', loop(320, 'y = x;'), loop(352, 'y = x;'), 1],
    ['bounds of short loops', loop(8, 'y = x;'), loop(12, 'y = x;'), 2],
    ['divisors in a loop', loop(320, 'y = x / 3;'), loop(320, 'y = x / 5;'), 2],
    ['divisors where all is done once', kernel('  y = x % 3u;'), kernel('  y = x % 5u;'), 2],
    ['values of elements', kernel('  y = x * 0.5f;'), kernel('  y = x * 0.25f;'), 2],
    ['whole values of elements', kernel('  y = x * 2f;'), kernel('  y = x * 3f;'), 2],
    ['bits', kernel('  y = x & 0x7f;'), kernel('  y = x & 0x3f;'), 2],
    ['shifts', kernel('  y = x >> 2u;'), kernel('  y = x >> 3u;'), 2],
    ['sizes of workgroups', kernel('  y = 1;'), kernel('  y = 1;').replace('64', '128'), 2],
  ])('differs in %s: %#', (_, one, other, count) => {
    expect(new Set(shareCode([one, other], BYTES).map(({ code }) => code)).size).toBe(count);
  });

  test('reads no more numbers than fit', () => {
    // Of two halves, one differs in nine numbers and the other in nineteen.
    const number = (k: number, i: number) => {
      const isFirst = k % 2 === 0;
      if (i === 0) return isFirst ? 201 : 202;
      return isFirst && i >= 10 ? 500 : 100 + 9 * i + k;
    };
    const texts = Array.from({ length: 6 }, (_, k) =>
      kernel(Array.from({ length: 20 }, (_, i) => `  let a${i} = ${number(k, i)} * x;`).join('\n')),
    );
    const shared = shareCode(texts, BYTES);
    expect(shared.filter(({ numbers }) => numbers?.length === 9)).toHaveLength(3);
    for (const code of shared) {
      expect(code.numbers?.length ?? 0).toBeLessThanOrEqual(BYTES / 4);
      expect(texts).toContain(withNumbers(code));
    }
  });
});

test('a device with immediates compiles shared code once, and gives the same bits', async () => {
  const { plan, inputs } = await sums(20);
  const device = await testDevice();
  expect((device.limits as { maxImmediateSize?: number }).maxImmediateSize).toBeGreaterThan(0);
  const view = (immediates: boolean) => {
    let pipelines = 0;
    const proxy = new Proxy(device, {
      get(target, key) {
        if (key === 'limits' && !immediates)
          return new Proxy(target.limits, {
            get: (limits, name) =>
              name === 'maxImmediateSize' ? undefined : Reflect.get(limits, name, limits),
          });
        if (key === 'createComputePipelineAsync') pipelines++;
        const value = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    return { proxy, pipelines: () => pipelines };
  };
  const runOn = async (immediates: boolean) => {
    const { proxy, pipelines } = view(immediates);
    const session = await load(plan, { device: proxy });
    await session.run('predict', inputs);
    const outputs = await session.run('predict', inputs);
    session.destroy();
    return { outputs, pipelines: pipelines() };
  };
  const [shared, apart] = [await runOn(true), await runOn(false)];
  expect(apart.pipelines).toBe(plan.kernels.length);
  expect(shared.pipelines).toBeLessThan(apart.pipelines - 10);
  expect(shared.outputs).toEqual(apart.outputs);
});
