import { describe, expect, it } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import { programOf } from './run-program.ts';

type Vector = readonly number[];
type Parameters = Readonly<Record<'w' | 'm', Vector>>;

/** Curvature of the loss along each element of `w`. */
const CURVATURE: Vector = [0.5, 2, -1, 0.25];
const START: Parameters = { w: [1, -2, 0.5, 3], m: [0.3, -0.7] };
const STEPS = 6;

/** What the loss is linear in at a step: gradients change with the parameters and with the step. */
const slopes = (step: number): Parameters => ({
  w: CURVATURE.map((_, k) => Math.sin(1 + step + 3 * k)),
  m: [step - 2.5, 1 / (1 + step)],
});

/** Loss Σ c·w²/2 + Σ s·w + Σ t·m, so that its gradients are c·w + s and t. */
const model = (optimizer: btc.Optimiser) =>
  btc.defineModel({
    name: 'bowl',
    inputs: { w: btc.tensor([4]), m: btc.tensor([1, 2]), c: btc.tensor([4]) },
    build: () => ({
      w: btc.param('w', [4], btc.init.zeros),
      m: btc.param('m', [1, 2], btc.init.zeros),
    }),
    train: {
      loss: ({ w, m }, slope) =>
        btc.add(
          btc.sum(btc.add(btc.mul(btc.mul(slope.c, btc.square(w)), 0.5), btc.mul(slope.w, w))),
          btc.sum(btc.mul(slope.m, m)),
        ),
      optimizer,
    },
  });

const gradientsOf = ({ w }: Parameters, step: number): Parameters => {
  const { w: s, m } = slopes(step);
  return { w: w.map((x, k) => CURVATURE[k] * x + s[k]), m };
};

/** Rate at a step: it is an input of the program, so it may change while training. */
const rateAt = (step: number) => 0.1 / (1 + step / 4);

/** The parameters after each step of the compiled program, from optimiser state that is zero. */
function train(optimizer: btc.Optimiser): Parameters[] {
  const step = programOf(model(optimizer), 'train');
  let values: Record<string, Float64Array> = Object.fromEntries(
    Object.entries(START).flatMap(([name, value]) => [
      [name, Float64Array.from(value)],
      ...optimizer.states.map((state) => [`${name}.${state}`, new Float64Array(value.length)]),
    ]),
  );
  return Array.from({ length: STEPS }, (_, k) => {
    const inputs = { ...slopes(k), c: CURVATURE, step: [k], learningRate: [rateAt(k)] };
    const { updates } = step(inputs, values);
    expect(Object.keys(updates).sort()).toEqual(Object.keys(values).sort());
    values = updates;
    return { w: Array.from(values.w), m: Array.from(values.m) };
  });
}

/** A published rule for one element: the new value from the old one, its gradient, rate, and number of the step from 1. */
type Rule = (x: number, g: number, rate: number, t: number) => number;

/** Trains with a rule of one element; each element has a rule of its own, which keeps what it must in its closure. */
function reference(
  newRule: () => Rule,
  clip: (gradients: Parameters) => Parameters = (gradients) => gradients,
): Parameters[] {
  const rules = { w: START.w.map(newRule), m: START.m.map(newRule) };
  let values = START;
  return Array.from({ length: STEPS }, (_, k) => {
    const gradients = clip(gradientsOf(values, k));
    const moved = (name: 'w' | 'm') =>
      values[name].map((x, i) => rules[name][i](x, gradients[name][i], rateAt(k), k + 1));
    values = { w: moved('w'), m: moved('m') };
    return values;
  });
}

function expectSame(
  given: readonly Parameters[],
  wanted: readonly Parameters[],
  digits = 10,
): void {
  expect(given).toHaveLength(STEPS);
  wanted.forEach((parameters, step) => {
    for (const name of ['w', 'm'] as const)
      parameters[name].forEach((x, i) => {
        expect(given[step][name][i], `${name}[${i}] after ${step + 1} steps`).toBeCloseTo(
          x,
          digits,
        );
      });
  });
}

const plain = (): Rule => (x, g, rate) => x - rate * g;

/** Polyak's heavy ball, or Nesterov's lookahead, with a velocity that is free of the rate, as in PyTorch. */
const heavyBall =
  (mu: number, { nesterov = false, decay = 0 } = {}) =>
  (): Rule => {
    let velocity = 0;
    return (x, g, rate) => {
      const slope = g + decay * x;
      velocity = mu * velocity + slope;
      return x - rate * (nesterov ? slope + mu * velocity : velocity);
    };
  };

