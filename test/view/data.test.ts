import { describe, expect, test } from 'vitest';
import { planLiveBytes } from '../../compiler/liveness/plan-lives.ts';
import type { Plan } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import type { SessionTrace } from '../../ir/trace.ts';
import { arenaMap } from '../../view/data/arena.ts';
import { stepBins } from '../../view/data/bins.ts';
import { boxAt, packBoxes } from '../../view/data/boxes.ts';
import { copySpans } from '../../view/data/copies.ts';
import { MEMORY_KINDS, memoryKinds, STEP_KINDS } from '../../view/data/kinds.ts';
import { planModel } from '../../view/data/model.ts';
import { clampRange, panRange, revealRange, wholeRange, zoomRange } from '../../view/data/range.ts';
import { paintBoxes, paintGaps, pixelOf } from '../../view/data/raster.ts';
import { searchTensors } from '../../view/data/search.ts';
import { stepFacts } from '../../view/data/step.ts';
import { kindsOf, stepShares } from '../../view/data/step-shares.ts';
import { summaryOf } from '../../view/data/summary.ts';
import { tensorFacts } from '../../view/data/tensor.ts';
import { MOST_TENSORS, readViewed } from '../../view/data/viewed.ts';
import { smallPlan } from '../support/small-plan.ts';
import { swappedPlan } from '../support/swapped-plan.ts';
import { largePlan } from './large-plan.ts';
import { recomputingPlan } from './recomputing-plan.ts';

const plain = smallPlan();
const draw = { hosted: 5, swapped: 8, recomputed: 8, tiers: ['memory', 'file'] } as const;
const swapped = Array.from({ length: 6 }, (_, seed) => swappedPlan(plain, { ...draw, seed }));
const recomputing = await recomputingPlan();
const PLANS: readonly Plan[] = [plain, ...swapped, recomputing, largePlan(60)];
const modelOf = (plan: Plan) => planModel({ plan });

test('the plans of these tests are valid', () => {
  for (const plan of PLANS) expect(verifyPlan(plan)).toEqual([]);
  expect(recomputing.tensors.some(({ copyOf }) => copyOf?.by === 'recompute')).toBe(true);
});

test('live bytes by kind add up to what the compiler counts, at every step', () => {
  for (const plan of PLANS)
    for (const [name, { steps }] of Object.entries(plan.programs)) {
      const { live } = modelOf(plan).program(name);
      const resident = plan.tensors.reduce(
        (sum, { policy, bytes }) => sum + (policy === 'persistent' ? bytes : 0),
        0,
      );
      const wanted = planLiveBytes(plan, name);
      expect([...live.arena]).toEqual(wanted);
      expect([...live.total]).toEqual(wanted.map((bytes) => bytes + resident));
      for (let step = 0; step < steps.length; step++)
        expect(live.layers.reduce((sum, layer) => sum + layer[step], 0)).toBe(live.total[step]);
      expect(live.peak.bytes).toBe(Math.max(...wanted));
      expect(live.peak.step).toBe(wanted.indexOf(live.peak.bytes));
    }
});

test('every tensor in memory is a box over its life at its offset, and no two overlap', () => {
  for (const plan of PLANS)
    for (const name of Object.keys(plan.programs)) {
      const { boxes, slabs, bytes } = arenaMap(plan, name, memoryKinds(plan));
      const there = plan.tensors.flatMap(({ slab, program, policy }, tensor) =>
        slab !== null && (program === name || policy === 'persistent') ? [tensor] : [],
      );
      expect([...boxes.tensor].sort((a, b) => a - b)).toEqual(there);
      expect(bytes).toBe(plan.slabs.reduce((sum, slab) => sum + slab.bytes, 0));
      for (let box = 0; box < boxes.count; box++) {
        const tensor = plan.tensors[boxes.tensor[box]];
        expect(boxes.y1[box] - boxes.y0[box]).toBe(tensor.bytes);
        expect(boxes.y0[box]).toBe(slabs[tensor.slab!].start + tensor.offset);
        if (tensor.program !== null) expect(boxes.x1[box]).toBe(tensor.lastStep + 1);
        for (let other = 0; other < box; other++) {
          const shareBytes = boxes.y0[other] < boxes.y1[box] && boxes.y0[box] < boxes.y1[other];
          const overlap =
            Math.min(boxes.x1[box], boxes.x1[other]) - Math.max(boxes.x0[box], boxes.x0[other]);
          // At a handover, half of a step is the one's and half the other's.
          if (shareBytes) expect(overlap).toBeLessThanOrEqual(0.5);
        }
        const middle = (boxes.y0[box] + boxes.y1[box]) / 2;
        const found = boxAt(boxes, boxes.x0[box] + 0.1, middle, { x: 0.01, y: 0.01 });
        expect(boxes.tensor[found]).toBe(boxes.tensor[box]);
      }
    }
});

