import {
  PLAN_FORMAT,
  PLAN_VERSION,
  type Plan,
  type PlanStep,
  type PlanTensor,
} from '../../ir/plan.ts';
import { hostMemory, snapshotOptionBytes } from '../../ir/plan-host.ts';
import { peakLiveBytes } from '../../ir/plan-lifetimes.ts';
import { stagingBytes } from '../../ir/plan-staging.ts';

const UNIT = 256;
/** Sizes go round, so that neighbours differ. */
const sizeOf = (index: number) => UNIT * (1 + ((index * 7919) % 13));
const LARGEST = UNIT * 13;

/**
 * A valid plan of a chain that goes forth and back: half of its steps each write an activation, which the other half reads in
 * the opposite order. So there are about as many tensors as steps, and half of them live at the peak.
 */
export function largePlan(steps: number, nameOf = (index: number) => `layer${index}/output`): Plan {
  const half = Math.floor(steps / 2);
  const tensors: PlanTensor[] = [];
  const add = (tensor: Omit<PlanTensor, 'dtype' | 'shape' | 'slab'>) =>
    tensors.push({ dtype: 'f32', shape: [tensor.bytes / 4], slab: 0, ...tensor }) - 1;
  const arena = { program: 'train', policy: 'arena' } as const;
  const last = 2 * half - 1;
  const weight = add({
    ...{ name: 'weight', role: 'parameter', program: null, offset: 0, bytes: UNIT },
    ...{ firstStep: 0, lastStep: last, policy: 'persistent' },
  });
  const input = add({
    ...{ name: 'train/input', role: 'input', ...arena, offset: UNIT, bytes: UNIT },
    ...{ firstStep: 0, lastStep: 0 },
  });
  let end = 2 * UNIT;
  const activations = Array.from({ length: half }, (_, i) => {
    const index = add({
      ...{ name: nameOf(i), role: 'activation', ...arena, offset: end, bytes: sizeOf(i) },
      ...{ firstStep: i, lastStep: last - i, source: i % 2 },
    });
    end += sizeOf(i);
    return index;
  });
  const gradients = Array.from({ length: half }, (_, j) => {
    const isLast = j === half - 1;
    return add({
      ...{ name: `train/grad${j}`, role: isLast ? 'output' : 'activation', ...arena },
      ...{ offset: end + (j % 2) * LARGEST, bytes: sizeOf(j + 3), source: 2 },
      ...{ firstStep: half + j, lastStep: Math.min(last, half + j + 1) },
    });
  });
  end += half > 1 ? LARGEST + sizeOf(half + 2) : sizeOf(3);
  const step = (kernel: number, bindings: readonly number[], s: number): PlanStep => ({
    ...{ kernel, grid: [1, 1, 1], bindings, flops: 64 * (1 + (s % 5)), bytesMoved: 768 },
    ...{ label: kernel === 0 ? 'contract+add' : 'mul', source: kernel === 0 ? s % 2 : 2 },
    seconds: 1e-6 * (1 + (s % 7)),
  });
  const list = [
    ...activations.map((own, i) => step(0, [weight, i === 0 ? input : activations[i - 1], own], i)),
    ...gradients.map((own, j) =>
      step(1, [activations[half - 1 - j], j === 0 ? weight : gradients[j - 1], own], half + j),
    ),
  ];
  const stepSeconds = list.reduce((sum, { seconds }) => sum + seconds!, 0);
  const bindings = (['read', 'read', 'write'] as const).map((access) => ({
    ...{ dtype: 'f32' as const, access, bytes: UNIT },
  }));
  const slabBytes = tensors.reduce((most, { offset, bytes }) => Math.max(most, offset + bytes), 0);
  const made = {
    ...{
      format: PLAN_FORMAT as typeof PLAN_FORMAT,
      version: PLAN_VERSION,
      name: 'chain',
      target: 'webgpu' as const,
    },
    ...{ producer: 'test', profile: 'test', slabs: [{ bytes: slabBytes }], tensors },
    kernels: ['forward', 'backward'].map((name) => ({ name, text: '', bindings, wgsl: '// none' })),
    programs: {
      train: {
        steps: list,
        inputs: [
          {
            ...{ name: 'input', tensor: input, dtype: 'f32' as const, shape: [UNIT / 4] },
            ...{ default: null, counter: false },
          },
        ],
        outputs: [
          {
            ...{ name: 'gradient', tensor: gradients[half - 1], dtype: 'f32' as const },
            shape: tensors[gradients[half - 1]].shape,
          },
        ],
        predicted: {
          ...{ seconds: stepSeconds, stepSeconds },
          ...{ recomputeSeconds: 0, swapSeconds: 0, interfaceSeconds: 0 },
        },
      },
    },
    sources: [
      { frame: 0, scope: 'even' },
      { frame: 0, scope: 'odd' },
      { frame: 0, pass: 'gradient' },
    ],
    frames: [{ file: 'model.ts', line: 1, column: 1 }],
  };
  return { ...made, memory: memoryOf(made as unknown as Plan, slabBytes) };
}

function memoryOf(plan: Plan, slabBytes: number): Plan['memory'] {
  const staging = stagingBytes(plan);
  const host = hostMemory(plan);
  const peak = peakLiveBytes(plan, UNIT);
  const arenaBytes = slabBytes - UNIT;
  return {
    ...{ budgetBytes: slabBytes + staging + 4096, deviceBytes: slabBytes + staging },
    ...{ arenaBytes, persistentBytes: UNIT, stagingBytes: staging },
    ...{ host, hostBytes: Object.values<number>(host).reduce((sum, bytes) => sum + bytes, 0) },
    ...{ snapshotOptionBytes: snapshotOptionBytes(plan), spillBytes: 0, peakLiveBytes: peak },
    packing: { method: 'test', gapBytes: arenaBytes - peak },
  };
}
