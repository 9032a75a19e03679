import { spawnSync } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpack } from './unpack.mjs';

const probe = fileURLToPath(new URL('./probe-gpu.mjs', import.meta.url));

/**
 * Environment in which the `webgpu` package finds SwiftShader, a Vulkan driver that computes on the CPU. The dynamic
 * loader reads LD_LIBRARY_PATH when a process starts, so it must be handed to a new process.
 */
export async function softwareGpuEnvironment(environment = process.env) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(
      `there is no software WebGPU for ${process.platform} on ${process.arch}; the tests need a GPU there`,
    );
  const folder = await unpack('swiftshader.tar.br');
  // The archive's own ICD file claims Vulkan 1.0, which Dawn refuses.
  const driver = join(folder, 'btc-icd.json');
  const partial = `${driver}.${process.pid}`;
  const ICD = { library_path: join(folder, 'libvk_swiftshader.so'), api_version: '1.3.0' };
  await writeFile(partial, JSON.stringify({ file_format_version: '1.0.0', ICD }));
  await rename(partial, driver);
  const libraries = [folder, environment.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  return {
    ...environment,
    LD_LIBRARY_PATH: libraries,
    VK_ICD_FILENAMES: driver,
    VK_DRIVER_FILES: driver,
  };
}

/** Name of the adapter that a new process finds in `environment`, or null and the reason. */
export function probeGpu(environment) {
  const { status, stdout, stderr, signal } = spawnSync(process.execPath, [probe], {
    env: environment,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (status === 0) return { adapter: stdout.trim(), reason: null };
  return { adapter: null, reason: stderr.trim() || `the probe ended by ${signal ?? status}` };
}
