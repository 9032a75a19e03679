import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pc from 'picocolors';
import type { Plan, PlanInput } from '../../ir/plan.ts';
import { uniform } from '../../ir/random.ts';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { elementCount } from '../../ir/tensor.ts';
import { formatBytes } from '../bytes.ts';
import { diagnostic } from '../diagnostics.ts';
import type { OptionValue } from '../frontend/option.ts';
import { findNodeGpu } from './gpu.ts';
import { readPlanFile } from './plan-file.ts';
import { formatPlain, fromBtc } from './report.ts';

export interface RunCommandOptions {
  readonly program?: string;
  readonly steps: number;
  readonly input: Readonly<Record<string, OptionValue>>;
  readonly classes: number;
  readonly seed: number;
  readonly json: boolean;
}

/** What the command uses of a session. The runtime is loaded under the name that users import it by. */
interface RunningSession {
  readonly plan: Plan;
  readonly description: string;
  readonly allocatedBytes: number;
  run(
    program: string,
    inputs: Record<string, Float32Array | Int32Array>,
  ): Promise<Record<string, Float32Array | Int32Array>>;
  destroy(): void;
}
type Load = (
  plan: Plan,
  options: { gpu?: GPU; module?: Uint8Array; parameters?: Uint8Array },
) => Promise<RunningSession>;

export async function runCommand(file: string, options: RunCommandOptions): Promise<number> {
  const log = options.json ? () => {} : (line: string) => console.log(line);
  const read = await readPlanFile(file);
  if ('diagnostic' in read) {
    console.error(formatPlain(fromBtc(read.diagnostic)));
    return 1;
  }
  const names = Object.keys(read.plan.programs);
  const program = options.program ?? (names.includes('train') ? 'train' : names[0]);
  if (!names.includes(program)) {
    console.error(
      formatPlain(fromBtc(diagnostic(6005, null, { file, program, programs: names.join(', ') }))),
    );
    return 1;
  }
  let session: RunningSession | null = null;
  try {
    session = await open(file, read.plan, log);
    const inputs = await makeInputs(session.plan.programs[program].inputs, options);
    const figures = await measure(session, program, inputs, options, log);
    if (options.json) console.log(JSON.stringify(figures, null, 2));
    return 0;
  } catch (error) {
    // Errors of the runtime are whole sentences for people.
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    session?.destroy();
  }
}

/** Opens the plan on its target; a WebGPU plan on a machine without an adapter gives way to the wasm plan beside it. */
async function open(
  file: string,
  plan: Plan,
  log: (line: string) => void,
): Promise<RunningSession> {
  const { load } = (await import('btc-compiler/runtime' as string)) as { load: Load };
  const folder = dirname(file);
  const base = file
    .slice(folder === '.' && !file.startsWith('.') ? 0 : folder.length + 1)
    .replace(/\.(webgpu|wasm)\.plan\.json$/, '');
  const parameters = await readFile(join(folder, `${base}.safetensors`)).catch(() => undefined);
  const given = parameters ? { parameters } : {};
  if (!parameters)
    log(pc.yellow(`no ${base}.safetensors beside the plan: parameters start at zero`));
  if (plan.target === 'webgpu') {
    const { gpu, reason } = await findNodeGpu();
    if (gpu) {
      const session = await load(plan, { gpu, ...given });
      log(`target: WebGPU on ${pc.bold(session.description)}`);
      return session;
    }
    const other = join(folder, `${base}.wasm.plan.json`);
    const fallback = await readPlanFile(other);
    if ('diagnostic' in fallback)
      throw new Error(
        `${reason}, and there is no ${other} to run instead; build with --target wasm`,
      );
    log(`target: ${pc.bold('WebAssembly')}, because ${reason}`);
    return load(fallback.plan, {
      module: await readFile(join(folder, fallback.plan.module!.file)),
      ...given,
    });
  }
  log(`target: ${pc.bold('WebAssembly')}`);
  return load(plan, { module: await readFile(join(folder, plan.module!.file)), ...given });
}

