// Counts what any system asks of WebGPU and WebAssembly, by the objects that all of them go through.

/** Dispatches, submits and bytes of GPU buffers, from now on. */
export function meterGpu({ GPUDevice, GPUQueue, GPUBuffer, GPUComputePassEncoder }) {
  const counts = { dispatches: 0, submits: 0, liveBytes: 0, peakBytes: 0 };
  const sizes = new WeakMap();
  const devices = new Set();
  const wrap = (type, name, around) => {
    const original = type.prototype[name];
    type.prototype[name] = function (...given) {
      return around(original, this, given);
    };
  };
  wrap(GPUComputePassEncoder, 'dispatchWorkgroups', (original, pass, given) => {
    counts.dispatches++;
    return original.apply(pass, given);
  });
  wrap(GPUComputePassEncoder, 'dispatchWorkgroupsIndirect', (original, pass, given) => {
    counts.dispatches++;
    return original.apply(pass, given);
  });
  wrap(GPUQueue, 'submit', (original, queue, given) => {
    counts.submits++;
    return original.apply(queue, given);
  });
  wrap(GPUDevice, 'createBuffer', (original, device, given) => {
    devices.add(device);
    const buffer = original.apply(device, given);
    sizes.set(buffer, given[0].size);
    counts.liveBytes += given[0].size;
    counts.peakBytes = Math.max(counts.peakBytes, counts.liveBytes);
    return buffer;
  });
  wrap(GPUBuffer, 'destroy', (original, buffer, given) => {
    counts.liveBytes -= sizes.get(buffer) ?? 0;
    sizes.delete(buffer);
    return original.apply(buffer, given);
  });
  return {
    read: () => ({ ...counts }),
    /** Waits until all that was submitted has run. */
    wait: () => Promise.all([...devices].map((device) => device.queue.onSubmittedWorkDone())),
  };
}

/** Bytes of all memories that WebAssembly modules make or take from now on; memories only grow. */
export function meterWasm() {
  const memories = new Set();
  const keep = (values) => {
    for (const value of Object.values(values ?? {}))
      if (value instanceof Memory) memories.add(value);
  };
  const { Memory, Instance, instantiate } = WebAssembly;
  const seen = (instance, imports) => {
    for (const module of Object.values(imports ?? {})) keep(module);
    keep(instance.exports);
    return instance;
  };
  WebAssembly.Instance = new Proxy(Instance, {
    construct: (type, [module, imports]) => seen(new type(module, imports), imports),
  });
  WebAssembly.instantiate = async (source, imports) => {
    const made = await instantiate.call(WebAssembly, source, imports);
    seen(made.instance ?? made, imports);
    return made;
  };
  return () => [...memories].reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
}
