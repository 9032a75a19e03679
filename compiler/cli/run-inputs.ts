import { DTYPES, isFloat, type TensorArray } from '../../ir/dtypes.ts';
import { formatPart, visitPart } from '../../ir/index-range.ts';
import type { PlanInput } from '../../ir/plan.ts';
import { uniform } from '../../ir/random.ts';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { elementCount } from '../../ir/tensor.ts';
import { diagnostic } from '../diagnostics.ts';
import type { OptionValue } from '../frontend/option.ts';
import { didYouMean } from '../nearest.ts';
import { readBinaryFile } from './file-kinds.ts';
import { ReportedError, UsageError } from './usage.ts';

export interface InputOptions {
  readonly input?: Readonly<Record<string, OptionValue>>;
  /** How many values random integers are drawn from; without it those that the plan allows, or 10. */
  readonly classes?: number;
  readonly seed: number;
}

/** An input of the program as a run gets it. */
export interface RunInput {
  readonly declaration: PlanInput;
  /** Null where the session supplies its default or its counter. */
  readonly data: TensorArray | null;
  /** Where the values come from, for people. */
  readonly origin: string;
}

/**
 * Given inputs, and random ones for the rest: indices in their range, other f32 uniform in [-1, 1), other i32 in [0, classes).
 * Those with defaults keep them.
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
  if (unknown !== undefined) {
    const names = declarations.map(({ name }) => name);
    throw new UsageError(6020, {
      name: unknown,
      inputs: names.join(', ') || 'none',
      near: didYouMean(unknown, names),
    });
  }
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

const CLASSES = 10;

function randomInput(
  input: PlanInput,
  stream: number,
  { seed, classes }: InputOptions,
): { data: TensorArray; origin: string } {
  const { dtype, shape, ranges = [] } = input;
  const length = elementCount(shape);
  const random = (k: number) => uniform(seed, stream, k, 0);
  const whole = (low: number, high: number, k: number) =>
    low + Math.floor((high - low) * random(k));
  const data = new DTYPES[dtype].array(length);
  const continuous = isFloat(dtype);
  for (let k = 0; k < length; k++)
    data[k] = continuous ? 2 * random(k) - 1 : whole(0, classes ?? CLASSES, k);
  const most = classes ?? Number.POSITIVE_INFINITY;
  for (const { low, high, part } of ranges) {
    const draw = (k: number) => {
      data[k] = whole(low, Math.min(high, low + most), k);
      return true;
    };
    visitPart(part ?? shape.map((extent) => [0, extent, 1] as const), shape, draw);
  }
  const kinds = ranges.map(({ low, high, part }) => {
    const where = part ? ` at ${formatPart(part, shape)}` : '';
    return `[${low}, ${Math.min(high, low + most)})${where}`;
  });
  const other = continuous ? '[-1, 1)' : `[0, ${classes ?? CLASSES})`;
  if (ranges.every(({ part }) => part)) kinds.push(other);
  return { data, origin: `random in ${kinds.join(', else ')}` };
}

async function givenInput({ name, dtype, shape }: PlanInput, value: string): Promise<TensorArray> {
  if (value.endsWith('.safetensors')) {
    const bytes = await readBinaryFile(value, 'weights');
    if ('code' in bytes) throw new ReportedError(bytes);
    const { tensors } = decoded(value, bytes);
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`${value} holds no tensor '${name}'`);
    return tensor.data;
  }
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number))
    throw new Error(`input '${name}': '${value}' is neither a number nor a .safetensors file`);
  const { accepts, round, wanted, array } = DTYPES[dtype];
  if (!accepts(number)) throw new Error(`input '${name}': '${value}' is not ${wanted}`);
  if (!Number.isFinite(round(number)))
    throw new Error(`input '${name}': '${value}' is beyond the numbers of ${dtype}`);
  return new array(elementCount(shape)).fill(number);
}

/** @throws ReportedError BTC5010 */
function decoded(file: string, bytes: Uint8Array) {
  try {
    return decodeSafetensors(bytes);
  } catch (error) {
    const { message: reason } = error as Error;
    throw new ReportedError(diagnostic(5010, null, { file, reason }));
  }
}
