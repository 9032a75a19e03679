import { emitWasm } from '../../compiler/codegen/wasm/index.ts';
import type { Kernel } from '../../ir/kernel.ts';
import type { Data } from './scalar-kernels.ts';

/** As memory has it: halves are their bits. */
export type Stored = Data | Uint16Array<ArrayBuffer>;

const PAGE_BYTES = 65536;
/** Between buffers, filled with a pattern that must survive. */
const GAP_BYTES = 64;
const PATTERN = 0xa5;

/** A kernel and the contents of its buffers. */
export interface WasmRun<Held extends Stored = Data> {
  readonly kernel: Kernel;
  readonly buffers: readonly Held[];
}

/** Assembles all kernels into one module and runs each on its buffers. Throws when one writes elsewhere. */
export async function runAllOnWasm<Held extends Stored = Data>(
  runs: readonly WasmRun<Held>[],
): Promise<Held[][]> {
  const sizes = runs.map(({ buffers }) =>
    buffers.reduce((sum, data) => sum + data.byteLength + 2 * GAP_BYTES, GAP_BYTES),
  );
  const pages = Math.ceil(Math.max(...sizes) / PAGE_BYTES);
  const { module, exports, parts } = emitWasm(
    runs.map(({ kernel }) => kernel),
    pages,
  );
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const compiled = await WebAssembly.compile(new Uint8Array(module));
  const instance = await WebAssembly.instantiate(compiled, { env: { memory } });
  return runs.map(({ kernel, buffers }, i) => {
    const bytes = new Uint8Array(memory.buffer).fill(PATTERN);
    let end = GAP_BYTES;
    const addresses = buffers.map((data) => {
      const address = end;
      bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), address);
      end = Math.ceil((address + data.byteLength) / 16) * 16 + GAP_BYTES;
      return address;
    });
    (instance.exports[exports[i]] as (...numbers: number[]) => void)(...addresses, 0, parts[i]);
    const results = buffers.map(
      (data, k) =>
        new (data.constructor as new (bytes: ArrayBuffer) => Held)(
          memory.buffer.slice(addresses[k], addresses[k] + data.byteLength) as ArrayBuffer,
        ),
    );
    buffers.forEach((data, k) => {
      bytes.fill(PATTERN, addresses[k], addresses[k] + data.byteLength);
    });
    const strayed = bytes.findIndex((byte) => byte !== PATTERN);
    if (strayed >= 0)
      throw new Error(`kernel '${kernel.name}' wrote at ${strayed}; its buffers: ${addresses}`);
    return results;
  });
}

/** One kernel on its buffers. */
export async function runOnWasm<Held extends Stored = Data>(
  kernel: Kernel,
  buffers: readonly Held[],
): Promise<Held[]> {
  return (await runAllOnWasm([{ kernel, buffers }]))[0];
}
