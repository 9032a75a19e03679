import type { Plan } from '../ir/plan.ts';
import { kernelBindings } from '../ir/plan-spans.ts';
import { errorText, RuntimeError } from './errors.ts';
import { kernelPlace } from './kernel-place.ts';
import { type SharedCode, shareCode } from './shared-code.ts';
import { SHADER_STAGE_COMPUTE } from './webgpu-constants.ts';

/** Told of each kernel of a program that has been compiled. */
export type OnCompiled = (compiled: number, kernels: number) => void;

/** A kernel of the plan, ready to be dispatched. */
export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  /** What its code reads as immediates; null where it reads none. */
  readonly numbers: Int32Array | null;
}

/** So many pipelines fewer are worth that kernels read their extents. */
const WORTH_SHARING = 16;

/** So many pipelines are on their way at once: enough for the driver's threads, and few enough to start with what is needed first. */
const MOST_AT_ONCE = 32;

/** Compiles the kernels of a plan when they are needed, and equal code once. */
export class Pipelines {
  readonly #plan: Plan;
  readonly #device: GPUDevice;
  readonly #shares: boolean;
  readonly #layouts = new Map<number, GPUBindGroupLayout>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  /** By kernel of the plan. */
  #codes: Promise<readonly SharedCode[]> | null = null;

  /** `shares`: whether kernels that differ in numbers alone may be compiled as one. */
  constructor(plan: Plan, device: GPUDevice, shares = true) {
    this.#plan = plan;
    this.#device = device;
    this.#shares = shares;
  }

  /** The layout of so many bindings. */
  layoutOf(count: number): GPUBindGroupLayout {
    let layout = this.#layouts.get(count);
    if (!layout) {
      const entries = Array.from({ length: count }, (_, binding) => ({
        binding,
        visibility: SHADER_STAGE_COMPUTE,
        buffer: { type: 'storage' as const },
      }));
      layout = this.#device.createBindGroupLayout({ entries });
      this.#layouts.set(count, layout);
    }
    return layout;
  }

  /** Compiles kernels, the first of them first, several at a time. Error: `kernel-rejected`. */
  async compile(
    kernels: readonly number[],
    onCompiled?: OnCompiled,
  ): Promise<Map<number, CompiledKernel>> {
    this.#codes ??= this.#shareCode();
    const codes = await this.#codes;
    const compiled = new Map<number, CompiledKernel>();
    const byCode = new Map<string, number[]>();
    for (const kernel of new Set(kernels)) {
      const key = `${kernelBindings(this.#plan.kernels[kernel]).length} ${codes[kernel].code}`;
      const same = byCode.get(key);
      if (same) same.push(kernel);
      else byCode.set(key, [kernel]);
    }
    const groups = [...byCode];
    let next = 0;
    let done = 0;
    const work = async () => {
      while (next < groups.length) {
        const [key, same] = groups[next++];
        const pipeline = await this.#pipeline(key, same[0], codes[same[0]]);
        for (const kernel of same)
          compiled.set(kernel, { pipeline, numbers: codes[kernel].numbers });
        onCompiled?.(++done, groups.length);
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.min(MOST_AT_ONCE, groups.length) }, work));
    } catch (error) {
      next = groups.length;
      throw error;
    }
    return compiled;
  }

  /** What is compiled for each kernel: code that several share, where the device has immediates and that saves enough. */
  async #shareCode(): Promise<SharedCode[]> {
    const texts = this.#plan.kernels.map(({ wgsl }) => wgsl!);
    const plain = texts.map((code) => ({ code, numbers: null }));
    const { maxImmediateSize = 0 } = this.#device.limits as { maxImmediateSize?: number };
    if (!this.#shares || maxImmediateSize === 0) return plain;
    const shared = shareCode(texts, maxImmediateSize);
    const distinct = (codes: readonly SharedCode[]) => new Set(codes.map(({ code }) => code)).size;
    if (distinct(plain) - distinct(shared) < WORTH_SHARING) return plain;
    return (await hasImmediates(this.#device)) ? shared : plain;
  }

  #pipeline(key: string, kernel: number, code: SharedCode): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = this.#create(kernel, code);
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  async #create(kernel: number, { code, numbers }: SharedCode): Promise<GPUComputePipeline> {
    const { name } = this.#plan.kernels[kernel];
    const bindings = kernelBindings(this.#plan.kernels[kernel]);
    const device = this.#device;
    // What is wrong with the module fails the pipeline too, which need not wait to hear of it.
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ label: name, code });
    const layout = device.createPipelineLayout({
      bindGroupLayouts: [this.layoutOf(bindings.length)],
      ...(numbers ? { immediateSize: numbers.byteLength } : {}),
    });
    const heard = device.popErrorScope().catch(() => null);
    try {
      const pipeline = await device.createComputePipelineAsync({
        label: name,
        layout,
        compute: { module, entryPoint: 'main' },
      });
      const error = await heard;
      if (!error) return pipeline;
      throw new Error(error.message);
    } catch (error) {
      await heard;
      const place = kernelPlace(this.#plan, kernel);
      const reason = (await problemOf(module, code)) ?? errorText(error).split('\n')[0];
      throw new RuntimeError(
        'kernel-rejected',
        `the device refuses kernel '${name}'${place && `, made for ${place}`}: ${reason}`,
        { cause: error },
      );
    }
  }
}

const USES_IMMEDIATES = `requires immediate_address_space;
var<immediate> number: u32;
@compute @workgroup_size(1) fn main() { _ = number; }`;

/** Whether kernels can read numbers that are set with a dispatch: not all that have the limit have all of the rest. */
async function hasImmediates(device: GPUDevice): Promise<boolean> {
  device.pushErrorScope('validation');
  let isThere = false;
  try {
    device.createShaderModule({ code: USES_IMMEDIATES });
    const pass = device.createCommandEncoder().beginComputePass();
    isThere = typeof (pass as Immediates).setImmediates === 'function';
    pass.end();
  } catch {
    isThere = false;
  }
  return (await device.popErrorScope()) === null && isThere;
}

/** A part of WebGPU that its types do not have yet. */
interface Immediates {
  setImmediates?(offset: number, numbers: Int32Array): void;
}

/** Sets what the kernel reads, in a pass in which `last` was set before. */
export function setNumbers(
  pass: GPUComputePassEncoder,
  numbers: Int32Array | null,
  last: Int32Array | null,
): Int32Array | null {
  if (!numbers || numbers === last) return last;
  (pass as Immediates).setImmediates!(0, numbers);
  return numbers;
}

/** The driver's first error in the code, with its line; null where it has none there. */
async function problemOf(module: GPUShaderModule, code: string): Promise<string | null> {
  try {
    const { messages } = await module.getCompilationInfo();
    const error = messages.find(({ type }) => type === 'error');
    if (!error) return null;
    const { lineNum, linePos, message } = error;
    const line = code.split('\n')[lineNum - 1]?.trim();
    const where =
      lineNum > 0 ? ` (line ${lineNum}, column ${linePos}${line ? `: ${line}` : ''})` : '';
    return `${message.split('\n')[0]}${where}`;
  } catch {
    // A device that is lost says so elsewhere.
    return null;
  }
}
