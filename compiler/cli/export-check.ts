import { DTYPES, type DType, type TensorArray } from '../../ir/dtypes.ts';
import type { Plan } from '../../ir/plan.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from '../../ir/safetensors.ts';
import { elementCount } from '../../ir/tensor.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { compile } from '../driver/api.ts';
import type { ExportOptions } from '../driver/export-options.ts';
import type { ModelSource } from '../driver/result.ts';
import { makeInputs } from './run-inputs.ts';

// What an exported program is to give elsewhere: so many runs of btc's own on WebAssembly, from the exported values on.

/** Of the inputs. */
const SEED = 1;

interface CheckedSession {
  run(program: string, inputs: Record<string, TensorArray>): Promise<Record<string, TensorArray>>;
  saveCheckpoint(): Promise<Uint8Array>;
  destroy(): void;
}
interface LoadOptions {
  readonly module: Uint8Array;
  readonly parameters: Uint8Array;
  readonly initial: Uint8Array;
  readonly missing: 'initial';
}
type Load = (plan: Plan, options: LoadOptions) => Promise<CheckedSession>;

/** A file of tensors, or null after an error. */
export interface MadeCheck {
  readonly bytes: Uint8Array | null;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Runs a program so many times. The file has `inputs/NAME` and `outputs/NAME`, [steps, …shape], of those that the caller gives and gets,
 * and `after/NAME` of what outlives runs. Errors: those of a build for WebAssembly.
 *
 * @param parameters what runs start with, as {@link exportStableHlo} gives it
 */
export async function makeCheck(
  source: ModelSource,
  { precision }: ExportOptions,
  program: string,
  parameters: Uint8Array,
  steps: number,
): Promise<MadeCheck> {
  const built = await compile(source, {
    target: 'wasm',
    ...(precision ? { precision } : {}),
  });
  const { plan, module, diagnostics } = built;
  if (!plan) return { bytes: null, diagnostics };
  const { load } = (await import('btc-compiler/runtime' as string)) as { load: Load };
  const session = await load(plan, {
    ...{ module: module!, missing: 'initial', initial: built.parameters! },
    parameters: startingValues(plan, parameters),
  });
  const rows = new Map<string, Rows>();
  for (let step = 0; step < steps; step++) {
    const given: Record<string, TensorArray> = {};
    for (const { declaration, data } of await makeInputs(plan.programs[program].inputs, {
      seed: SEED + step,
    }))
      if (data) {
        given[declaration.name] = data;
        addRow(rows, `inputs/${declaration.name}`, declaration, data);
      }
    const outputs = await session.run(program, given);
    for (const output of plan.programs[program].outputs)
      addRow(rows, `outputs/${output.name}`, output, outputs[output.name]);
  }
  const { tensors } = decodeSafetensors(await session.saveCheckpoint());
  session.destroy();
  const listed = [...rows].map(([name, { dtype, shape, data }]): NamedTensor => {
    const count = elementCount(shape);
    const all = new DTYPES[dtype].array(steps * count);
    for (const [step, row] of data.entries()) all.set(row, step * count);
    return [name, { dtype, shape: [steps, ...shape], data: all }];
  });
  const after = [...tensors].map(([name, tensor]): NamedTensor => [`after/${name}`, tensor]);
  return { bytes: encodeSafetensors([...listed, ...after]), diagnostics };
}

type NamedTensor = readonly [string, SafetensorsTensor];

/** A tensor of every run. */
interface Rows {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorArray[];
}

function addRow(
  rows: Map<string, Rows>,
  name: string,
  { dtype, shape }: Omit<Rows, 'data'>,
  data: TensorArray,
): void {
  const known = rows.get(name);
  if (known) known.data.push(data.slice());
  else rows.set(name, { dtype, shape, data: [data.slice()] });
}

/** What of the exported values the plan has, where constants are in the code. */
function startingValues(plan: Plan, parameters: Uint8Array): Uint8Array {
  const known = new Set(
    plan.tensors.filter(({ data }) => data === undefined).map(({ name }) => name),
  );
  const { tensors } = decodeSafetensors(parameters);
  return encodeSafetensors([...tensors].filter(([name]) => known.has(name)));
}