/** Given inputs, and random ones for the rest: f32 uniform in [-1, 1), i32 in [0, classes). Those with defaults keep them. */
async function makeInputs(
  inputs: readonly PlanInput[],
  options: RunCommandOptions,
): Promise<Record<string, Float32Array | Int32Array>> {
  const unknown = Object.keys(options.input).find(
    (name) => !inputs.some((input) => input.name === name),
  );
  if (unknown !== undefined)
    throw new Error(
      `the program has no input '${unknown}'; its inputs are ${inputs.map(({ name }) => name).join(', ')}`,
    );
  const result: Record<string, Float32Array | Int32Array> = {};
  for (const [stream, { name, dtype, shape, default: fallback, counter }] of inputs.entries()) {
    const count = elementCount(shape);
    const given = options.input[name];
    if (given !== undefined) {
      result[name] = await givenInput(name, String(given), dtype, count);
    } else if (fallback === null && !counter) {
      const random = (k: number) => uniform(options.seed, stream, k, 0);
      result[name] =
        dtype === 'f32'
          ? Float32Array.from({ length: count }, (_, k) => 2 * random(k) - 1)
          : Int32Array.from({ length: count }, (_, k) => Math.floor(options.classes * random(k)));
    }
  }
  return result;
}

async function givenInput(
  name: string,
  value: string,
  dtype: 'f32' | 'i32',
  count: number,
): Promise<Float32Array | Int32Array> {
  if (value.endsWith('.safetensors')) {
    const tensor = decodeSafetensors(await readFile(value)).tensors.get(name);
    if (!tensor) throw new Error(`${value} holds no tensor '${name}'`);
    return tensor.data;
  }
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number))
    throw new Error(`input '${name}': '${value}' is neither a number nor a .safetensors file`);
  return dtype === 'f32'
    ? new Float32Array(count).fill(number)
    : new Int32Array(count).fill(number);
}

async function measure(
  session: RunningSession,
  program: string,
  inputs: Record<string, Float32Array | Int32Array>,
  options: RunCommandOptions,
  log: (line: string) => void,
) {
  const { memory } = session.plan;
  log(
    `device memory: ${formatBytes(memory.deviceBytes)} planned, ${formatBytes(session.allocatedBytes)} allocated`,
  );
  const milliseconds: number[] = [];
  const losses: number[] = [];
  for (let step = 0; step < options.steps; step++) {
    const started = performance.now();
    const outputs = await session.run(program, inputs);
    milliseconds.push(performance.now() - started);
    const scalars = Object.entries(outputs).filter(([, value]) => value.length === 1);
    if (outputs.loss) losses.push(outputs.loss[0]);
    const shown = scalars.map(([name, [value]]) => `${name} ${value.toPrecision(6)}`).join('  ');
    log(
      `  step ${String(step).padStart(String(options.steps - 1).length)}  ${milliseconds[step].toFixed(2).padStart(9)} ms  ${shown}`,
    );
  }
  // The first run compiles pipelines and fills caches.
  const warm = (milliseconds.length > 1 ? milliseconds.slice(1) : milliseconds).toSorted(
    (a, b) => a - b,
  );
  const at = (share: number) => warm[Math.min(warm.length - 1, Math.floor(share * warm.length))];
  const time = {
    first: milliseconds[0],
    median: at(0.5),
    least: warm[0],
    most: warm[warm.length - 1],
  };
  log(
    `${program}: ${pc.bold(`${time.median.toFixed(2)} ms`)} per run (median of ${warm.length}; ${time.least.toFixed(2)} to ${time.most.toFixed(2)}), the first ${time.first.toFixed(2)} ms`,
  );
  return {
    program,
    target: session.plan.target,
    device: session.description,
    deviceBytes: memory.deviceBytes,
    allocatedBytes: session.allocatedBytes,
    milliseconds: time,
    losses,
  };
}