test('lanes have every slot that is used and every transfer, between the middles of tensor and slot', () => {
  for (const plan of swapped)
    for (const [name, { transfers = [] }] of Object.entries(plan.programs)) {
      const { lanes } = modelOf(plan).program(name).arena;
      const moves = lanes.flatMap((lane) => lane.moves);
      expect(moves.length).toBe(transfers.length);
      for (const lane of lanes)
        for (let box = 0; box < lane.boxes.count; box++) {
          expect(lane.boxes.y1[box]).toBeLessThanOrEqual(lane.bytes);
          expect(lane.boxes.x1[box]).toBeGreaterThanOrEqual(lane.boxes.x0[box]);
        }
      for (const { kind, at, tensor, laneY } of moves) {
        const transfer = transfers.find(
          (each) =>
            each.tensor === tensor &&
            each.kind === kind &&
            each.step === at - Number(kind === 'out'),
        )!;
        const slot = plan.swap!.slots[transfer.slot];
        expect(laneY).toBe(slot.offset + slot.bytes / 2);
      }
    }
});

test('kinds: of gradients by their pass, of copies by what they are copies of', () => {
  const chain = largePlan(20);
  const words = [...memoryKinds(chain)].map((kind) => MEMORY_KINDS[kind]);
  expect(words[0]).toBe('parameter');
  expect(words[1]).toBe('input');
  expect(words.filter((word) => word === 'activation')).toHaveLength(10);
  expect(words.filter((word) => word === 'gradient')).toHaveLength(9);
  expect(words.at(-1)).toBe('output');
  const { stepKinds } = modelOf(chain).program('train');
  expect([...stepKinds].map((kind) => STEP_KINDS[kind])).toEqual([
    ...new Array(10).fill('forward'),
    ...new Array(10).fill('backward'),
  ]);
  for (const plan of swapped) {
    const kinds = memoryKinds(plan);
    plan.tensors.forEach(({ copyOf }, tensor) => {
      if (copyOf?.by === 'swap') expect(kinds[tensor]).toBe(kinds[copyOf.tensor]);
    });
  }
});

test('the box under a point is the same as looking at all of them would find', () => {
  const random = (seed: number) => ((Math.imul(seed, 2654435761) >>> 8) % 10_007) / 10_007;
  for (let round = 0; round < 30; round++) {
    const count = [0, 1, 2, 40, 700][round % 5];
    const list = Array.from({ length: count }, (_, k) => {
      const at = (part: number) => random(round * 7919 + k * 31 + part + 1);
      const [x, y] = [Math.floor(at(0) * 100), Math.floor(at(1) * 5000)];
      const isWide = at(4) < 0.1;
      return {
        ...{ x0: isWide ? 0 : x, x1: isWide ? 100 : x + Math.ceil(at(2) * 9) },
        ...{ y0: y, y1: y + Math.floor(at(3) * 300), tensor: k, kind: 0, isCopy: false },
      };
    });
    const boxes = packBoxes(list);
    for (let k = 0; k < 200; k++) {
      const [x, y] = [random(k * 13 + round) * 120 - 10, random(k * 29 + round) * 5600 - 300];
      const reach = { x: [0.01, 2, 30][k % 3], y: [0.01, 60, 900][k % 3] };
      const distances = list.map(({ x0, x1, y0, y1 }) =>
        Math.max(Math.max(0, x0 - x, x - x1) / reach.x, Math.max(0, y0 - y, y - y1) / reach.y),
      );
      const least = Math.min(1, ...distances);
      expect(boxAt(boxes, x, y, reach)).toBe(least < 1 ? distances.lastIndexOf(least) : -1);
    }
  }
});

