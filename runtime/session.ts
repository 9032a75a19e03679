import { DTYPES } from '../ir/dtypes.ts';
import type { Plan, PlanInput, PlanProgram, PlanTensor } from '../ir/plan.ts';
import type { SessionTrace } from '../ir/trace.ts';
import {
  constantTensors,
  encodeCheckpoint,
  encodeParameters,
  modelTensors,
  persistentTensors,
} from './checkpoint.ts';
import { RuntimeError, reading } from './errors.ts';
import {
  type DeviceRange,
  type Executor,
  emptyData,
  type TensorData,
  type Value,
} from './executor.ts';
import type { GpuBufferLike, GpuBufferRange, GpuDeviceLike } from './gpu-types.ts';
import { chosenOutputs, givenCount, inputValues, namedValues, unknownName } from './names.ts';
import {
  fromFile,
  type Restoration,
  type Restored,
  type RestoreOptions,
  restoreOptions,
} from './restore.ts';
import { ownBytes, type TensorInput } from './values.ts';

/**
 * Where an output goes. An array of the caller's, of its dtype and size, is filled and given back. A buffer of the caller's, made with
 * `COPY_DST`, is copied to on the device. `'device'`: it stays where it is, and what is given is that place, which the session's next
 * call may write over.
 */
export type OutputPlace = TensorData | GpuBufferLike | GpuBufferRange | 'device';

/** What a run gives of an output that goes to such a place. */
export type PlacedOutput<Place> = Place extends TensorData ? Place : DeviceRange;

/** What a run reads back. */
export interface ReadOptions {
  /** Names of the outputs to read back, by default all; false reads none and does not wait for the device. */
  readonly read?: readonly string[] | false;
}

/** What a run gives back. */
export interface RunOptions<
  Into extends Readonly<Record<string, OutputPlace>> = Record<never, never>,
> extends ReadOptions {
  /** Where outputs go, by name; these are given whether or not `read` names them. Buffers and `'device'` are of WebGPU alone. */
  readonly into?: Into | undefined;
}

/** An input: values on the host, or on WebGPU a buffer that was made with `COPY_SRC`. */
export type RunInput = TensorInput | GpuBufferLike | GpuBufferRange;

/** The outputs of a run: those with a place as that says, all others as arrays. */
export type RunOutputs<Into> = keyof Into extends never
  ? Record<string, TensorData>
  : { [Name in keyof Into]: PlacedOutput<Into[Name]> } & Record<string, TensorData | DeviceRange>;

/** A plan in memory, ready to run. Calls may overlap; they take effect one after the other, in order. */
export interface Session {
  readonly plan: Plan;
  /** `NVIDIA H100 (WebGPU)`, `WebAssembly`: for people. */
  readonly description: string;
  /** Bytes allocated on the device: equal to `plan.memory.deviceBytes`. */
  readonly allocatedBytes: number;
  /** Bytes of host memory held for swapped values and snapshots; spill files come on top. */
  readonly hostBytes: number;
  /** Where `load` found the value of every persistent tensor. */
  readonly restored: Restored;
  /**
   * Runs a program once and gives its outputs by name, row-major; a scalar is an array of one element. Inputs with a
   * default may be left out. All arguments of all calls are read before the call returns. An explicit `step` counts the runs
   * before this one, and those after it go on from there.
   *
   * On WebGPU an input may be a `GPUBuffer` of the session's device, or a part of one, with the elements in the same order; it is
   * copied on the device when the run is its turn, and indices in it are not checked but clamped. `into` keeps outputs there. Several
   * runs may be under way at once: a run begins when those before it have been handed over, not when they have been read.
   *
   * Errors: `unknown-name`, `invalid-input`, `invalid-buffer`, `no-device-memory`, `device-lost`, `swap-failed`, `kernel-failed`,
   * `destroyed`, and of the first run of a program that `load` has not made ready `kernel-rejected`. Where the plan has
   * transfers or the session keeps snapshots, a run that fails has no effect: parameters, state and counters are those of the
   * last finished run, and unless the device is lost it can be retried. Otherwise what a failed run was to update is
   * refused with `kernel-failed` until it is reloaded or rewritten.
   */
  run(
    program: string,
    inputs?: Readonly<Record<string, RunInput>>,
    options?: ReadOptions & { readonly into?: undefined },
  ): Promise<Record<string, TensorData>>;
  run<const Into extends Readonly<Record<string, OutputPlace>>>(
    program: string,
    inputs: Readonly<Record<string, RunInput>>,
    options: RunOptions<Into>,
  ): Promise<RunOutputs<Into>>;
  /**
   * Copies of all parameters and states of the model (not of the optimiser's), by name. Errors: `swap-failed`; `device-lost`,
   * unless the plan has transfers or the session keeps snapshots, as for `saveCheckpoint`.
   */
  readParameters(): Promise<Record<string, TensorData>>;
  /**
   * Replaces the parameters, states or optimiser states that `values` names; none of them if one does not fit or, where programs
   * write them, if a store fails. Errors: `unknown-name`, `invalid-input`, `swap-failed`, `device-lost`.
   */
  writeParameters(values: Readonly<Record<string, TensorInput>>): Promise<void>;
  /** Parameters and states of the model as the bytes of a safetensors file, which `load` takes as `parameters`. */
  saveParameters(): Promise<Uint8Array<ArrayBuffer>>;
  /** Parameters, states, optimiser state and step counters as the bytes of a safetensors file. */
  saveCheckpoint(): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Restores a checkpoint of a plan with the same parameters and states, or refuses it as a whole; says what came from where.
   * Optimiser state that the checkpoint lacks is zero, and then the counter of its program too; what belongs to programs or an
   * optimiser that the plan lacks is ignored. Errors: `invalid-checkpoint`, `invalid-input`, `swap-failed`, `device-lost`.
   */
  loadCheckpoint(bytes: Uint8Array, options?: RestoreOptions): Promise<Restored>;
  /**
   * The times of all runs that have finished since the last call. Error: `invalid-input` where the session was loaded without the
   * option `trace`.
   */
  trace(): Promise<SessionTrace>;
  /** Frees device and host memory and removes spill files. Every later call is a `destroyed` error. */
  destroy(): void;
}

