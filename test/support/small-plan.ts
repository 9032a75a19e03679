import { generatePlan } from '../../compiler/codegen/index.ts';
import { assemblePlan } from '../../compiler/codegen/plan.ts';
import { planMemory } from '../../compiler/plan-search/index.ts';
import type { Plan } from '../../ir/plan.ts';
import { WASM_LIMITS, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { parseSchedule } from '../../ir/schedule-text.ts';
import { chosenWgsl, TEST_MODEL } from './variants.ts';

// Linear regression by gradient descent with momentum, as kernels written by hand: small enough to follow by reading.
const SCHEDULE = `schedule regression
kernel predict {
  axis a0 parallel 3
  axis a1 reduced 4
  buffer b0 read f32 12
  buffer b1 read f32 4
  buffer b2 write f32 3
  n0: f32 = load b0[4*a0 + a1]
  n1: f32 = load b1[a1]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
  store b2[a0] = n3
}
kernel difference {
  axis a0 parallel 3
  buffer b0 read f32 3
  buffer b1 read f32 3
  buffer b2 write f32 3
  n0: f32 = load b0[a0]
  n1: f32 = load b1[a0]
  n2: f32 = sub n0, n1
  store b2[a0] = n2
}
kernel square_sum {
  axis a0 reduced 3
  buffer b0 read f32 3
  buffer b1 write f32 1
  n0: f32 = load b0[a0]
  n1: f32 = mul n0, n0
  reduce sum n1
  n2: f32 = accumulator
  store b1[0] = n2
}
kernel update {
  axis a0 parallel 4
  axis a1 reduced 3
  buffer b0 read f32 12
  buffer b1 read f32 3
  buffer b2 read f32 1
  buffer b3 read_write f32 4
  buffer b4 read_write f32 4
  n0: f32 = load b0[a0 + 4*a1]
  n1: f32 = load b1[a1]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
  n4: f32 = load b3[a0]
  n5: f32 = constant 0.9
  n6: f32 = mul n4, n5
  n7: f32 = add n6, n3
  n8: f32 = load b4[a0]
  n9: f32 = load b2[0]
  n10: f32 = mul n9, n7
  n11: f32 = sub n8, n10
  store b3[a0] = n7
  store b4[a0] = n11
}
kernel copy_step {
  buffer b0 read i32 1
  buffer b1 write i32 1
  n0: i32 = load b0[0]
  store b1[0] = n0
}
tensor t0 weight: f32[4] parameter
tensor t1 momentum: f32[4] optimiser
tensor t2 x: f32[3,4] input of train
tensor t3 y: f32[3] input of train
tensor t4 learningRate: f32[] input of train
tensor t5 step: i32[] input of train
tensor t6 prediction: f32[3] activation of train
tensor t7 error: f32[3] activation of train
tensor t8 loss: f32[] output of train
tensor t9 finished: i32[] output of train
tensor t10 x: f32[3,4] input of predict
tensor t11 y: f32[3] output of predict
program train
  input x = t2
  input y = t3
  input learningRate = t4 default 0.05
  input step = t5 counter
  step 0: k0(t2, t0, t6) "predict"
  step 1: k1(t6, t3, t7) "difference"
  step 2: k2(t7, t8) "loss"
  step 3: k3(t2, t7, t4, t1, t0) "update"
  step 4: k4(t5, t9) "step"
  output loss = t8
  output finished = t9
program predict
  input x = t10
  step 0: k0(t10, t0, t11) "predict"
  output y = t11
`;

/** A plan for WebGPU with the programs `train` and `predict`, one parameter and one optimiser state. */
export function smallPlan(): Plan {
  const limits = WEBGPU_DEFAULT_LIMITS;
  const { schedule } = planMemory(parseSchedule(SCHEDULE), limits, { target: 'webgpu' });
  return assemblePlan(schedule!, {
    target: 'webgpu',
    budgetBytes: null,
    producer: 'test',
    emitted: schedule!.kernels.map((kernel) => chosenWgsl(kernel, limits)),
  });
}

/** The same for WebAssembly, with its module. */
export async function smallWasmPlan(): Promise<{ plan: Plan; module: Uint8Array }> {
  const options = { target: 'wasm', limits: WASM_LIMITS, budgetBytes: null } as const;
  const { schedule } = planMemory(parseSchedule(SCHEDULE), WASM_LIMITS, { target: 'wasm' });
  const { plan, module } = await generatePlan(schedule!, {
    ...options,
    producer: 'test',
    variants: TEST_MODEL,
  });
  return { plan, module: module! };
}

export const SMALL_INPUTS = {
  x: [
    [1, 2, 3, 4],
    [0, -1, 2, 1],
    [0.5, 0, -1, 2],
  ],
  y: [1, 2, 3],
};

/** What `train` computes on {@link SMALL_INPUTS}, run after run, starting from zero: losses and final weights. */
export function smallReference(runs: number): { losses: number[]; weight: number[] } {
  const { x, y } = SMALL_INPUTS;
  const weight = [0, 0, 0, 0];
  const momentum = [0, 0, 0, 0];
  const losses: number[] = [];
  for (let run = 0; run < runs; run++) {
    const error = x.map((row, b) => row.reduce((sum, v, i) => sum + v * weight[i], 0) - y[b]);
    losses.push(error.reduce((sum, e) => sum + e * e, 0));
    for (let i = 0; i < 4; i++) {
      momentum[i] = 0.9 * momentum[i] + error.reduce((sum, e, b) => sum + e * x[b][i], 0);
      weight[i] -= 0.05 * momentum[i];
    }
  }
  return { losses, weight };
}