test('a dispatch that several steps share is of all their kinds, by their part of the work', () => {
  const plan = largePlan(8);
  const { train } = plan.programs;
  const part = (source: number | null, flops: number, bytesMoved: number) => ({
    ...{ source, flops, bytesMoved, label: 'part' },
  });
  const sharesOf = (step: Partial<Plan['programs'][string]['steps'][number]>) => {
    const shares = stepShares(plan, { ...train.steps[0], ...step });
    return Object.fromEntries(kindsOf(shares).map(({ kind, share }) => [kind, share]));
  };
  expect(sharesOf({ parts: [part(0, 25, 1), part(2, 75, 1)] })).toEqual({
    ...{ forward: 0.25, backward: 0.75 },
  });
  expect(sharesOf({ parts: [part(0, 0, 30), part(2, 0, 10)] })).toEqual({
    ...{ forward: 0.75, backward: 0.25 },
  });
  expect(sharesOf({ parts: [part(0, 0, 0), part(2, 0, 0)] })).toEqual({
    ...{ forward: 0.5, backward: 0.5 },
  });
  expect(sharesOf({ parts: [part(0, 1, 1), part(2, 3, 1)], recomputed: true })).toEqual({
    recompute: 1,
  });
  const changed = { ...train.steps[0], parts: [part(0, 1, 1), part(2, 3, 1)] };
  const steps = [changed, ...train.steps.slice(1)];
  const model = modelOf({ ...plan, programs: { train: { ...train, steps } } });
  // Not that of its first part.
  expect(STEP_KINDS[model.program('train').stepKinds[0]]).toBe('backward');
  for (const each of PLANS)
    for (const name of Object.keys(each.programs))
      for (const shares of modelOf(each).program(name).shares)
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
});

describe('copies', () => {
  const [plan] = swapped;
  const { train } = plan.programs;
  const count = train.steps.length;

  test('are all transfers of a program, with its inputs before and its outputs behind them', () => {
    const { copies } = modelOf(plan).program('train');
    const swaps = copies.filter(({ place }) => place !== 'caller');
    expect(swaps.map(({ direction, tensors, step }) => [direction, tensors, step])).toEqual(
      train.transfers!.map(({ kind, tensor, step }) => [kind, [tensor], step]),
    );
    // Without times, each is where it is issued.
    for (const { direction, step, x0, predicted } of swaps)
      expect([x0, predicted]).toEqual([direction === 'in' ? step : step + 1, null]);
    const [first, last] = [copies[0], copies.at(-1)!];
    expect([first.direction, first.x0, first.tensors]).toEqual([
      ...['in', 0],
      train.inputs.map(({ tensor }) => tensor),
    ]);
    expect([last.direction, last.x0]).toEqual(['out', count]);
  });

  test('lie over the steps that run meanwhile, and before the one that waits', () => {
    const transfers = train.transfers!.slice(0, 2).map((each, k) => ({
      ...each,
      ...(k === 0 ? { startSeconds: 1.5, seconds: 1 } : { startSeconds: 2.25, seconds: 2.25 }),
    }));
    // Steps run from 0 to 1, 1 to 2, and, behind a wait of 2, from 4 to 5 and so on.
    const steps = train.steps.map((step, s) => ({
      ...{ ...step, seconds: 1 },
      ...(s === 2 ? { waitSeconds: 2 } : {}),
    }));
    const programs = { ...plan.programs, train: { ...train, steps, transfers } };
    const copies = copySpans({ ...plan, programs }, 'train');
    const spans = copies.filter(({ place }) => place !== 'caller');
    expect(spans.map(({ x0, x1, predicted }) => [x0, x1, predicted])).toEqual([
      [1.5, 2, 1],
      [2, 2.5, 2.25],
    ]);
    expect([...modelOf({ ...plan, programs }).program('train').times.waits!]).toEqual(
      steps.map((_, s) => (s === 2 ? 2 : 0)),
    );
  });

  test('have measured times where there is a trace: the median of the warm runs', () => {
    const { tensor, step, kind } = train.transfers![0];
    const copy = (run: number, seconds: number, purpose: 'swap' | 'interface', name: string) => ({
      ...{ program: 'train', run, direction: purpose === 'swap' ? kind : ('in' as const), purpose },
      ...{ tensors: [name], bytes: 4, step, startSeconds: run, seconds },
    });
    const runs = [0, 1, 2, 3].map((run) => ({
      ...{ program: 'train', run, startSeconds: run, seconds: 1 },
    }));
    const { name } = plan.tensors[tensor];
    const trace: SessionTrace = {
      ...{ clock: 'host', runs, steps: [] },
      copies: [0.9, 0.1, 0.3, 0.2].flatMap((seconds, run) => [
        copy(run, seconds, 'swap', name),
        copy(run, seconds / 2, 'interface', 'x'),
        copy(run, seconds / 2, 'interface', 'y'),
      ]),
    };
    const copies = copySpans(plan, 'train', trace);
    const own = copies.find(
      ({ direction, tensors, place, ...each }) =>
        place !== 'caller' && direction === kind && tensors[0] === tensor && each.step === step,
    );
    expect(own?.measured).toBe(0.2);
    expect(copies[0].measured).toBe(0.2);
    expect(copies.filter(({ measured }) => measured !== null)).toHaveLength(2);
  });
});

