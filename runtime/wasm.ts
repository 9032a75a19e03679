import { DTYPES, isDType } from '../ir/dtypes.ts';
import type { Plan, PlanProgram, PlanTensor, WasmModule } from '../ir/plan.ts';
import { writtenTensors } from '../ir/plan-host.ts';
import { elementCount } from '../ir/tensor.ts';
import { sha256 } from './digest.ts';
import { errorText, RuntimeError } from './errors.ts';
import type { Executor, Handed, TensorData, Value, Wanted } from './executor.ts';
import { type HostBuffers, hostBuffers } from './host-buffers.ts';
import type { HostSlots } from './host-slots.ts';
import { Progress } from './progress.ts';
import { type PlannedRead, plannedReads, ReadAhead } from './read-ahead.ts';
import { Torn } from './torn.ts';
import { copying, type Interval, type Tracer } from './tracer.ts';
import { type ProgramTransfers, programTransfers } from './transfers.ts';
import { slabAddresses, stepAddresses, threadPrograms } from './wasm-addresses.ts';
import { checkWasmModule } from './wasm-module.ts';
import { threadBytes, type WasmOptions } from './wasm-options.ts';
import { hasRelaxedSimd, withMultiplyAdds } from './wasm-relaxed.ts';
import { withSharedMemory } from './wasm-shared.ts';
import { sharesMemory, Threads } from './wasm-threads.ts';
import { importsOf, kernelOf } from './wasm-walk.ts';

const PAGE_BYTES = 65536;

type KernelFunction = (...addresses: number[]) => void;

/** The steps of a program, resolved: kernel s is called with its slice of `numbers`: addresses, and all of its parts. */
interface ResolvedProgram {
  readonly index: number;
  readonly kernels: readonly KernelFunction[];
  readonly numbers: readonly (readonly number[])[];
  readonly swaps: Swaps | null;
  /** Persistent tensors that it writes. */
  readonly updated: readonly PlanTensor[];
}

interface Swaps extends ProgramTransfers {
  readonly reads: readonly PlannedRead[];
}

/**
 * Runs a plan in WebAssembly: one memory of exactly the plan's pages, in which the slabs follow one another from
 * address 0; behind them, working memory of every thread but the first. Errors: `invalid-module`, `kernel-rejected`,
 * `out-of-memory`, `worker-lost`.
 */
export async function createWasmExecutor(
  plan: Plan,
  moduleBytes: Uint8Array,
  slots: HostSlots,
  tracer: Tracer | null,
  { threads, relaxedSimd }: WasmOptions,
): Promise<Executor> {
  const expected = plan.module;
  if (!expected)
    throw new RuntimeError('invalid-plan', `plan '${plan.name}' names no WebAssembly module`);
  // A copy: what is checked is what is run, whatever the caller does with the bytes meanwhile.
  const bytes = new Uint8Array(moduleBytes);
  await checkModule(expected, bytes);
  checkWasmModule(bytes, plan);
  const relaxed = relaxedSimd && hasRelaxedSimd();
  const code = relaxed ? withMultiplyAdds(bytes) : bytes;
  const alone = threads > 1 && !sharesMemory();
  if (threads > 1 && !alone) {
    const own = threadBytes(plan);
    const pages = expected.pages + Math.ceil(((threads - 1) * own) / PAGE_BYTES);
    const memory = allocate(pages, true);
    const module = await compiled(withSharedMemory(code, pages));
    const exported = await instantiate(module, memory);
    const programs = (thread: number) =>
      threadPrograms(plan, thread === 0 ? null : expected.pages * PAGE_BYTES + (thread - 1) * own);
    const team = await Threads.start(threads, module, memory, programs);
    return new WasmExecutor(plan, memory, exported, slots, tracer, { team, relaxed, alone });
  }
  const memory = allocate(expected.pages, false);
  const exported = await instantiate(await compiled(code), memory);
  return new WasmExecutor(plan, memory, exported, slots, tracer, { team: null, relaxed, alone });
}

async function checkModule(expected: WasmModule, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  if (bytes.byteLength !== expected.bytes)
    throw new RuntimeError(
      'invalid-module',
      `the module has ${bytes.byteLength} bytes, but '${expected.file}' of the plan has ${expected.bytes}`,
    );
  const digest = await sha256(bytes);
  if (digest !== null && digest !== expected.sha256)
    throw new RuntimeError(
      'invalid-module',
      `the module is not '${expected.file}' of the plan: its SHA-256 is ${digest}, not ${expected.sha256}`,
    );
}

function allocate(pages: number, shared: boolean): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  } catch (error) {
    throw new RuntimeError(
      'out-of-memory',
      `the engine gives no memory of ${pages * PAGE_BYTES} bytes: ${errorText(error)}`,
      { cause: error },
    );
  }
}

/** What the engine makes of it. Error: `kernel-rejected`. */
async function accepted<Made>(make: () => Promise<Made>): Promise<Made> {
  try {
    return await make();
  } catch (error) {
    throw new RuntimeError(
      'kernel-rejected',
      `the engine refuses the module (it needs WebAssembly with SIMD): ${errorText(error)}`,
      { cause: error },
    );
  }
}

