import { basename, dirname, join } from 'node:path';
import type { TensorArray } from '../../ir/dtypes.ts';
import type { Plan, Target } from '../../ir/plan.ts';
import { TARGET_NAMES, TARGET_RULES } from '../../ir/targets.ts';
import type { SessionTrace } from '../../ir/trace.ts';
import { findNodeGpu } from '../../node/gpu.ts';
import { fileReason } from './file-reason.ts';
import { readPlanFile } from './plan-file.ts';
import { statusLine } from './progress.ts';
import { readRegularFile } from './read-file.ts';
import { style } from './style.ts';

const PLAN_ENDING = new RegExp(`\\.(${TARGET_NAMES.join('|')})\\.plan\\.json$`);

/** What the command uses of a session. The runtime is loaded under the name that users import it by. */
export interface RunningSession {
  readonly plan: Plan;
  readonly description: string;
  readonly allocatedBytes: number;
  readonly hostBytes: number;
  run(program: string, inputs: Record<string, TensorArray>): Promise<Record<string, TensorArray>>;
  trace(): Promise<SessionTrace>;
  destroy(): void;
}
/** What the command's options say of where a plan runs. */
export interface HostChoices {
  readonly spillDirectory?: string;
  readonly maxDeviceBytes?: number;
  readonly maxHostBytes?: number;
  readonly threads?: number;
  readonly relaxedSimd?: boolean;
}
interface LoadOptions extends HostChoices {
  readonly gpu?: GPU;
  readonly module?: Uint8Array;
  readonly parameters?: Uint8Array;
  readonly trace?: boolean;
  readonly programs?: readonly string[];
  readonly onProgress?: (progress: KernelProgress) => void;
}
/** As the runtime's `LoadProgress`. */
interface KernelProgress {
  readonly kernels: number;
  readonly compiled: number;
}
type Load = (plan: Plan, options: LoadOptions) => Promise<RunningSession>;

/** What is done with the session. */
export interface OpenOptions {
  readonly trace?: boolean;
  /** The program that is run. */
  readonly program?: string;
  /** Whether nobody reads along. */
  readonly quiet?: boolean;
}

/** What takes less shows no progress. */
const QUIET_MS = 300;

/**
 * Opens the plan on its target; a WebGPU plan on a machine without an adapter gives way to the wasm plan beside it.
 *
 * @throws an error whose message is a sentence for the user
 */
export async function openPlan(
  file: string,
  plan: Plan,
  log: (line: string) => void,
  { spillDirectory, maxDeviceBytes, maxHostBytes, threads, relaxedSimd }: HostChoices = {},
  { trace = false, program, quiet = false }: OpenOptions = {},
): Promise<RunningSession> {
  const { load } = (await import('btc-compiler/runtime' as string)) as { load: Load };
  const base = join(dirname(file), basename(file).replace(PLAN_ENDING, ''));
  const parameters = await readBeside(`${base}.safetensors`, 'which holds the parameters');
  const given = {
    ...(parameters ? { parameters } : {}),
    ...(trace ? { trace } : {}),
    ...(spillDirectory ? { spillDirectory } : {}),
    ...(maxDeviceBytes === undefined ? {} : { maxDeviceBytes }),
    ...(maxHostBytes === undefined ? {} : { maxHostBytes }),
    ...(threads === undefined ? {} : { threads }),
    ...(relaxedSimd ? { relaxedSimd } : {}),
  };
  if (!parameters)
    log(
      style.yellow(
        `there is no ${base}.safetensors: parameters start at zero, but for initial values that the plan holds`,
      ),
    );
  const status = statusLine(!quiet, QUIET_MS);
  const onProgress = ({ compiled, kernels }: KernelProgress) =>
    status.show(() => `kernels: ${compiled} of ${kernels} compiled`);
  const compiling = { onProgress, ...(program ? { programs: [program] } : {}) };
  try {
    return await OPENERS[plan.target]({
      ...{ file, plan, base, load, log },
      given: { ...given, ...compiling },
    });
  } finally {
    status.clear();
  }
}

/** A plan on its way to a session. */
interface Opening {
  readonly file: string;
  readonly plan: Plan;
  /** The path of the build's files without what tells them apart. */
  readonly base: string;
  readonly load: Load;
  readonly given: LoadOptions;
  readonly log: (line: string) => void;
}

const OPENERS: Readonly<Record<Target, (opening: Opening) => Promise<RunningSession>>> = {
  webgpu: openOnGpu,
  wasm: async ({ file, plan, load, given, log }) => {
    const session = await load(plan, { module: await readModule(file, plan), ...given });
    log(`target: ${style.bold(session.description)}`);
    return session;
  },
};

async function openOnGpu(opening: Opening): Promise<RunningSession> {
  const { file, plan, base, load, given, log } = opening;
  const { gpu, reason } = await findNodeGpu();
  if (gpu) {
    const session = await load(plan, { gpu, ...given });
    log(`target: ${TARGET_RULES.webgpu.label} on ${style.bold(session.description)}`);
    return session;
  }
  const other = `${base}.wasm.plan.json`;
  const fallback = await readFallback(file, plan, other, reason);
  log(`target: ${style.bold(TARGET_RULES.wasm.label)}, because ${reason}`);
  return load(fallback, { module: await readModule(other, fallback), ...given });
}

async function readFallback(
  file: string,
  plan: Plan,
  other: string,
  reason: string,
): Promise<Plan> {
  const fallback = await readPlanFile(other);
  if ('diagnostic' in fallback) {
    const problem =
      fallback.diagnostic.code === 'BTC6003'
        ? `there is no ${other} to run instead`
        : fallback.diagnostic.message;
    throw new Error(`${reason}, and ${problem}; build the model with --target webgpu,wasm`);
  }
  if (signature(fallback.plan) !== signature(plan))
    throw new Error(
      `${reason}, and ${other} is of another build than ${file}; build the model again with --target webgpu,wasm`,
    );
  return fallback.plan;
}

/** What the plans of one build for different targets have in common. */
function signature({ name, programs, tensors }: Plan): string {
  const face = (entries: readonly { name: string; dtype: string; shape: readonly number[] }[]) =>
    entries.map((entry) => [entry.name, entry.dtype, entry.shape]);
  return JSON.stringify([
    name,
    Object.entries(programs)
      .map(([program, { inputs, outputs }]) => [program, face(inputs), face(outputs)])
      .sort(),
    face(tensors.filter(({ program }) => program === null)).sort(),
  ]);
}

/** The module under the name that the plan's own file leads to, else under the one that the plan gives; null where it is not. */
export async function findModule(planFile: string, plan: Plan): Promise<Uint8Array | null> {
  const base = basename(planFile).replace(/\.plan\.json$/, '');
  const names = base.endsWith('.wasm') ? [base, plan.module!.file] : [plan.module!.file];
  for (const name of names) {
    const bytes = await readBeside(
      join(dirname(planFile), name),
      'which holds the kernels of the plan',
    );
    if (bytes) return bytes;
  }
  return null;
}

async function readModule(planFile: string, plan: Plan): Promise<Uint8Array> {
  const bytes = await findModule(planFile, plan);
  if (bytes) return bytes;
  const path = join(dirname(planFile), plan.module!.file);
  throw new Error(
    `${path}, which holds the kernels of the plan, does not exist; put it beside the plan or build the model again`,
  );
}

/** Undefined where there is no such file. */
async function readBeside(path: string, what: string): Promise<Uint8Array | undefined> {
  try {
    return await readRegularFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${path}, ${what}, cannot be read: ${fileReason(error)}`);
  }
}