test('a plan is opened at the program that holds its peak', () => {
  for (const plan of PLANS) {
    const model = modelOf(plan);
    const peaks = Object.keys(plan.programs).map((name) => model.program(name).live.peak.bytes);
    expect(model.program(model.peakProgram).live.peak.bytes).toBe(Math.max(...peaks));
  }
  const { train, predict } = plain.programs;
  // The program with fewer steps holds the peak where the other's tensors are not its own.
  const idle = { ...plain, programs: { train: { ...train, steps: [] }, predict } };
  const tensors = plain.tensors.filter(({ program }) => program !== 'train');
  expect(planModel({ plan: { ...idle, tensors } as Plan }).peakProgram).toBe('predict');
  const words = summaryOf(modelOf(plain), 'predict').sentences.join(' ');
  expect(words).toContain("'train' needs more than 'predict'");
});

test('bins keep the largest value of what they stand for, and cover every step once', () => {
  const values = Float64Array.from({ length: 1000 }, (_, k) => (k * 7919) % 997);
  for (const columns of [1, 7, 300, 1000, 5000]) {
    const bins = stepBins(values, { first: 0, last: 1000 }, columns);
    expect(bins.count).toBe(Math.min(columns, 1000));
    expect(bins.x0[0]).toBe(0);
    for (let bin = 0; bin < bins.count; bin++) {
      if (bin > 0) expect(bins.x0[bin]).toBe(bins.x1[bin - 1]);
      const own = [...values.slice(bins.x0[bin], bins.x1[bin])];
      expect(values[bins.step[bin]]).toBe(Math.max(...own));
    }
    expect(bins.x1[bins.count - 1]).toBe(1000);
  }
  expect(stepBins(values, { first: 10.5, last: 12.5 }, 100).count).toBe(3);
});

test('ranges stay within the program and show what they are asked for', () => {
  expect(wholeRange(0)).toEqual({ first: 0, last: 1 });
  for (const steps of [1, 3, 10, 20_000]) {
    let range = wholeRange(steps);
    for (let k = 0; k < 200; k++) {
      range = zoomRange(range, k % 3 === 0 ? 0.7 : 1.3, (k * 37) % steps, steps);
      range = panRange(range, ((k * 13) % 9) - 4, steps);
      expect(range.first).toBeGreaterThanOrEqual(0);
      expect(range.last).toBeLessThanOrEqual(steps);
      expect(range.last - range.first).toBeGreaterThanOrEqual(Math.min(4, steps) - 1e-9);
      const shown = revealRange(range, Math.floor(steps / 2), Math.floor(steps / 2), steps);
      expect(shown.first).toBeLessThanOrEqual(Math.floor(steps / 2));
      expect(shown.last).toBeGreaterThanOrEqual(Math.floor(steps / 2) + 1 - 1e-9);
    }
  }
  const zoomed = zoomRange({ first: 0, last: 100 }, 2, 30, 100);
  expect([zoomed.first, zoomed.last]).toEqual([15, 65]);
  expect(clampRange({ first: -5, last: 5 }, 100)).toEqual({ first: 0, last: 10 });
});

