// A browser's WebGPU in plain Node, as libraries for browsers look for it: `navigator.gpu` and the classes as globals.

export async function browserGpu() {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create([]);
  const value = { gpu, userAgent: 'Node' };
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true, writable: true });
  return gpu;
}

/** A device with all that its adapter offers, and what the adapter says of itself. */
export async function openGpu() {
  const gpu = globalThis.navigator?.gpu ?? (await browserGpu());
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('there is no WebGPU adapter');
  const { info, limits } = adapter;
  return {
    adapter: info.device || info.description || info.vendor || 'unnamed adapter',
    driver: info.description || '',
    async requestDevice() {
      const names = [
        'maxBufferSize',
        'maxStorageBufferBindingSize',
        'maxStorageBuffersPerShaderStage',
      ];
      const requiredLimits = Object.fromEntries(names.map((name) => [name, limits[name]]));
      return adapter.requestDevice({ requiredLimits });
    },
  };
}
