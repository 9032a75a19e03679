import type { Plan } from '../ir/plan.ts';
import { errorText, RuntimeError } from './errors.ts';
import { kernelPlace } from './kernel-place.ts';
import { SHADER_STAGE_COMPUTE } from './webgpu-constants.ts';

/** Told of each kernel of a program that has been compiled. */
export type OnCompiled = (compiled: number, kernels: number) => void;

/** A kernel of the plan, ready to be dispatched. */
export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
}

/** So many pipelines are on their way at once: enough for the driver's threads, and few enough to start with what is needed first. */
const MOST_AT_ONCE = 32;

/** Compiles the kernels of a plan when they are needed, and equal code once. */
export class Pipelines {
  readonly #plan: Plan;
  readonly #device: GPUDevice;
  readonly #layouts = new Map<number, GPUBindGroupLayout>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(plan: Plan, device: GPUDevice) {
    this.#plan = plan;
    this.#device = device;
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
    const compiled = new Map<number, CompiledKernel>();
    const byCode = new Map<string, number[]>();
    for (const kernel of new Set(kernels)) {
      const key = this.#keyOf(kernel);
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
        const pipeline = await this.#pipeline(key, same[0]);
        for (const kernel of same) compiled.set(kernel, { pipeline });
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

  #keyOf(kernel: number): string {
    const { bindings, wgsl } = this.#plan.kernels[kernel];
    return `${bindings.length} ${wgsl}`;
  }

  #pipeline(key: string, kernel: number): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = this.#create(kernel);
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  async #create(kernel: number): Promise<GPUComputePipeline> {
    const { name, wgsl, bindings } = this.#plan.kernels[kernel];
    const device = this.#device;
    // What is wrong with the module fails the pipeline too, which need not wait to hear of it.
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ label: name, code: wgsl! });
    const heard = device.popErrorScope().catch(() => null);
    try {
      const pipeline = await device.createComputePipelineAsync({
        label: name,
        layout: device.createPipelineLayout({
          bindGroupLayouts: [this.layoutOf(bindings.length)],
        }),
        compute: { module, entryPoint: 'main' },
      });
      const error = await heard;
      if (!error) return pipeline;
      throw new Error(error.message);
    } catch (error) {
      await heard;
      const place = kernelPlace(this.#plan, kernel);
      const reason = (await problemOf(module, wgsl!)) ?? errorText(error).split('\n')[0];
      throw new RuntimeError(
        'kernel-rejected',
        `the device refuses kernel '${name}'${place && `, made for ${place}`}: ${reason}`,
        { cause: error },
      );
    }
  }
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
