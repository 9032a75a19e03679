// Prints the name of the WebGPU adapter and device that this environment offers; exits with 1 where there is none.
try {
  const { create } = await import('webgpu');
  const adapter = await create([]).requestAdapter();
  if (!adapter) throw new Error('the webgpu package found no adapter');
  const device = await adapter.requestDevice();
  const { vendor, device: name, description } = adapter.info;
  console.log(name || description || vendor || 'unnamed adapter');
  device.destroy();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
