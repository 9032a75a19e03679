import { readFile } from 'node:fs/promises';
import { onnxSystem } from './onnx.mjs';

const file = (name) => new URL(`../node_modules/onnxruntime-web/dist/${name}`, import.meta.url);

/** Dawn's binding for Node takes no views of shared memory, and the memory of this module is shared. */
function copySharedWrites({ GPUQueue }) {
  const { writeBuffer } = GPUQueue.prototype;
  GPUQueue.prototype.writeBuffer = function (buffer, offset, data, start, size) {
    const shared = (data.buffer ?? data) instanceof SharedArrayBuffer;
    if (!shared) return writeBuffer.call(this, buffer, offset, data, start, size);
    const unit = data.BYTES_PER_ELEMENT ?? 1;
    const from = (data.byteOffset ?? 0) + unit * (start ?? 0);
    const length = size === undefined ? data.byteLength - unit * (start ?? 0) : unit * size;
    const copy = new Uint8Array(length);
    copy.set(new Uint8Array(data.buffer ?? data, from, length));
    return writeBuffer.call(this, buffer, offset, copy);
  };
}

export async function open({ gpu, threads }) {
  const ort = await import(file(gpu ? 'ort.webgpu.bundle.min.mjs' : 'ort.node.min.mjs').href);
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = threads;
  if (!gpu) return onnxSystem(ort, { executionProviders: ['wasm'] });
  copySharedWrites(globalThis);
  ort.env.wasm.wasmBinary = await readFile(file('ort-wasm-simd-threaded.asyncify.wasm'));
  const options = { executionProviders: ['webgpu'], preferredOutputLocation: 'gpu-buffer' };
  return onnxSystem(ort, options, async (values, dims) => {
    const device = await ort.env.webgpu.device;
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const usage = STORAGE | COPY_SRC | COPY_DST;
    const buffer = device.createBuffer({ size: values.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, values);
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims });
  });
}