/** Algorithm 1 of Kingma and Ba; with `decoupled` algorithm 2 of Loshchilov and Hutter, its schedule in the rate. */
const adam =
  ({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, decay = 0, decoupled = false } = {}) =>
  (): Rule => {
    let [m, v] = [0, 0];
    return (x, gradient, rate, t) => {
      const g = decoupled ? gradient : gradient + decay * x;
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      const step = m / (1 - beta1 ** t) / (Math.sqrt(v / (1 - beta2 ** t)) + epsilon);
      return x - rate * (step + (decoupled ? decay * x : 0));
    };
  };

describe('an optimiser', () => {
  it.each<[string, btc.Optimiser, () => Rule]>([
    ['sgd', btc.sgd(), plain],
    ['sgd with weight decay', btc.sgd({ weightDecay: 0.3 }), heavyBall(0, { decay: 0.3 })],
    ['momentum', btc.sgd({ momentum: 0.9 }), heavyBall(0.9)],
    [
      'momentum with weight decay',
      btc.sgd({ momentum: 0.8, weightDecay: 0.2 }),
      heavyBall(0.8, { decay: 0.2 }),
    ],
    [
      "Nesterov's momentum",
      btc.sgd({ momentum: 0.9, nesterov: true }),
      heavyBall(0.9, { nesterov: true }),
    ],
    ['adam', btc.adam(), adam()],
    [
      'adam with every constant chosen',
      btc.adam({ beta1: 0.7, beta2: 0.95, epsilon: 0.01, weightDecay: 0.1 }),
      adam({ beta1: 0.7, beta2: 0.95, epsilon: 0.01, decay: 0.1 }),
    ],
    ['adamw', btc.adamw(), adam({ decay: 0.01, decoupled: true })],
    [
      'adamw with every constant chosen',
      btc.adamw({ beta1: 0.5, beta2: 0.9, epsilon: 0.1, weightDecay: 0.4 }),
      adam({ beta1: 0.5, beta2: 0.9, epsilon: 0.1, decay: 0.4, decoupled: true }),
    ],
  ])('%s follows the published rule', (_, optimiser, rule) => {
    expectSame(train(optimiser), reference(rule));
  });

  // The parameters after the last step, of PyTorch 1.13 in float64.
  it.each<[string, btc.Optimiser, Vector]>([
    [
      'rmsprop',
      btc.rmsprop(),
      [0.1656136533, -0.3790018736, -2.5045877519, 1.4477129771, 1.2344760416, -2.5186322362],
    ],
    [
      'rmsprop with every constant chosen',
      btc.rmsprop({ alpha: 0.9, epsilon: 0.01, weightDecay: 0.1, momentum: 0.8, centered: true }),
      [-0.1637614592, -0.2162678892, -1.3820205854, 1.183736141, 1.3172299377, -2.03093864],
    ],
    [
      'adagrad',
      btc.adagrad(),
      [0.8438669767, -1.7594936458, 0.4201282413, 2.8111074999, 0.3939832588, -0.8811291987],
    ],
    [
      'adagrad with every constant chosen',
      btc.adagrad({
        learningRateDecay: 0.3,
        weightDecay: 0.2,
        initialAccumulator: 0.5,
        epsilon: 0.01,
      }),
      [0.8584434083, -1.8122066788, 0.4686440729, 2.835692379, 0.4042676161, -0.8038210032],
    ],
    [
      'AMSGrad',
      btc.adam({ amsgrad: true, beta1: 0.6, beta2: 0.7 }),
      [0.7523869569, -1.6278558594, 0.3855559615, 2.7850520365, 0.4898302592, -1.0015311693],
    ],
    [
      'AMSGrad with decoupled decay',
      btc.adamw({ amsgrad: true, beta1: 0.6, beta2: 0.7, weightDecay: 0.3 }),
      [0.6599469269, -1.4255760857, 0.3384320492, 2.4646887003, 0.4399715624, -0.9050958802],
    ],
  ])('%s is that of PyTorch', (_, optimiser, wanted) => {
    const { w, m } = train(optimiser)[STEPS - 1];
    for (const [k, x] of [...w, ...m].entries()) expect(x).toBeCloseTo(wanted[k], 9);
  });

  it('lion follows the published rule', () => {
    const lion = (): Rule => {
      let m = 0;
      return (x, g, rate) => {
        const direction = Math.sign(0.9 * m + (1 - 0.9) * g);
        m = 0.99 * m + (1 - 0.99) * g;
        return x - rate * (direction + 0.2 * x);
      };
    };
    expectSame(train(btc.lion({ weightDecay: 0.2 })), reference(lion));
  });

  it.each<[string, btc.Optimiser, number]>([
    ['rmsprop', btc.rmsprop(), 0.01],
    ['adagrad', btc.adagrad(), 0.01],
    ['lion', btc.lion(), 1e-4],
    ['sgd', btc.sgd(), 0.01],
    ['adam', btc.adam(), 0.001],
    ['adamw', btc.adamw(), 0.001],
    ['sgd at a given rate', btc.sgd({ learningRate: 0.5 }), 0.5],
  ])('%s declares its learning rate as the default of an input', async (_, optimizer, rate) => {
    const { plan } = await compile(model(optimizer));
    const input = plan!.programs['train'].inputs.find(({ name }) => name === 'learningRate');
    expect(input).toMatchObject({ default: rate, counter: false });
  });
});

