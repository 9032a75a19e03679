import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collapseAxes } from '../../compiler/codegen/gpu/collapse.ts';
import { emitContraction } from '../../compiler/codegen/gpu/contraction.ts';
import { classifyContraction } from '../../compiler/codegen/gpu/contraction-match.ts';
import type { Dialect } from '../../compiler/codegen/gpu/dialect.ts';
import {
  emitGpu,
  parseVariant,
  variantsOf,
  variantText,
} from '../../compiler/codegen/gpu/index.ts';
import type { GpuModule } from '../../compiler/codegen/gpu/module.ts';
import { TUNING } from '../../compiler/codegen/gpu/tuning.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { soleReduction } from '../../ir/kernel.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';
import { type TargetLimits, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { attentionCases, onlineCases } from '../support/attention-kernels.ts';
import {
  disagreements,
  GPU_FORMS,
  type KernelCase,
  kernelCases,
} from '../support/random-kernel.ts';
import { runOnScript } from '../support/run-script.ts';
import {
  type Agrees,
  DRAWS,
  hardConstants,
  randomNumbers,
  SCALAR_CASES,
  scalarDisagreements,
} from '../support/scalar-kernels.ts';
import { SCRIPT } from '../support/script-dialect.ts';
import { soaked } from '../support/soak.ts';
import { resultOf, SUM_KERNELS, sumBuffers, sumError } from '../support/sum-kernels.ts';
import { chosenModule } from '../support/variants.ts';

// All that codegen/gpu prints, in a dialect other than WGSL: JavaScript, which is run and compared with the interpreter.

type Emit = (kernel: Kernel) => GpuModule;

/** Variants of one random kernel that are run. */
const MOST_VARIANTS = 5;

function check(one: KernelCase, emit: Emit, sizes: Parameters<typeof runOnScript>[3] = {}): void {
  const emitted = emit(one.kernel);
  const explain = (problem: string) =>
    new Error(`${problem}\n${printKernel(one.kernel)}${emitted.code}`);
  let problems: string[];
  try {
    problems = disagreements(one, runOnScript(one.kernel, one.buffers, emitted, sizes));
  } catch (error) {
    throw explain(String(error));
  }
  if (problems.length > 0) throw explain(problems.join('\n'));
}

const within = (limits: Partial<TargetLimits>): Emit => {
  const all = { ...WEBGPU_DEFAULT_LIMITS, ...limits };
  return (kernel) => chosenModule(SCRIPT, kernel, all);
};

/** A sum of products in a tiling that nobody would choose for it; anything else as it comes. */
const tiled =
  (tiling: (typeof TUNING.contraction.tilings)[number], dialect: Dialect = SCRIPT): Emit =>
  (kernel) => {
    const collapsed = collapseAxes(kernel);
    const groups = soleReduction(collapsed) && classifyContraction(collapsed);
    return groups
      ? emitContraction(dialect, collapsed, { ...groups, tiling }, WEBGPU_DEFAULT_LIMITS)
      : chosenModule(dialect, kernel);
  };

describe('JavaScript as a dialect', () => {
  test.each(GPU_FORMS)('%s kernels are what the interpreter says', (form) => {
    fc.assert(
      fc.property(kernelCases([form]), (one) => check(one, within({}))),
      soaked(25),
    );
  });

  test('kernels are the same in a grid of many short rows', () => {
    const narrow = within({ maxWorkgroupsPerDimension: 3, maxWorkgroupInvocations: 16 });
    fc.assert(
      fc.property(kernelCases(), (one) => check(one, narrow)),
      soaked(25),
    );
  });

  test('kernels are the same without workgroup memory', () => {
    const plain = within({ maxWorkgroupBytes: 0 });
    fc.assert(
      fc.property(kernelCases(['reduction', 'contraction']), (one) => check(one, plain)),
      soaked(25),
    );
  });

  test.each(TUNING.contraction.tilings.map((tiling, i) => [i, tiling] as const))(
    'contractions are the same in tiling %i',
    (_, tiling) => {
      fc.assert(
        fc.property(kernelCases(['contraction']), (one) => check(one, tiled(tiling))),
        { ...soaked(4), endOnFailure: true },
      );
      // Fractions and blocks of sums, which random cases do not have.
      const one = SUM_KERNELS['product TT'](40 * tiling.tileK + 3);
      const results = runOnScript(
        one.kernel,
        sumBuffers(one.kernel, 0.7),
        tiled(tiling)(one.kernel),
      );
      expect(sumError(one, results[resultOf(one.kernel)], 0.7)).toBeLessThan(5e-6);
    },
  );

  test('kernels are the same in each of their variants, whose texts say them', () => {
    fc.assert(
      fc.property(kernelCases(), fc.nat(), (one, first) => {
        // Windows have a hundred: some of them, others in each run.
        const variants = variantsOf(one.kernel, WEBGPU_DEFAULT_LIMITS);
        const step = Math.ceil(variants.length / MOST_VARIANTS);
        for (let k = first % step; k < variants.length; k += step) {
          const variant = variants[k];
          expect(parseVariant(variantText(variant))).toEqual(variant);
          check(one, (kernel) => emitGpu(SCRIPT, kernel, variant, WEBGPU_DEFAULT_LIMITS));
        }
      }),
      soaked(60),
    );
  });

  test.each([4, 8, 16, 32, 64])(
    'sums are the same by exchanges in subgroups of at least %i, whatever their size',
    (minSubgroupSize) => {
      const limits = { ...WEBGPU_DEFAULT_LIMITS, minSubgroupSize };
      const made = new Set<string>();
      const property = fc.property(
        kernelCases(['reduction', 'staged', 'carried', 'contraction']),
        fc.nat(),
        fc.constantFrom(1, 2, 4),
        (one, pick, times) => {
          const exchanging = variantsOf(one.kernel, limits).filter(
            (variant) => 'exchange' in variant && variant.exchange > 1,
          );
          if (exchanging.length === 0) return;
          const variant = exchanging[pick % exchanging.length];
          made.add(variantText(variant));
          expect(parseVariant(variantText(variant))).toEqual(variant);
          check(one, (kernel) => emitGpu(SCRIPT, kernel, variant, limits), {
            subgroupSize: minSubgroupSize * times,
          });
        },
      );
      fc.assert(property, soaked(40));
      // Many terms, which take several rounds.
      for (const name of Object.keys(SUM_KERNELS)) {
        const one = SUM_KERNELS[name](5003);
        for (const variant of variantsOf(one.kernel, limits)) {
          if (!('exchange' in variant && variant.exchange > 1)) continue;
          made.add(variantText(variant));
          const emitted = emitGpu(SCRIPT, one.kernel, variant, limits);
          const results = runOnScript(one.kernel, sumBuffers(one.kernel, 0.7), emitted, {
            subgroupSize: minSubgroupSize,
          });
          expect(sumError(one, results[resultOf(one.kernel)], 0.7), name).toBeLessThan(1e-5);
        }
      }
      expect(made.size).toBeGreaterThan(10);
    },
  );

  test('contractions in tiles of a kernel with stages are the same in blocks', () => {
    const made = new Set<string>();
    const property = fc.property(
      attentionCases,
      fc.constantFrom(16 * 1024, 48 * 1024),
      fc.nat(),
      (one, maxWorkgroupBytes, pick) => {
        const limits = { ...WEBGPU_DEFAULT_LIMITS, maxWorkgroupBytes };
        const blocked = variantsOf(one.kernel, limits).filter(
          (variant) => variant.form === 'staged' && variant.chunk > 0,
        );
        if (blocked.length === 0) return;
        const variant = blocked[pick % blocked.length];
        made.add(variantText(variant));
        expect(parseVariant(variantText(variant))).toEqual(variant);
        check(one, (kernel) => emitGpu(SCRIPT, kernel, variant, limits));
      },
    );
    fc.assert(property, soaked(20));
    expect(made.size).toBeGreaterThan(1);
  });

  test.each([3, 4, 5, 8])(
    '%i sums of products that an invocation has alone are all summed',
    (sums) => {
      const kernel = parseKernel(`kernel few {
  axis a0 parallel 6
  axis a1 parallel ${sums}
  buffer b0 read f32 8
  buffer b1 read f32 ${48 * sums}
  buffer b2 write f32 ${6 * sums}
  stage over 1 local f32 ${sums} {
    axis a1 parallel ${sums}
    axis a2 reduced 8
    n0: f32 = load b0[a2]
    n1: f32 = load b1[${8 * sums}*a0 + 8*a1 + a2]
    n2: f32 = mul n0, n1
    reduce sum n2
    n3: f32 = accumulator
    store local[a1] = n3
  }
  n0: f32 = load local[a1]
  n1: f32 = add n0, n0
  store b2[${sums}*a0 + a1] = n1
}
`);
      const buffers = kernel.buffers.map(({ elements }) =>
        Float32Array.from({ length: elements }, (_, k) => (k % 7) - 3),
      );
      const [variant] = variantsOf(kernel, WEBGPU_DEFAULT_LIMITS).filter(
        ({ form }) => form === 'private',
      );
      const one = { kernel, buffers, tolerance: [0, 0, 0] };
      check(one, () => emitGpu(SCRIPT, kernel, variant, WEBGPU_DEFAULT_LIMITS));
    },
  );

  test('sums that are rescaled are the same in all divisions', () => {
    const made = new Set<string>();
    let weighted = 0;
    const property = fc.property(
      onlineCases,
      fc.constantFrom(2 * 1024, 16 * 1024, 48 * 1024),
      fc.constantFrom(1, 16),
      fc.nat(),
      (one, maxWorkgroupBytes, minSubgroupSize, pick) => {
        const limits = { ...WEBGPU_DEFAULT_LIMITS, maxWorkgroupBytes, minSubgroupSize };
        expect(verifyKernel(one.kernel)).toEqual([]);
        const all = variantsOf(one.kernel, limits);
        const blocked = all.filter((variant) => variant.form === 'staged' && variant.chunk > 0);
        const list = pick % 2 === 0 && blocked.length > 0 ? blocked : all;
        if (list.length === 0) return;
        const variant = list[pick % list.length];
        made.add(variantText(variant));
        check(
          one,
          (kernel) => {
            const emitted = emitGpu(SCRIPT, kernel, variant, limits);
            if (emitted.code.includes('rows_factor')) weighted++;
            return emitted;
          },
          { subgroupSize: minSubgroupSize },
        );
      },
    );
    fc.assert(property, soaked(60));
    expect(made.size).toBeGreaterThan(5);
    expect(weighted).toBeGreaterThan(2);
  });

  test.each([4, 8, 16, 32, 64])(
    'contractions are the same by products of matrices in subgroups of %i',
    (subgroupSize) => {
      const products = (['f32', 'f16'] as const).flatMap((component) => [
        { component, m: 8, n: 8, k: 8, subgroupSize },
        { component, m: 16, n: 8, k: 16, subgroupSize },
      ]);
      const limits = {
        ...WEBGPU_DEFAULT_LIMITS,
        ...{ maxWorkgroupBytes: 48 * 1024, minSubgroupSize: subgroupSize },
        subgroupMatrices: products,
      };
      const matrices = (kernel: Kernel) =>
        variantsOf(kernel, limits).filter(({ form }) => form === 'matrix');
      const made = new Set<string>();
      for (const halves of [false, true]) {
        const property = fc.property(
          kernelCases(['contraction'], halves),
          fc.nat(),
          (one, pick) => {
            const variants = matrices(one.kernel);
            if (variants.length === 0) return;
            const variant = variants[pick % variants.length];
            made.add(variantText(variant));
            expect(parseVariant(variantText(variant))).toEqual(variant);
            check(one, (kernel) => emitGpu(SCRIPT, kernel, variant, limits), { subgroupSize });
          },
        );
        fc.assert(property, soaked(6));
      }
      // Fractions and several blocks of terms, which random cases do not have.
      const one = SUM_KERNELS['product NN'](300);
      const [variant] = matrices(one.kernel);
      const results = runOnScript(
        ...([one.kernel, sumBuffers(one.kernel, 0.7)] as const),
        ...([emitGpu(SCRIPT, one.kernel, variant, limits), { subgroupSize }] as const),
      );
      expect(sumError(one, results[resultOf(one.kernel)], 0.7)).toBeLessThan(5e-6);
      expect([...made].join()).toMatch(/f32, /);
    },
  );

  test('windows are the same in blocks of any size', () => {
    const made = new Set<string>();
    const property = fc.property(kernelCases(['window']), fc.nat(), (one, pick) => {
      const blocks = variantsOf(one.kernel, WEBGPU_DEFAULT_LIMITS).filter(
        ({ form }) => form === 'blocks',
      );
      if (blocks.length === 0) return;
      const variant = blocks[pick % blocks.length];
      made.add(variantText(variant));
      check(one, (kernel) => emitGpu(SCRIPT, kernel, variant, WEBGPU_DEFAULT_LIMITS));
    });
    fc.assert(property, soaked(60));
    expect(made.size).toBeGreaterThan(20);
  });

  test('sums are cut into blocks', () => {
    for (const name of Object.keys(SUM_KERNELS)) {
      const one = SUM_KERNELS[name](5003);
      const results = runOnScript(one.kernel, sumBuffers(one.kernel, 0.7));
      expect(sumError(one, results[resultOf(one.kernel)], 0.7), name).toBeLessThan(1e-5);
    }
  });

  const run = async (...[kernel, buffers]: Parameters<typeof runOnScript>) =>
    runOnScript(kernel, buffers);

  test.each(SCALAR_CASES)('%s of %s is the reference, rounded', async (op, dtype) => {
    const agrees: Agrees = (_op, result, given, wanted) =>
      Object.is(given + 0, (result === 'i32' ? wanted : Math.fround(wanted)) + 0);
    expect(await scalarDisagreements(op, dtype, run, agrees)).toEqual([]);
  });

  test.each(DRAWS)('random numbers: %j', async (draws) => {
    const { given, wanted } = await randomNumbers(run, draws);
    expect(given).toEqual(wanted);
  });

  test('constants', async () => {
    const { given, wanted } = await hardConstants(run);
    expect(given).toEqual(wanted);
  });
});

describe('what is common to all dialects', () => {
  /** Reserved in GLSL, HLSL, Metal or CUDA, or types there. */
  const RESERVED = new Set(
    `active asm auto bool break buffer case cast catch centroid char class coherent column_major common compile const
    constant constexpr continue default delete device discard do double dword dynamic_cast else enum explicit export extends
    extern external false filter fixed flat float for friend goto groupshared half highp if in inline inout input int
    interface invariant kernel layout line linear long lowp matrix mediump mutable namespace new noinline noperspective
    operator out output packed partition pass patch pixelfragment point precise precision private protected public readonly
    register resource restrict return row_major sample sampler shared short signed sizeof smooth snorm static string struct
    subroutine superp switch technique template texture this thread threadgroup throw triangle true try typedef typename
    uchar uint uniform union unorm unsigned ushort using varying vector vertex void volatile while writeonly
    abstract arguments await debugger eval function implements import instanceof let null package super typeof var with
    yield from impl match mod ref trait type use where loop fn let var override requires enable diagnostic alias struct`.split(
      /\s+/,
    ),
  );

  test('no name that is declared is reserved in a shading language but by a row of `names`', () => {
    const declared = new Set<string>();
    const named =
      (print: Dialect['constant']): Dialect['constant'] =>
      (type, name, value) => {
        declared.add(name);
        return print(type, name, value);
      };
    const recording: Dialect = {
      ...SCRIPT,
      constant: named(SCRIPT.constant),
      variable: named(SCRIPT.variable),
      array: (type, name, values) => {
        declared.add(name);
        return SCRIPT.array(type, name, values);
      },
      loop: (loop) => {
        declared.add(loop.name);
        return SCRIPT.loop(loop);
      },
      halving: (name, first) => {
        declared.add(name);
        return SCRIPT.halving(name, first);
      },
      module: (parts) => {
        for (const { name } of [...parts.functions, ...parts.workgroupArrays]) declared.add(name);
        for (const { parameters } of parts.functions)
          for (const [name] of parameters) declared.add(name);
        return SCRIPT.module(parts);
      },
    };
    for (const { kernel } of fc.sample(kernelCases(), { numRuns: 100, seed: 7 })) {
      for (const variant of variantsOf(kernel, WEBGPU_DEFAULT_LIMITS).slice(0, 12))
        emitGpu(recording, kernel, variant, WEBGPU_DEFAULT_LIMITS);
      for (const tiling of TUNING.contraction.tilings) tiled(tiling, recording)(kernel);
    }
    expect(declared.size).toBeGreaterThan(40);
    expect([...declared]).toEqual(expect.arrayContaining(['halfway', 'place', 'spot']));
    expect([...declared].filter((name) => RESERVED.has(name))).toEqual([]);
  });

  test('only the folder of WGSL speaks WGSL', () => {
    const folder = new URL('../../compiler/codegen/gpu/', import.meta.url);
    const words = [
      ...['var<', 'vec2', 'vec3', 'vec4', 'array<', '@compute', '@group', '@binding', '@builtin'],
      ...['f32(', 'i32(', 'u32', 'bitcast', 'workgroupBarrier', 'fn ', '.xyzw', '0i', '0f'],
      ...["'let ", '`let ', "'var ", '`var ', "'for (", '`for (', 'min(', 'clamp('],
    ];
    const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
    expect(files.length).toBeGreaterThan(10);
    const spoken = files.flatMap((name) => {
      const text = readFileSync(new URL(name, folder), 'utf8').replaceAll('Math.min(', '');
      return words.filter((word) => text.includes(word)).map((word) => `${name}: ${word}`);
    });
    expect(spoken).toEqual([]);
  });
});