/** At most twice so many runs that are not read are under way on the device. */
const RUNS_BETWEEN_WAITS = 32;

type OwnDevice = Pick<GpuDeviceLike, 'destroy'>;

/** `ownDevice` is destroyed with the session. */
export class PlanSession implements Session {
  readonly plan: Plan;
  readonly description: string;
  readonly allocatedBytes: number;
  readonly hostBytes: number;
  readonly restored: Restored;
  readonly #executor: Executor;
  readonly #ownDevice: OwnDevice | null;
  readonly #persistent: readonly PlanTensor[];
  readonly #counters = new Map<string, number>();
  #destroyed = false;
  /** Settles when the last call in line has finished; never rejects. */
  #line: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #unreadRuns = 0;
  /** When the device had done what was handed over before the last wait. */
  #paced: Promise<unknown> = Promise.resolve();

  constructor(executor: Executor, ownDevice: OwnDevice | null, restored: Restored) {
    this.#executor = executor;
    this.#ownDevice = ownDevice;
    this.plan = executor.plan;
    this.description = executor.description;
    this.allocatedBytes = executor.allocatedBytes;
    this.hostBytes = executor.hostBytes;
    this.restored = restored;
    this.#persistent = persistentTensors(this.plan);
  }

  async run(
    name: string,
    inputs: Readonly<Record<string, RunInput>> = {},
    options: RunOptions<Readonly<Record<string, OutputPlace>>> = {},
  ): Promise<never> {
    const program = reading('the name of the program', () => this.#program(name));
    const { rangeOf, tracer } = this.#executor;
    const takes = { plan: this.plan, rangeOf, atOnce: this.#waiting === 0 };
    const { values, outputs } = reading(`what program '${name}' is given`, () => ({
      values: inputValues(name, program, inputs, takes),
      outputs: chosenOutputs(name, program, options, takes),
    }));
    const given = givenCount(name, program, values);
    const wanted = outputs.map(({ tensor, into }) => ({ tensor: this.plan.tensors[tensor], into }));
    const handed = await this.#inLine(async () => {
      const count = given ?? this.#counters.get(name) ?? 0;
      const run = () => {
        this.#writeInputs(name, program, values, count);
        return this.#executor.run(program, wanted);
      };
      const handed = await (tracer ? tracer.run(name, run) : run());
      this.#counters.set(name, count + 1);
      // Heard below, but perhaps after a wait. A run that the device has refused was none, unless others count it by now.
      handed.outputs.catch((error: unknown) => {
        const isRefused = error instanceof RuntimeError && error.code === 'invalid-buffer';
        if (isRefused && this.#counters.get(name) === count + 1) this.#counters.set(name, count);
      });
      if (outputs.length === 0) await this.#keepPace();
      return handed;
    });
    const data = await this.#whileAlive(handed.outputs);
    return Object.fromEntries(outputs.map((output, i) => [output.name, data[i]])) as never;
  }

  async readParameters(): Promise<Record<string, TensorData>> {
    const tensors = modelTensors(this.plan);
    const data = await this.#inLine(() => this.#executor.read(tensors));
    return Object.fromEntries(tensors.map(({ name }, i) => [name, data[i]]));
  }

  async writeParameters(given: Readonly<Record<string, TensorInput>>): Promise<void> {
    this.#checkAlive();
    const values = reading('parameters', () => namedValues(this.plan, given));
    await this.#inLine(() => this.#write(values));
  }

  async saveParameters(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#inLine(async () =>
      encodeParameters(this.plan, await this.#executor.read(modelTensors(this.plan))),
    );
  }

  async saveCheckpoint(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#inLine(async () =>
      encodeCheckpoint(this.plan, await this.#executor.read(this.#persistent), this.#counters),
    );
  }

  async loadCheckpoint(bytes: Uint8Array, options: RestoreOptions = {}): Promise<Restored> {
    this.#checkAlive();
    const restoration = reading('the checkpoint', () =>
      fromFile(this.plan, ownBytes(bytes, 'loadCheckpoint'), 'checkpoint', restoreOptions(options)),
    );
    await this.#inLine(() => {
      // Zero is what a tensor has to be now, not only what it was.
      const zeros = this.#persistent.filter(({ name }) => !restoration.values.has(name));
      const all = new Map(restoration.values);
      for (const tensor of zeros) all.set(tensor.name, emptyData(tensor).data);
      return this.#restore(restoration, all);
    });
    return restoration.report;
  }

  async trace(): Promise<SessionTrace> {
    this.#checkAlive();
    const { tracer } = this.#executor;
    if (!tracer)
      throw new RuntimeError(
        'invalid-input',
        "the session measures nothing; load the plan with the option 'trace'",
      );
    return this.#inLine(async () => tracer.take());
  }

  /** Gives a session that is new, and zero everywhere, its constants and first values. */
  async start(restoration: Restoration): Promise<void> {
    await this.#executor.restore(constantTensors(this.plan));
    await this.#restore(restoration, restoration.values);
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#executor.destroy();
    this.#ownDevice?.destroy();
  }

  async #restore({ report }: Restoration, values: ReadonlyMap<string, TensorData>): Promise<void> {
    await this.#write(values);
    this.#counters.clear();
    for (const [program, count] of Object.entries(report.counters))
      this.#counters.set(program, count);
  }

  /** Writes what has been checked before. */
  #write(values: ReadonlyMap<string, TensorData>): Promise<void> {
    const given = this.#persistent.flatMap((tensor) => {
      const value = values.get(tensor.name);
      return value ? [[tensor, value] as const] : [];
    });
    return this.#executor.restore(new Map(given));
  }

  #program(name: string): PlanProgram {
    this.#checkAlive();
    const { programs } = this.plan;
    if (typeof name !== 'string' || !Object.hasOwn(programs, name))
      throw unknownName('program', name, `plan '${this.plan.name}'`, Object.keys(programs));
    return programs[name];
  }

  #writeInputs(
    name: string,
    program: PlanProgram,
    values: ReadonlyMap<string, Value>,
    count: number,
  ): void {
    for (const input of program.inputs) {
      const value = values.get(input.name) ?? this.#fallback(name, input, count);
      const tensor = this.plan.tensors[input.tensor];
      const { tracer } = this.#executor;
      const start = tracer?.now() ?? 0;
      this.#executor.write(tensor, value);
      if (ArrayBuffer.isView(value)) tracer?.copied(start, 'in', 'interface', [tensor], 0);
    }
  }

  #fallback(program: string, input: PlanInput, count: number): TensorData {
    if (input.counter && !DTYPES[input.dtype].accepts(count))
      throw new RuntimeError(
        'invalid-input',
        `program '${program}' has run ${count} times, more than input '${input.name}' can count; give it`,
      );
    const { data } = emptyData(this.plan.tensors[input.tensor]);
    return data.fill(input.counter ? count : input.default!);
  }

  /** Waits for what was handed over long ago, so that work does not pile up without bound; for what is recent nobody waits. */
  async #keepPace(): Promise<void> {
    if (++this.#unreadRuns % RUNS_BETWEEN_WAITS !== 0) return;
    const earlier = this.#paced;
    // If the device is lost now, the next call says so.
    this.#paced = this.#executor.read([]).catch(() => {});
    await earlier;
  }

  #checkAlive(): void {
    if (this.#destroyed)
      throw new RuntimeError('destroyed', 'the session was destroyed; load the plan again');
  }

  /** Runs `action` when all earlier calls have finished: at once where none is under way, so that it reads what the caller gave. */
  async #inLine<T>(action: () => Promise<T>): Promise<T> {
    this.#checkAlive();
    const isIdle = this.#waiting++ === 0;
    const result = isIdle
      ? action()
      : this.#line.then(() => {
          this.#checkAlive();
          return action();
        });
    this.#line = result.then(
      () => this.#waiting--,
      () => this.#waiting--,
    );
    return this.#whileAlive(result);
  }

  async #whileAlive<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      // Buffers that are destroyed while they are read fail in ways of their own.
      this.#checkAlive();
      throw error;
    }
  }
}