describe('groups of parameters', () => {
  it('have rates, decay, momentum and clipping of their own', () => {
    const given = train(
      btc.adamw({
        weightDecay: 0.3,
        beta1: 0.5,
        groups: [
          { parameters: /^m$/, learningRateFactor: 0.5, settings: { weightDecay: 0 } },
          { parameters: () => false, settings: { weightDecay: 9 } },
        ],
      }),
    );
    const all = reference(adam({ beta1: 0.5, decay: 0.3, decoupled: true }));
    const slower = (): Rule => {
      const rule = adam({ beta1: 0.5 })();
      return (x, g, rate, t) => rule(x, g, rate / 2, t);
    };
    const own = reference(slower);
    expectSame(
      given,
      all.map(({ w }, k) => ({ w, m: own[k].m })),
    );
  });

  it('may have other states, and are clipped apart where they say so', () => {
    const optimiser = btc.sgd({
      clipNorm: 0.5,
      groups: [{ parameters: (name) => name === 'w', settings: { momentum: 0.9, clipNorm: 1 } }],
    });
    const step = programOf(model(optimiser), 'train');
    const inputs = { ...slopes(0), c: CURVATURE, step: [0], learningRate: [1] };
    const { updates } = step(inputs, {
      w: Float64Array.from(START.w),
      m: Float64Array.from(START.m),
      'w.momentum': new Float64Array(4),
    });
    expect(Object.keys(updates).sort()).toEqual(['m', 'w', 'w.momentum']);
    const gradients = gradientsOf(START, 0);
    for (const [name, limit] of [
      ['w', 1],
      ['m', 0.5],
    ] as const) {
      const factor = limit / Math.hypot(...gradients[name]);
      gradients[name].forEach((g, i) => {
        expect(updates[name][i]).toBeCloseTo(START[name][i] - g * factor, 5);
      });
    }
  });

  it('are kept out of common clipping by Infinity', () => {
    const optimiser = btc.sgd({
      clipNorm: 0.5,
      clipValue: 0.1,
      groups: [{ parameters: /^w$/, settings: { clipNorm: Infinity, clipValue: Infinity } }],
    });
    const step = programOf(model(optimiser), 'train');
    const inputs = { ...slopes(0), c: CURVATURE, step: [0], learningRate: [1] };
    const { updates } = step(inputs, {
      w: Float64Array.from(START.w),
      m: Float64Array.from(START.m),
    });
    const gradients = gradientsOf(START, 0);
    const factor = 0.5 / Math.hypot(...gradients.m);
    gradients.w.forEach((g, i) => {
      expect(updates.w[i]).toBeCloseTo(START.w[i] - g, 5);
    });
    gradients.m.forEach((g, i) => {
      const clipped = Math.min(0.1, Math.max(-0.1, g * factor));
      expect(updates.m[i]).toBeCloseTo(START.m[i] - clipped, 5);
    });
  });

  it('with mistakes are diagnostics', async () => {
    const wrong = btc.adam({
      groups: [
        { parameters: 'bias' as never },
        { parameters: /w/, learningRateFactor: -1, settings: { beta1: 0.5 } },
      ],
    });
    const inner = btc.sgd({ groups: [{ parameters: /w/, settings: { momentum: 2 } }] });
    for (const [optimiser, wanted] of [
      [wrong, ["'groups[0].parameters'", "'groups[1].learningRateFactor'"]],
      [inner, ["'momentum'"]],
    ] as const) {
      const { diagnostics } = await compile(model(optimiser));
      expect(diagnostics.map(({ code }) => code)).toEqual(wanted.map(() => 'BTC2015'));
      wanted.forEach((text, k) => {
        expect(diagnostics[k].message).toContain(text);
      });
    }
  });
});