const compiled = (bytes: Uint8Array<ArrayBuffer>) => accepted(() => WebAssembly.compile(bytes));

const instantiate = (module: WebAssembly.Module, memory: WebAssembly.Memory) =>
  accepted(async () => (await WebAssembly.instantiate(module, importsOf(memory))).exports);

interface Mode {
  readonly team: Threads | null;
  readonly relaxed: boolean;
  /** Whether several threads were wanted where one is all that there can be. */
  readonly alone: boolean;
}

class WasmExecutor implements Executor {
  readonly plan: Plan;
  readonly description: string;
  readonly allocatedBytes: number;
  readonly hostBytes: number;
  readonly tracer: Tracer | null;
  readonly #slots: HostSlots;
  readonly #programs = new Map<PlanProgram, ResolvedProgram>();
  readonly #buffers: HostBuffers;
  readonly #torn = new Torn();
  /** Address of the first byte of each slab. */
  readonly #slabs: readonly number[];
  #memory: WebAssembly.Memory | null;
  readonly #threads: Threads | null;

  constructor(
    plan: Plan,
    memory: WebAssembly.Memory,
    exported: WebAssembly.Exports,
    slots: HostSlots,
    tracer: Tracer | null,
    { team, relaxed, alone }: Mode,
  ) {
    this.plan = plan;
    this.#threads = team;
    this.description = [
      'WebAssembly',
      ...(relaxed ? ['relaxed SIMD'] : []),
      ...(team ? [`${team.count} threads`] : []),
      ...(alone
        ? ['one thread because memory cannot be shared: the page is not cross-origin isolated']
        : []),
    ].join(', ');
    this.#memory = memory;
    this.#slots = slots;
    this.tracer = tracer;
    this.allocatedBytes = memory.buffer.byteLength;
    this.#slabs = slabAddresses(plan);
    this.#buffers = hostBuffers(plan, slots, 0);
    this.hostBytes = slots.bytes + this.#buffers.bytes;
    const kernels = plan.kernels.map((kernel) => kernelFunction(exported, kernel.export));
    Object.entries(plan.programs).forEach(([name, program], index) => {
      this.#programs.set(program, this.#resolve(name, program, index, kernels));
    });
  }

  readonly rangeOf = null;

  write(tensor: PlanTensor, value: Value): void {
    this.#view(tensor).set(value as TensorData);
  }

  async restore(values: ReadonlyMap<PlanTensor, TensorData>): Promise<void> {
    await this.#slots.replace(values);
    for (const [tensor, data] of values) if (tensor.slab !== null) this.write(tensor, data);
    this.#torn.written(values.keys());
  }

  async run(program: PlanProgram, wanted: readonly Wanted[]): Promise<Handed> {
    const data = await this.#ran(program, wanted);
    return { outputs: Promise.resolve(data) };
  }