test('a picture has each box in its pixels, hatches gaps, and counts what is in sight', () => {
  const plan = largePlan(40);
  const { boxes, bytes } = arenaMap(plan, 'train', memoryKinds(plan));
  const palette = {
    fill: Uint32Array.from(MEMORY_KINDS, (_, k) => 100 + k),
    edge: Uint32Array.from(MEMORY_KINDS, () => 50),
    stripe: Uint32Array.from(MEMORY_KINDS, () => 60),
    ...{ gap: 1, hatch: 2 },
  };
  const picture = { columns: 400, rows: 300, pixels: new Uint32Array(400 * 300) };
  paintGaps(picture, palette);
  const whole = { x0: 0, x1: 40, y0: 0, y1: bytes };
  expect(paintBoxes(picture, boxes, whole, palette)).toBe(boxes.count);
  const at = (step: number, byte: number) =>
    picture.pixels[(299 - Math.floor((byte / bytes) * 300)) * 400 + Math.floor(step * 10)];
  for (let box = 0; box < boxes.count; box++) {
    const [x, y] = [(boxes.x0[box] + boxes.x1[box]) / 2, (boxes.y0[box] + boxes.y1[box]) / 2];
    expect([100 + boxes.kind[box], 50]).toContain(at(x, y));
  }
  // At the first step the gradients' place is empty.
  expect([1, 2]).toContain(at(0.5, bytes - 600));
  expect(new Set(picture.pixels).has(2)).toBe(true);
  const few = { x0: 0, x1: 4, y0: 0, y1: bytes };
  const live = plan.tensors.filter(({ firstStep }) => firstStep < 4).length;
  expect(paintBoxes(picture, boxes, few, palette)).toBe(live);
  expect(pixelOf('#010203')).toBe(0xff030201);
  expect(pixelOf('#000000', '#ffffff', 1)).toBe(0xffffffff);
});

test('a name is found by its parts, the nearest first', () => {
  const tensors = ['train/a.weight', 'weight', 'a.weight.grad', 'predict/weight', 'bias'].map(
    (name) => ({ name }),
  ) as unknown as Plan['tensors'];
  const names = (text: string, most = 9) =>
    searchTensors({ tensors }, text, most).found.map((k) => tensors[k].name);
  expect(names('weight')).toEqual(['weight', 'predict/weight', 'a.weight.grad', 'train/a.weight']);
  expect(names('GRAD a')).toEqual(['a.weight.grad']);
  expect(names('nothing')).toEqual([]);
  expect(names(' ')).toEqual([]);
  expect(searchTensors({ tensors }, 'weight', 1).more).toBe(3);
});

test('what is said of steps and tensors is what the plan has', () => {
  for (const plan of PLANS) {
    const model = modelOf(plan);
    for (const [name, { steps }] of Object.entries(plan.programs)) {
      const program = model.program(name);
      steps.forEach((step, k) => {
        const facts = stepFacts(model, program, k);
        const { bindings } = plan.kernels[step.kernel];
        const named = (wanted: RegExp) =>
          step.bindings.filter((_, b) => wanted.test(bindings[b].access));
        // A result that is computed in place is bound in the stead of the operand that it takes over.
        const donor = (taker: number) => {
          const { policy, firstStep, slab, offset } = plan.tensors[taker];
          const isDonor = (other: Plan['tensors'][number], at: number) =>
            at !== taker &&
            [other.program, other.lastStep, other.slab, other.offset].join() ===
              [name, k, slab, offset].join();
          return policy === 'in-place' && firstStep === k ? plan.tensors.findIndex(isDonor) : taker;
        };
        expect(facts.reads.map(({ tensor }) => tensor)).toEqual(named(/read/).map(donor));
        expect(facts.writes.map(({ tensor }) => tensor)).toEqual(named(/write/));
      });
      plan.tensors.forEach((tensor, index) => {
        if (tensor.program !== name) return;
        const { uses, twins } = tensorFacts(model, program, index);
        // A result that is computed in place of an operand is bound in its stead.
        const isTakenOver = (k: number, taker: number) => {
          const { policy, firstStep, slab, offset } = plan.tensors[taker];
          const place = [tensor.slab, tensor.offset, tensor.lastStep].join();
          return policy === 'in-place' && firstStep === k && place === [slab, offset, k].join();
        };
        const wanted = steps.flatMap(({ bindings }, k) =>
          bindings.some((bound) => bound === index || isTakenOver(k, bound)) ? [k] : [],
        );
        expect(uses.map(({ step }) => step)).toEqual(wanted);
        if (tensor.copyOf) expect(twins.map((twin) => twin.tensor)).toContain(index);
      });
    }
  }
});

