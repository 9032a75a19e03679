import {
  type CompileOptions,
  compile,
  defineModel,
  linear,
  meanSquaredError,
  relu,
  sgd,
  tensor,
} from '../../compiler/index.ts';
import type { Plan } from '../../ir/plan.ts';

/** A network of some layers, planned with values that are computed once more. */
export async function recomputingPlan(): Promise<Plan> {
  const model = defineModel({
    name: 'deep',
    inputs: { x: tensor([512, 32]), y: tensor([512, 32]) },
    build: ({ x }) => {
      let value = x;
      for (let layer = 0; layer < 8; layer++)
        value = relu(linear(32, 32, { name: `layer${layer}` })(value));
      return { output: value };
    },
    train: { loss: ({ output }, { y }) => meanSquaredError(output, y), optimizer: sgd() },
  });
  const free = await planOf(model, {});
  const budgetBytes = Math.floor(0.75 * free.memory.deviceBytes);
  return planOf(model, { budgetBytes, swap: 'none' });
}

async function planOf(
  model: Parameters<typeof compile>[0],
  options: CompileOptions,
): Promise<Plan> {
  const { plan, diagnostics } = await compile(model, { target: 'webgpu', ...options });
  if (!plan) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  return plan;
}
