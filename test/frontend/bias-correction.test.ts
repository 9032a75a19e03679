import { expect, it } from 'vitest';
import { compile } from '../../compiler/index.ts';
import * as btc from '../../compiler/language.ts';
import type { Session } from '../../runtime/index.ts';
import { openSession } from '../support/agreement.ts';

// Adam at late steps and with averages that hardly move, in float32 on both targets, against float64.

const GRADIENTS = [1, -0.3, 1e-3, 250];
const BETAS = [0, 0.9, 0.99999, 0.9999999];
const STEPS = [1, 1000, 1_000_000];
const TARGETS = ['wasm', 'webgpu'] as const;

/** Its gradient is the input. */
const model = (optimizer: btc.Optimiser) =>
  btc.defineModel({
    name: 'slope',
    inputs: { slope: btc.tensor([GRADIENTS.length]) },
    build: () => ({ w: btc.param('w', [GRADIENTS.length], btc.init.zeros) }),
    train: { loss: ({ w }, { slope }) => btc.sum(btc.mul(w, slope)), optimizer },
  });

async function sessionOf(optimizer: btc.Optimiser, target: 'wasm' | 'webgpu'): Promise<Session> {
  const limits = { maxWorkgroupBytes: 0 };
  const compiled = await compile(model(optimizer), {
    target,
    ...(target === 'webgpu' ? { limits } : {}),
  });
  return openSession({ ...compiled, plan: compiled.plan!, parameters: compiled.parameters! });
}

/** Weights of one parameter after the numbered steps of PyTorch's Adam or AdamW at rate 1e-3, from no averages. */
function reference(
  steps: readonly number[],
  { beta1, beta2, decay }: { beta1: number; beta2: number; decay: number },
  slopeAt: (step: number) => number,
): number {
  let [w, m, v] = [0, 0, 0];
  for (const t of steps) {
    const g = slopeAt(t);
    w *= 1 - 1e-3 * decay;
    m += (1 - beta1) * (g - m);
    v += (1 - beta2) * (g * g - v);
    const correction = (beta: number) => (beta === 0 ? 1 : -Math.expm1(t * Math.log(beta)));
    w -= ((1e-3 / correction(beta1)) * m) / (Math.sqrt(v / correction(beta2)) + 1e-8);
  }
  return w;
}

const relative = (given: ArrayLike<number>, wanted: readonly number[]) =>
  Math.max(...wanted.map((want, i) => Math.abs(given[i] - want) / Math.abs(want)));

it.each(TARGETS)('one step at any time is within 1e-6 of float64: %s', async (target) => {
  for (const beta of BETAS) {
    const [beta1, beta2] = [Math.min(beta, 0.99999), beta];
    for (const t of STEPS) {
      const session = await sessionOf(btc.adam({ beta1, beta2 }), target);
      await session.run('train', {
        slope: Float32Array.from(GRADIENTS),
        // Without a correction there is no counter.
        ...(beta === 0 ? {} : { step: Int32Array.of(t - 1) }),
      });
      const wanted = GRADIENTS.map((g) =>
        reference([t], { beta1, beta2, decay: 0 }, () => Math.fround(g)),
      );
      const error = relative((await session.readParameters()).w, wanted);
      expect(error, `beta ${beta}, step ${t}`).toBeLessThan(1e-6);
      session.destroy();
    }
  }
});

// Equal gradients: an average whose factor is not 1 minus its share drifts away from them.
it.each(TARGETS)('averages do not drift: %s', async (target) => {
  const betas = { beta1: 0.999, beta2: 0.9999999 };
  const session = await sessionOf(btc.adamw({ ...betas, weightDecay: 0.1 }), target);
  const steps = Array.from({ length: 300 }, (_, k) => k + 1);
  for (const _ of steps) await session.run('train', { slope: Float32Array.from(GRADIENTS) });
  const wanted = GRADIENTS.map((g) =>
    reference(steps, { ...betas, decay: 0.1 }, () => Math.fround(g)),
  );
  expect(relative((await session.readParameters()).w, wanted)).toBeLessThan(5e-6);
  session.destroy();
});

it.each(TARGETS)(
  'the norm of huge and of tiny gradients does not overflow or vanish: %s',
  async (target) => {
    const after = async (slope: readonly number[], clipNorm: number) => {
      const session = await sessionOf(btc.sgd({ learningRate: 1, clipNorm }), target);
      await session.run('train', { slope: Float32Array.from(slope) });
      const { w } = await session.readParameters();
      session.destroy();
      return Array.from(w);
    };
    const huge = await after([3e20, -4e20, 0, 1e3], 5);
    expect(relative(huge, [-3, 4])).toBeLessThan(2e-6);
    const tiny = await after([3e-20, -4e-20, 0, 0], 1e-20);
    // 1e-20 / (5e-20 + 1e-6) is what the small number of PyTorch's formula makes of it.
    expect(relative(tiny, [-3e-20 * 1e-14, 4e-20 * 1e-14])).toBeLessThan(1e-5);
    expect(await after([0, 0, 0, 0], 1)).toEqual([0, 0, 0, 0]);
    const infinite = await after([Number.POSITIVE_INFINITY, 1, 0, -2], 1);
    expect(infinite.map((x) => x + 0)).toEqual([Number.NaN, 0, 0, 0]);
  },
);
