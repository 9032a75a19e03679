import type { PlanInput } from '../../ir/plan.ts';
import { uniform } from '../../ir/random.ts';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { elementCount } from '../../ir/tensor.ts';
import type { OptionValue } from '../frontend/option.ts';
import { readRegularFile } from './read-file.ts';

export interface InputOptions {
  readonly input?: Readonly<Record<string, OptionValue>>;
  readonly classes: number;
  readonly seed: number;
}

/** An input of the program as a run gets it. */
export interface RunInput {
  readonly declaration: PlanInput;
  /** Null where the session supplies its default or its counter. */
  readonly data: Float32Array | Int32Array | null;
  /** Where the values come from, for people. */
  readonly origin: string;
}

/**
 * Given inputs, and random ones for the rest: f32 uniform in [-1, 1), i32 in [0, classes). Those with defaults keep them.
 *
 * @throws an error whose message is a sentence for the user
 */
export async function makeInputs(
  declarations: readonly PlanInput[],
  options: InputOptions,
): Promise<RunInput[]> {
  const given = options.input ?? {};
  const unknown = Object.keys(given).find(
    (name) => !declarations.some((declaration) => declaration.name === name),
  );
  if (unknown !== undefined)
    throw new Error(
      `the program has no input '${unknown}'; its inputs are ${declarations.map(({ name }) => name).join(', ') || 'none'}`,
    );
  return Promise.all(
    declarations.map(async (declaration, stream) => {
      const { name, default: fallback, counter } = declaration;
      if (Object.hasOwn(given, name)) {
        const origin = String(given[name]);
        return { declaration, data: await givenInput(declaration, origin), origin };
      }
      if (counter) return { declaration, data: null, origin: 'the number of finished runs' };
      if (fallback !== null) return { declaration, data: null, origin: `default ${fallback}` };
      return { declaration, ...randomInput(declaration, stream, options) };
    }),
  );
}

function randomInput(
  { dtype, shape }: PlanInput,
  stream: number,
  { seed, classes }: InputOptions,
): { data: Float32Array | Int32Array; origin: string } {
  const length = elementCount(shape);
  const random = (k: number) => uniform(seed, stream, k, 0);
  return dtype === 'f32'
    ? {
        data: Float32Array.from({ length }, (_, k) => 2 * random(k) - 1),
        origin: 'random in [-1, 1)',
      }
    : {
        data: Int32Array.from({ length }, (_, k) => Math.floor(classes * random(k))),
        origin: `random in [0, ${classes})`,
      };
}

async function givenInput(
  { name, dtype, shape }: PlanInput,
  value: string,
): Promise<Float32Array | Int32Array> {
  if (value.endsWith('.safetensors')) {
    const { tensors } = decodeSafetensors(await readInputFile(name, value));
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`${value} holds no tensor '${name}'`);
    return tensor.data;
  }
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number))
    throw new Error(`input '${name}': '${value}' is neither a number nor a .safetensors file`);
  const count = elementCount(shape);
  return dtype === 'f32'
    ? new Float32Array(count).fill(number)
    : new Int32Array(count).fill(number);
}

async function readInputFile(name: string, file: string): Promise<Uint8Array> {
  try {
    return await readRegularFile(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      code === 'ENOENT'
        ? `input '${name}': the file ${file} does not exist; give the path of a .safetensors file, or a number`
        : `input '${name}': ${file} cannot be read: ${message}`,
    );
  }
}
