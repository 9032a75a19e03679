import { createRequire } from 'node:module';
import type { TensorType } from '../../ir/tensor.ts';

/** What is used of onnxruntime-node, whose types are not installed where the project is. */
interface Runtime {
  readonly InferenceSession: {
    create(
      bytes: Uint8Array,
      options: { readonly logSeverityLevel: number },
    ): Promise<RuntimeSession>;
  };
  readonly Tensor: new (
    type: string,
    data: Float32Array | Int32Array,
    dims: readonly number[],
  ) => object;
}

interface RuntimeSession {
  readonly inputNames: readonly string[];
  run(
    feeds: Readonly<Record<string, object>>,
  ): Promise<Record<string, { readonly data: ArrayLike<number> }>>;
}

const { InferenceSession, Tensor }: Runtime = createRequire(import.meta.url)('onnxruntime-node');

export interface RuntimeInput {
  readonly name: string;
  readonly type: TensorType;
}

/** Runs a model of ONNX once; inputs that it has not are left out. */
export async function runModel(
  bytes: Uint8Array,
  inputs: readonly RuntimeInput[],
  values: Readonly<Record<string, ArrayLike<number>>>,
): Promise<Record<string, ArrayLike<number>>> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const feeds = inputs.flatMap(({ name, type: { dtype, shape } }) => {
    if (!session.inputNames.includes(name)) return [];
    const data = values[name];
    const tensor = {
      f32: () => new Tensor('float32', Float32Array.from(data), shape),
      i32: () => new Tensor('int32', Int32Array.from(data), shape),
    };
    return [[name, tensor[dtype]()] as const];
  });
  const made = await session.run(Object.fromEntries(feeds));
  return Object.fromEntries(Object.entries(made).map(([name, { data }]) => [name, data]));
}
