import {
  adam,
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

/** A network of some layers. */
const deep = (optimizer = sgd()) =>
  defineModel({
    name: 'deep',
    inputs: { x: tensor([512, 32]), y: tensor([512, 32]) },
    build: ({ x }) => {
      let value = x;
      for (let layer = 0; layer < 8; layer++)
        value = relu(linear(32, 32, { name: `layer${layer}` })(value));
      return { output: value };
    },
    train: { loss: ({ output }, { y }) => meanSquaredError(output, y), optimizer },
  });

/** A network planned with values that are computed once more. */
export const recomputingPlan = (): Promise<Plan> => planWithin({ swap: 'none' });

/** The same network planned with values that are copied to the host and back. */
export const swappingPlan = (): Promise<Plan> => planWithin({ recompute: 'none' });

/** The same network with an optimiser whose steps take more tensors than a device binds. */
export const adamPlan = (): Promise<Plan> => planOf(deep(adam()), {});

async function planWithin(options: CompileOptions): Promise<Plan> {
  const free = await planOf(deep(), {});
  return planOf(deep(), { budgetBytes: Math.floor(0.75 * free.memory.deviceBytes), ...options });
}

async function planOf(
  model: Parameters<typeof compile>[0],
  options: CompileOptions,
): Promise<Plan> {
  const { plan, diagnostics } = await compile(model, { target: 'webgpu', ...options });
  if (!plan) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  return plan;
}