describe('gradient clipping', () => {
  const norm = ({ w, m }: Parameters) => Math.hypot(...w, ...m);
  const scaled = ({ w, m }: Parameters, factor: number): Parameters => ({
    w: w.map((x) => x * factor),
    m: m.map((x) => x * factor),
  });
  const toNorm = (limit: number) => (gradients: Parameters) =>
    norm(gradients) > limit ? scaled(gradients, limit / norm(gradients)) : gradients;
  const toValue = (limit: number) => (gradients: Parameters) => {
    const limited = (x: number) => Math.sign(x) * Math.min(limit, Math.abs(x));
    return { w: gradients.w.map(limited), m: gradients.m.map(limited) };
  };

  it('by norm scales all gradients together, and only where their joint norm is too large', () => {
    const limit = 3;
    const wanted = reference(plain, toNorm(limit));
    const norms = [START, ...wanted].slice(0, STEPS).map((x, k) => norm(gradientsOf(x, k)));
    // The limit binds at some steps and not at others, or this would not tell them apart.
    expect(Math.max(...norms)).toBeGreaterThan(1.1 * limit);
    expect(Math.min(...norms)).toBeLessThan(0.9 * limit);
    // What keeps a norm of zero from dividing shortens the step by a millionth.
    expectSame(train(btc.sgd({ clipNorm: limit })), wanted, 5);
  });

  it('by norm comes before momentum, decay and the second moments', () => {
    const clip = toNorm(0.5);
    const momentum = btc.sgd({ momentum: 0.9, weightDecay: 0.2, clipNorm: 0.5 });
    expectSame(train(momentum), reference(heavyBall(0.9, { decay: 0.2 }), clip), 5);
    const adamw = btc.adamw({ clipNorm: 0.5, epsilon: 0.1 });
    const rule = adam({ epsilon: 0.1, decay: 0.01, decoupled: true });
    expectSame(train(adamw), reference(rule, clip), 5);
  });

  it('by value limits every element', () => {
    expectSame(train(btc.sgd({ clipValue: 0.4 })), reference(plain, toValue(0.4)));
  });

  it('by norm and value clips the norm first', () => {
    const clip = (gradients: Parameters) => toValue(0.4)(toNorm(1)(gradients));
    expectSame(train(btc.adam({ clipNorm: 1, clipValue: 0.4 })), reference(adam(), clip), 5);
  });

  it('by norm leaves parameters alone where all gradients are zero', () => {
    const step = programOf(model(btc.sgd({ clipNorm: 1 })), 'train');
    const zeros = { w: [0, 0, 0, 0], m: [0, 0], c: [0, 0, 0, 0] };
    const values = { w: Float64Array.from(START.w), m: Float64Array.from(START.m) };
    expect(step({ ...zeros, step: [0], learningRate: [1] }, values).updates).toEqual(values);
  });
});

it('an optimiser leaves a parameter alone that the loss does not reach', () => {
  const partial = btc.defineModel({
    name: 'partial',
    inputs: { x: btc.tensor([2]) },
    build: ({ x }) => {
      const [used, frozen] = ['used', 'frozen'].map((name) => btc.param(name, [2], btc.init.ones));
      return { y: btc.mul(btc.mul(x, used), btc.stopGradient(frozen)) };
    },
    train: { loss: ({ y }) => btc.sum(y), optimizer: btc.sgd({ momentum: 0.5 }) },
  });
  const { updates } = programOf(partial, 'train')(
    { x: [1, 2], step: [0], learningRate: [1] },
    {
      used: Float64Array.of(5, 6),
      'used.momentum': Float64Array.of(1, 1),
      frozen: Float64Array.of(3, 4),
    },
  );
  // Gradient x·frozen, which is (3, 8), plus half of the momentum.
  expect(updates).toEqual({
    used: Float64Array.of(5 - 3.5, 6 - 8.5),
    'used.momentum': Float64Array.of(3.5, 8.5),
  });
});
