import { expect } from 'vitest';
import type { OptionValue } from '../../compiler/frontend/option.ts';
import type { CompiledPlan, CompileResult, ModelSource } from '../../compiler/index.ts';
import type { Target } from '../../ir/plan.ts';
import { load, type Session } from '../../runtime/index.ts';
import { testGpu } from './gpu.ts';
import { compileWitnessed, type Reference, randomInputs, type Witnessed } from './reference.ts';

// Three witnesses of one model: the float64 interpreter on the graph, the wasm target and WebGPU on the schedule.

const CLASSES = 5;

export interface Tolerance {
  /** Of the largest element. float32 keeps 1.2e-7 per operation; sums here have up to a few thousand terms. Default 2e-4. */
  readonly error?: number;
  /** Whether a parameter has a gradient at all: Adam makes steps of mere rounding where it has none. */
  readonly settles?: (parameter: string) => boolean;
  /** Of the inputs, where some draw has a tie that rounding decides. Default 7. */
  readonly seed?: number;
}
/** Adam divides by the gradient's size, so elements with a gradient of nearly 0 may move either way. */
const SHARE_THAT_MAY_DIFFER = 0.002;

type Built = Pick<CompiledPlan, 'plan' | 'module' | 'parameters'>;

/** What was compiled, where a plan was made of it. */
export function builtOf(made: CompileResult): Built {
  if (!made.plan) throw new Error(made.diagnostics.map(({ message }) => message).join('; '));
  return made;
}

export async function openSession({ plan, module, parameters }: Built): Promise<Session> {
  return plan.target === 'webgpu'
    ? load(plan, { gpu: await testGpu(), parameters })
    : load(plan, { module: module!, parameters });
}

/** A session on WebGPU, its device, and the bytes of all buffers that the runtime has created there so far. */
export async function openCountedSession({ plan, parameters }: Built) {
  const adapter = (await (await testGpu()).requestAdapter())!;
  const device = await adapter.requestDevice();
  const createBuffer = device.createBuffer.bind(device);
  let bytes = 0;
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    bytes += buffer.size;
    return buffer;
  };
  return {
    device,
    session: await load(plan, { device, parameters }),
    createdBytes: () => bytes,
    end: () => device.destroy(),
  };
}

function expectClose(
  given: ArrayLike<number>,
  wanted: Float64Array,
  error: number,
  name: string,
): void {
  const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  let different = 0;
  let broken = -1;
  wanted.forEach((value, i) => {
    if (broken < 0 && !Number.isFinite(given[i])) broken = i;
    if (Math.abs(given[i] - value) > error * scale) different++;
  });
  expect(broken, `${name}[${broken}] is ${given[broken]}`).toBe(-1);
  expect(different / wanted.length, `${name}: share of elements that differ`).toBeLessThanOrEqual(
    SHARE_THAT_MAY_DIFFER,
  );
}

export async function expectAgreement(
  sessions: readonly Session[],
  reference: Reference,
  steps: number,
  { error = 2e-4, settles = () => true, seed = 7 }: Tolerance = {},
): Promise<void> {
  const [{ plan }] = sessions;
  for (let step = 0; step < steps; step++) {
    for (const program of Object.keys(plan.programs)) {
      const inputs = randomInputs(plan, program, { classes: CLASSES, step, seed });
      const wanted = Object.entries(reference.run(program, inputs));
      for (const session of sessions) {
        const outputs = await session.run(program, inputs);
        for (const [name, values] of wanted)
          expectClose(
            outputs[name],
            values,
            error,
            `${session.plan.target} ${step}: ${program}.${name}`,
          );
      }
    }
    for (const session of sessions)
      for (const [name, given] of Object.entries(await session.readParameters()))
        if (settles(name))
          expectClose(
            given,
            reference.parameters[name],
            error,
            `${session.plan.target} ${step}: ${name}`,
          );
  }
}

/** A model compiled for both targets, with a session of each; the one on WebGPU has a device of its own. */
export interface Witnesses {
  readonly wasm: Witnessed;
  readonly webgpu: Witnessed;
  readonly sessions: Readonly<Record<Target, Session>>;
  /** Of the session on WebGPU. */
  readonly device: GPUDevice;
  readonly createdBytes: () => number;
  end(): void;
}

type Options = Readonly<Record<string, OptionValue>>;

/** Compiles a model, and opens a session of each target. */
export async function openWitnesses(model: ModelSource, set: Options = {}): Promise<Witnesses> {
  const wasm = await compileWitnessed(model, { target: 'wasm', set });
  const webgpu = await compileWitnessed(model, {
    target: 'webgpu',
    set,
    // A software GPU switches threads at every barrier of a tile, which takes minutes.
    limits: { maxWorkgroupBytes: 0 },
  });
  const { session, device, createdBytes, end } = await openCountedSession(webgpu);
  const sessions = { wasm: await openSession(wasm), webgpu: session };
  return {
    ...{ wasm, webgpu, sessions, device, createdBytes },
    end() {
      for (const one of Object.values(sessions)) one.destroy();
      end();
    },
  };
}

/** Runs all programs so many times by all witnesses. Loading and running create buffers of the plan's bytes on the GPU, and no others. */
export async function expectOpenedToAgree(
  { wasm, webgpu, sessions, createdBytes }: Witnesses,
  steps: number,
  tolerance?: Tolerance,
): Promise<void> {
  const opened = Object.values(sessions);
  for (const { allocatedBytes, plan } of opened)
    expect(allocatedBytes).toBe(plan.memory.deviceBytes);
  await expectAgreement(opened, wasm.reference, steps, tolerance);
  expect(createdBytes()).toBe(webgpu.plan.memory.deviceBytes);
}

/** {@link expectOpenedToAgree} of a model that nothing else is asked of. */
export async function expectWitnessesToAgree(
  model: ModelSource,
  steps: number,
  { set, ...tolerance }: Tolerance & { readonly set?: Options } = {},
): Promise<void> {
  const witnesses = await openWitnesses(model, set);
  await expectOpenedToAgree(witnesses, steps, tolerance);
  witnesses.end();
}
