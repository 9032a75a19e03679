import { DTYPES } from '../ir/dtypes.ts';
import type { Plan, PlanInput, PlanProgram, PlanTensor } from '../ir/plan.ts';
import type { SessionTrace } from '../ir/trace.ts';
import {
  encodeCheckpoint,
  encodeParameters,
  modelTensors,
  persistentTensors,
} from './checkpoint.ts';
import { RuntimeError, reading } from './errors.ts';
import { type Executor, emptyData, type TensorData } from './executor.ts';
import type { GpuDeviceLike } from './gpu-types.ts';
import { chosenOutputs, givenCount, inputValues, namedValues, unknownName } from './names.ts';
import {
  fromFile,
  type Restoration,
  type Restored,
  type RestoreOptions,
  restoreOptions,
} from './restore.ts';
import { ownBytes, type TensorInput } from './values.ts';

/** What a run gives back. */
export interface RunOptions {
  /** Names of the outputs to read back, by default all; false reads none and does not wait for the device. */
  readonly read?: readonly string[] | false;
}

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
   * Errors: `unknown-name`, `invalid-input`, `device-lost`, `swap-failed`, `kernel-failed`, `destroyed`. Where the plan has
   * transfers or the session keeps snapshots, a run that fails has no effect: parameters, state and counters are those of the
   * last finished run, and unless the device is lost it can be retried. Otherwise what a failed run was to update is
   * refused with `kernel-failed` until it is reloaded or rewritten.
   */
  run(
    program: string,
    inputs?: Readonly<Record<string, TensorInput>>,
    options?: RunOptions,
  ): Promise<Record<string, TensorData>>;
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

/** A run that is not read waits for the device once in so many runs, so that work does not pile up without bound. */
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
    inputs: Readonly<Record<string, TensorInput>> = {},
    options: RunOptions = {},
  ): Promise<Record<string, TensorData>> {
    const program = reading('the name of the program', () => this.#program(name));
    // The caller's getters, if there are any, have run when values are checked: nothing changes these before they are taken.
    const { values, outputs } = reading(`what program '${name}' is given`, () => {
      const outputs = chosenOutputs(name, program, options);
      return { values: inputValues(name, program, inputs), outputs };
    });
    const given = givenCount(name, program, values);
    const taken = this.#take(name, program, values, given);
    return this.#inLine(async () => {
      const count = given ?? this.#counters.get(name) ?? 0;
      const tensors = outputs.map(({ tensor }) => this.plan.tensors[tensor]);
      const run = () => {
        if (taken) this.#writeInputs(name, program, taken, count);
        return this.#executor.run(program, tensors);
      };
      const { tracer } = this.#executor;
      const data = await (tracer ? tracer.run(name, run) : run());
      this.#counters.set(name, count + 1);
      // The run has finished: if the device is lost now, the next call says so.
      if (outputs.length === 0 && ++this.#unreadRuns % RUNS_BETWEEN_WAITS === 0)
        await this.#executor.read([]).catch(() => {});
      return Object.fromEntries(outputs.map((output, i) => [output.name, data[i]]));
    });
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

  /** Gives a session that is new, and zero everywhere, its first values. */
  async start(restoration: Restoration): Promise<void> {
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

  /**
   * Takes inputs from the caller, who may change them behind the call: writes them where nothing is in line before this run, which
   * spares a copy; else copies them, for later.
   */
  #take(
    name: string,
    program: PlanProgram,
    values: ReadonlyMap<string, TensorData>,
    given: number | null,
  ): ReadonlyMap<string, TensorData> | null {
    this.#checkAlive();
    if (this.#waiting > 0 || this.#executor.tracer)
      return new Map([...values].map(([input, data]) => [input, data.slice()]));
    this.#writeInputs(name, program, values, given ?? this.#counters.get(name) ?? 0);
    return null;
  }

  #writeInputs(
    name: string,
    program: PlanProgram,
    values: ReadonlyMap<string, TensorData>,
    count: number,
  ): void {
    for (const input of program.inputs) {
      const value = values.get(input.name) ?? this.#fallback(name, input, count);
      const tensor = this.plan.tensors[input.tensor];
      const { tracer } = this.#executor;
      const start = tracer?.now() ?? 0;
      this.#executor.write(tensor, value);
      tracer?.copied(start, 'in', 'interface', [tensor], 0);
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

  #checkAlive(): void {
    if (this.#destroyed)
      throw new RuntimeError('destroyed', 'the session was destroyed; load the plan again');
  }

  /** Runs `action` when all earlier calls have finished. */
  async #inLine<T>(action: () => Promise<T>): Promise<T> {
    this.#checkAlive();
    this.#waiting++;
    const result = this.#line.then(async () => {
      this.#checkAlive();
      return action();
    });
    this.#line = result.then(
      () => this.#waiting--,
      () => this.#waiting--,
    );
    try {
      return await result;
    } catch (error) {
      // Buffers that are destroyed while they are read fail in ways of their own.
      this.#checkAlive();
      throw error;
    }
  }
}