test('measured times are the medians of the warm runs, in the order of the steps', () => {
  const { steps } = plain.programs['train'];
  const kernelOf = (step: number) => plain.kernels[steps[step].kernel].name;
  const seconds = (run: number, step: number) => (run === 0 ? 1 : 1e-3 * (step + 1) * run);
  const runs = [0, 1, 2, 3].map((run) => ({
    ...{ program: 'train', run, startSeconds: run, seconds: 0.5 },
  }));
  const trace: SessionTrace = {
    ...{ clock: 'host', runs, copies: [] },
    steps: runs.flatMap(({ run }) =>
      steps.map((_, step) => ({
        ...{ program: 'train', run, step, kernel: kernelOf(step), startSeconds: run },
        seconds: seconds(run, step),
      })),
    ),
  };
  const model = planModel({ plan: plain, trace: { trace, device: 'test' } });
  const { measured } = model.program('train').times;
  expect([...measured!]).toEqual(steps.map((_, step) => seconds(2, step)));
  expect(stepFacts(model, model.program('train'), 1).measured).toBe(seconds(2, 1));
  // A program that was not run has none, and neither has a plan without a trace.
  expect(model.program('predict').times.measured).toBeNull();
  expect(modelOf(plain).program('train').times.measured).toBeNull();
  // The head has the median of the warm runs; a program that was not run has none.
  const timeOf = (program: string) =>
    summaryOf(model, program).figures.find(({ name }) => name === `a run of ${program}`);
  expect(timeOf('train')).toMatchObject({ value: '500 ms', note: 'measured on test' });
  expect(timeOf('predict')).toBeUndefined();
});

test('the head says what was done to fit, and what that costs', () => {
  const { figures, sentences } = summaryOf(modelOf(plain), 'train');
  expect(figures.map(({ name }) => name)).toEqual([
    'device memory',
    'budget',
    'most in use in train',
  ]);
  expect(sentences.join(' ')).toContain('No budget was given');
  const text = swapped
    .map((plan) => summaryOf(modelOf(plan), 'train').sentences.join(' '))
    .join('\n');
  expect(text).toMatch(/go out to the host and .* come back in \d+ copies/);
  expect(summaryOf(modelOf(recomputing), 'train').sentences.join(' ')).toMatch(
    /To fit: \d+ of its \d+ steps compute once more what was not kept/,
  );
  expect(summaryOf(modelOf(largePlan(20)), 'train').sentences.join(' ')).toContain(
    "Nothing had to be recomputed or moved to the host for 'train'",
  );
});

test('whatever a page is given, it says what is wrong with it and throws nothing', () => {
  const problems = [
    ...[undefined, null, 1, 'x', {}, { plans: [] }, { plans: [null] }, { plans: [{}] }],
    { plans: [{ plan: { ...plain, tensors: undefined } }] },
    { plans: [{ plan: { ...plain, memory: null } }] },
    { plans: [{ plan: { ...plain, programs: { train: null } } }] },
    { plans: [{ plan: plain }, { plan: { ...plain, slabs: [] } }] },
  ].map((input) => {
    const read = readViewed(input);
    return 'problem' in read ? read.problem : '';
  });
  for (const problem of problems) expect(problem).toMatch(/there is no plan|no valid plan: ./);
  const trace = {
    clock: 'host',
    runs: [],
    copies: [],
    steps: [{ program: 'fly', step: 0, seconds: 1 }],
  };
  const noStep = { ...trace, steps: [{ program: 'train', step: 99, seconds: 1 }] };
  for (const beside of [
    { label: {} },
    { sources: { 'model.ts': 1 } },
    { sources: null },
    { trace: null },
    { trace: { trace: 1 } },
    { trace: { trace } },
    { trace: { trace: noStep } },
    ...[null, {}, { seconds: 1 }, { seconds: 'x', tensors: [] }, { seconds: 1, tensors: [1] }].map(
      (copy) => ({ trace: { trace: { ...trace, steps: [], copies: [copy] } } }),
    ),
  ]) {
    const read = readViewed({ plans: [{ plan: plain, ...beside }] });
    expect('problem' in read && read.problem).toMatch(/^this plan is not shown: its \w+ (is|are) /);
  }
  expect(
    readViewed({ plans: [{ plan: plain, sources: { 'a.ts': '' }, label: 'a' }] }),
  ).toHaveProperty('plans');
  // Tensors are counted, and none of them is looked at.
  const tensors = new Proxy(new Array(1_000_000), {
    get: (all, key) => {
      if (key !== 'length') throw new Error(`${String(key)} is read`);
      return all.length;
    },
  });
  expect(readViewed({ plans: [{ plan: { ...plain, tensors } }] })).toEqual({
    problem: `this plan is not shown: it has 1000000 tensors, and plans of at most ${MOST_TENSORS} are shown`,
  });
});
