import type { Plan, PlanInput, PlanProgram, PlanTensor } from '../ir/plan.ts';
import {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  persistentTensors,
} from './checkpoint.ts';
import { RuntimeError } from './errors.ts';
import type { Executor, TensorData } from './executor.ts';
import type { GpuDeviceLike } from './gpu-types.ts';
import { chosenOutputs, inputValues, namedValues, unknownName } from './names.ts';
import type { TensorInput } from './values.ts';

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
  /**
   * Runs a program once and gives its outputs by name, row-major; a scalar is an array of one element. Inputs with a
   * default may be left out. Errors: `unknown-name`, `invalid-input`, `device-lost`, `swap-failed`, `destroyed`. Where the
   * plan has transfers or the session keeps snapshots, a run that fails has no effect: parameters, state and counters
   * are those of the last finished run, and unless the device is lost it can be tried again.
   */
  run(
    program: string,
    inputs?: Readonly<Record<string, TensorInput>>,
    options?: RunOptions,
  ): Promise<Record<string, TensorData>>;
  /**
   * Copies of all parameters (without the optimiser's state), by name. Errors: `swap-failed`; `device-lost`, unless the
   * plan has transfers or the session keeps snapshots, as for `saveCheckpoint`.
   */
  readParameters(): Promise<Record<string, TensorData>>;
  /**
   * Replaces the parameters or optimiser states that `values` names; none of them if one does not fit or, where programs
   * write them, if a store fails. Errors: `unknown-name`, `invalid-input`, `swap-failed`, `device-lost`.
   */
  writeParameters(values: Readonly<Record<string, TensorInput>>): Promise<void>;
  /** Parameters, optimiser state and step counters as the bytes of a safetensors file. */
  saveCheckpoint(): Promise<Uint8Array<ArrayBuffer>>;
  /** Restores a checkpoint of this model, or refuses it as a whole. Error: `invalid-checkpoint`. */
  loadCheckpoint(bytes: Uint8Array): Promise<void>;
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
  readonly #executor: Executor;
  readonly #ownDevice: OwnDevice | null;
  readonly #persistent: readonly PlanTensor[];
  readonly #counters = new Map<string, number>();
  #destroyed = false;
  /** Settles when the last call in line has finished; never rejects. */
  #line: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #unreadRuns = 0;

  constructor(executor: Executor, ownDevice: OwnDevice | null) {
    this.#executor = executor;
    this.#ownDevice = ownDevice;
    this.plan = executor.plan;
    this.description = executor.description;
    this.allocatedBytes = executor.allocatedBytes;
    this.hostBytes = executor.hostBytes;
    this.#persistent = persistentTensors(this.plan);
  }

  async run(
    name: string,
    inputs: Readonly<Record<string, TensorInput>> = {},
    { read }: RunOptions = {},
  ): Promise<Record<string, TensorData>> {
    const program = this.#program(name);
    const values = inputValues(name, program, inputs);
    // Callers may refill their arrays while earlier calls are still running.
    if (this.#waiting > 0) for (const [key, value] of values) values.set(key, value.slice());
    const outputs = chosenOutputs(name, program, read);
    return this.#inLine(async () => {
      this.#writeInputs(name, program, values);
      const data = await this.#executor.run(
        program,
        outputs.map(({ tensor }) => this.plan.tensors[tensor]),
      );
      this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
      // The run has finished: if the device is lost now, the next call says so.
      if (outputs.length === 0 && ++this.#unreadRuns % RUNS_BETWEEN_WAITS === 0)
        await this.#executor.read([]).catch(() => {});
      return Object.fromEntries(outputs.map((output, i) => [output.name, data[i]]));
    });
  }

  async readParameters(): Promise<Record<string, TensorData>> {
    const parameters = this.#persistent.filter(({ role }) => role === 'parameter');
    const data = await this.#inLine(() => this.#executor.read(parameters));
    return Object.fromEntries(parameters.map(({ name }, i) => [name, data[i]]));
  }

  async writeParameters(given: Readonly<Record<string, TensorInput>>): Promise<void> {
    this.#checkAlive();
    const values = namedValues(this.plan, given);
    if (this.#waiting > 0) for (const [key, value] of values) values.set(key, value.slice());
    await this.#inLine(() => this.restore({ values, counters: null }));
  }

  async saveCheckpoint(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#inLine(async () => {
      const counters = new Map(this.#counters);
      const data = await this.#executor.read(this.#persistent);
      return encodeCheckpoint(this.plan, data, counters);
    });
  }

  async loadCheckpoint(bytes: Uint8Array): Promise<void> {
    this.#checkAlive();
    const checkpoint = decodeCheckpoint(this.plan, bytes);
    await this.#inLine(() => this.restore(checkpoint));
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#executor.destroy();
    this.#ownDevice?.destroy();
  }

  /** Writes what has been checked before. */
  async restore({ values, counters }: Checkpoint): Promise<void> {
    const given = this.#persistent.flatMap((tensor) => {
      const value = values.get(tensor.name);
      return value ? [[tensor, value] as const] : [];
    });
    await this.#executor.restore(new Map(given));
    if (!counters) return;
    this.#counters.clear();
    for (const [program, count] of counters) this.#counters.set(program, count);
  }

  #program(name: string): PlanProgram {
    this.#checkAlive();
    const { programs } = this.plan;
    if (!Object.hasOwn(programs, name))
      throw unknownName('program', name, `plan '${this.plan.name}'`, Object.keys(programs));
    return programs[name];
  }

  #writeInputs(name: string, program: PlanProgram, values: Map<string, TensorData>): void {
    for (const input of program.inputs) {
      const value = values.get(input.name) ?? this.#fallback(name, input);
      this.#executor.write(this.plan.tensors[input.tensor], value);
    }
  }

  #fallback(program: string, input: PlanInput): TensorData {
    const element = input.counter ? (this.#counters.get(program) ?? 0) : input.default!;
    const count = this.plan.tensors[input.tensor].bytes / 4;
    const data = input.dtype === 'f32' ? new Float32Array(count) : new Int32Array(count);
    return data.fill(element);
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