  async #ran(program: PlanProgram, outputs: readonly Wanted[]): Promise<TensorData[]> {
    this.#alive();
    this.#torn.check();
    const resolved = this.#programs.get(program)!;
    if (resolved.swaps) return this.#runSwapping(resolved, resolved.swaps, outputs);
    try {
      const times = await this.#steps(resolved, 0, resolved.kernels.length);
      this.tracer?.steps(times);
    } catch (error) {
      this.#torn.add(resolved.updated);
      throw error;
    }
    return this.#outputs(resolved, outputs);
  }

  async read(tensors: readonly PlanTensor[]): Promise<TensorData[]> {
    return this.#read(tensors.map((tensor) => ({ tensor, into: null })));
  }

  /** Where `written` names the home slot of a tensor, its new value in a run that has not finished. */
  async #read(wanted: readonly Wanted[], written?: ReadonlySet<number>): Promise<TensorData[]> {
    this.#torn.check();
    const read = async ({ tensor, into }: Wanted) => {
      const own =
        tensor.slab === null ? await this.#slots.load(tensor, written) : this.#view(tensor);
      if (!ArrayBuffer.isView(into)) return tensor.slab === null ? own : own.slice();
      into.set(own);
      return into;
    };
    return Promise.all(wanted.map(read));
  }

  destroy(): void {
    this.#threads?.close();
    this.#memory = null;
    this.#programs.clear();
    this.#slots.close();
  }

  /** Copies out are waited for where the store takes its time, since later steps reuse the memory. */
  async #runSwapping(
    program: ResolvedProgram,
    swaps: Swaps,
    outputs: readonly Wanted[],
  ): Promise<TensorData[]> {
    const slots = this.#slots;
    const progress = new Progress();
    const { reading } = this.#buffers;
    const ahead = new ReadAhead(slots, progress, swaps.reads, reading, swaps.outCount);
    const { tracer } = this;
    const times: Interval[] = [];
    try {
      for (const { ins, first, end, outs } of swaps.segments) {
        for (const transfer of ins) {
          const target = this.#bytes(transfer.tensor);
          const bringIn = () => ahead.bringIn(transfer, (from, bytes) => target.set(bytes, from));
          await copying(tracer, bringIn, 'in', 'swap', [transfer.tensor], first);
        }
        for (const time of await this.#steps(program, first, end)) times.push(time);
        for (const { tensor, slot, order } of outs) {
          const start = tracer?.now() ?? 0;
          const pending = slots.write(slot, 0, this.#bytes(tensor));
          if (pending) await pending;
          tracer?.copied(start, 'out', 'swap', [tensor], end - 1);
          ahead.wrote(order);
        }
      }
      await progress.finished();
      tracer?.steps(times);
      const data = await this.#outputs(program, outputs, swaps.homes);
      slots.flip(swaps.homes);
      return data;
    } catch (error) {
      progress.fail(error);
      await progress.finished().catch(() => {});
      await this.#undo(swaps);
      throw error;
    }
  }

  /** The times of the steps, where they are wanted. */
  #steps(
    program: ResolvedProgram,
    first: number,
    end: number,
  ): readonly Interval[] | Promise<readonly Interval[]> {
    if (this.#threads) return this.#threads.run(program.index, first, end, this.tracer);
    if (this.tracer) return timeSteps(program, first, end, this.tracer);
    runSteps(program, first, end);
    return NO_TIMES;
  }

  #outputs(
    { kernels }: ResolvedProgram,
    outputs: readonly Wanted[],
    written?: ReadonlySet<number>,
  ): Promise<TensorData[]> {
    const read = () => this.#read(outputs, written);
    if (outputs.length === 0) return read();
    const tensors = outputs.map(({ tensor }) => tensor);
    return copying(this.tracer, read, 'out', 'interface', tensors, kernels.length - 1);
  }

  /** What cannot be read back is torn. */
  async #undo({ restored }: Swaps): Promise<void> {
    for (const { tensor, slot } of restored) {
      try {
        await this.#slots.read(slot, 0, this.#bytes(tensor));
      } catch {
        this.#torn.add([tensor]);
      }
    }
  }

  #resolve(
    name: string,
    program: PlanProgram,
    index: number,
    kernels: readonly KernelFunction[],
  ): ResolvedProgram {
    const transfers = programTransfers(this.plan, name, this.#slots);
    const updated = [...writtenTensors(this.plan, program)].map(
      (index) => this.plan.tensors[index],
    );
    const piece = this.#buffers.reading[0]?.length ?? 0;
    const { plan } = this;
    const parts = program.steps.map(({ kernel }) => plan.kernels[kernel].parts);
    return {
      index,
      kernels: program.steps.map(({ kernel }) => kernels[kernel]),
      numbers: stepAddresses(plan, program).map((addresses, s) =>
        parts[s] === undefined ? addresses : [...addresses, 0, parts[s]],
      ),
      updated: updated.filter(({ policy }) => policy === 'persistent'),
      swaps: transfers && { ...transfers, reads: plannedReads(this.#slots, transfers.ins, piece) },
    };
  }

  #address({ slab, offset }: PlanTensor): number {
    return this.#slabs[slab!] + offset;
  }

  #view(tensor: PlanTensor): TensorData {
    const { buffer } = this.#alive();
    const address = this.#address(tensor);
    if (!isDType(tensor.dtype)) return new Int32Array(buffer, address, tensor.bytes / WORD_BYTES);
    return new DTYPES[tensor.dtype].array(buffer, address, elementCount(tensor.shape));
  }

  #bytes(tensor: PlanTensor): Uint8Array {
    return new Uint8Array(this.#alive().buffer, this.#address(tensor), tensor.bytes);
  }

  #alive(): WebAssembly.Memory {
    if (!this.#memory)
      throw new RuntimeError('destroyed', 'the executor was destroyed; load the plan again');
    return this.#memory;
  }
}

/** What is held in fewer bytes than its elements are is moved in words. */
const WORD_BYTES = 4;

const NO_TIMES: readonly Interval[] = [];

function timeSteps(
  program: ResolvedProgram,
  first: number,
  end: number,
  tracer: Tracer,
): Interval[] {
  const times: Interval[] = [];
  for (let step = first; step < end; step++) {
    const start = tracer.now();
    runSteps(program, step, step + 1);
    times.push({ start, end: tracer.now() });
  }
  return times;
}

function runSteps({ kernels, numbers }: ResolvedProgram, first: number, end: number): void {
  let step = first;
  try {
    for (; step < end; step++) kernels[step](...numbers[step]);
  } catch (error) {
    throw new RuntimeError(
      'kernel-failed',
      `step ${step} of the program ended in a trap: ${errorText(error)}`,
      { cause: error },
    );
  }
}

function kernelFunction(exported: WebAssembly.Exports, name: string | undefined): KernelFunction {
  const found = kernelOf(exported, name);
  if (found) return found;
  throw new RuntimeError('invalid-module', `the module does not export the kernel '${name}'`);
}
