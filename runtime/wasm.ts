import type { Plan, PlanProgram, PlanStep, PlanTensor, WasmModule } from '../ir/plan.ts';
import { errorText, RuntimeError } from './errors.ts';
import type { Executor, TensorData } from './executor.ts';

const PAGE_BYTES = 65536;

type KernelFunction = (...addresses: number[]) => void;

/** The steps of a program, resolved: kernel s is called with its slice of `addresses`. */
interface ResolvedProgram {
  readonly kernels: readonly KernelFunction[];
  readonly addresses: readonly (readonly number[])[];
}

/**
 * Runs a plan in WebAssembly: one memory of exactly the plan's pages, in which the slabs follow one another from
 * address 0. Errors: `invalid-module`, `kernel-rejected`, `out-of-memory`.
 */
export async function createWasmExecutor(plan: Plan, moduleBytes: Uint8Array): Promise<Executor> {
  const expected = plan.module;
  if (!expected)
    throw new RuntimeError('invalid-plan', `plan '${plan.name}' names no WebAssembly module`);
  await checkModule(expected, moduleBytes);
  const memory = allocate(expected.pages);
  const exported = await instantiate(moduleBytes, memory);
  return new WasmExecutor(plan, memory, exported);
}

async function checkModule(expected: WasmModule, bytes: Uint8Array): Promise<void> {
  if (bytes.byteLength !== expected.bytes)
    throw new RuntimeError(
      'invalid-module',
      `the module has ${bytes.byteLength} bytes, but '${expected.file}' of the plan has ${expected.bytes}`,
    );
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (sha256 !== expected.sha256)
    throw new RuntimeError(
      'invalid-module',
      `the module is not '${expected.file}' of the plan: its SHA-256 is ${sha256}, not ${expected.sha256}`,
    );
}

function allocate(pages: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (error) {
    throw new RuntimeError(
      'out-of-memory',
      `the engine gives no memory of ${pages * PAGE_BYTES} bytes: ${errorText(error)}`,
      { cause: error },
    );
  }
}

async function instantiate(
  bytes: Uint8Array,
  memory: WebAssembly.Memory,
): Promise<WebAssembly.Exports> {
  try {
    const module = await WebAssembly.compile(new Uint8Array(bytes));
    const instance = await WebAssembly.instantiate(module, { env: { memory } });
    return instance.exports;
  } catch (error) {
    throw new RuntimeError(
      'kernel-rejected',
      `the engine refuses the module (it needs WebAssembly with SIMD): ${errorText(error)}`,
      { cause: error },
    );
  }
}

class WasmExecutor implements Executor {
  readonly plan: Plan;
  readonly description = 'WebAssembly';
  readonly allocatedBytes: number;
  readonly #programs = new Map<PlanProgram, ResolvedProgram>();
  /** Address of the first byte of each slab. */
  readonly #slabs: readonly number[];
  #memory: WebAssembly.Memory | null;

  constructor(plan: Plan, memory: WebAssembly.Memory, exported: WebAssembly.Exports) {
    this.plan = plan;
    this.#memory = memory;
    this.allocatedBytes = memory.buffer.byteLength;
    const slabs: number[] = [];
    let end = 0;
    for (const { bytes } of plan.slabs) {
      slabs.push(end);
      end += bytes;
    }
    this.#slabs = slabs;
    const kernels = plan.kernels.map((kernel) => kernelFunction(exported, kernel.export));
    for (const program of Object.values(plan.programs))
      this.#programs.set(program, this.#resolve(program, kernels));
  }

  write(tensor: PlanTensor, data: TensorData): void {
    this.#view(tensor).set(data);
  }

  run(program: PlanProgram): void {
    this.#alive();
    const { kernels, addresses } = this.#programs.get(program)!;
    for (let step = 0; step < kernels.length; step++) kernels[step](...addresses[step]);
  }

  async read(tensors: readonly PlanTensor[]): Promise<TensorData[]> {
    return tensors.map((tensor) => this.#view(tensor).slice());
  }

  destroy(): void {
    this.#memory = null;
    this.#programs.clear();
  }

  #resolve(program: PlanProgram, kernels: readonly KernelFunction[]): ResolvedProgram {
    const addressesOf = ({ bindings, offsets }: PlanStep) =>
      bindings.map((tensor, k) => this.#address(this.plan.tensors[tensor]) + (offsets?.[k] ?? 0));
    return {
      kernels: program.steps.map(({ kernel }) => kernels[kernel]),
      addresses: program.steps.map(addressesOf),
    };
  }

  #address({ slab, offset }: PlanTensor): number {
    return this.#slabs[slab!] + offset;
  }

  #view(tensor: PlanTensor): TensorData {
    const { buffer } = this.#alive();
    const Elements = tensor.dtype === 'f32' ? Float32Array : Int32Array;
    return new Elements(buffer, this.#address(tensor), tensor.bytes / Elements.BYTES_PER_ELEMENT);
  }

  #alive(): WebAssembly.Memory {
    if (!this.#memory)
      throw new RuntimeError('destroyed', 'the executor was destroyed; load the plan again');
    return this.#memory;
  }
}

function kernelFunction(exported: WebAssembly.Exports, name: string | undefined): KernelFunction {
  const found = name === undefined ? undefined : exported[name];
  if (typeof found === 'function') return found as KernelFunction;
  throw new RuntimeError('invalid-module', `the module does not export the kernel '${name}'`);
}
