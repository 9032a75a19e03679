import { importModule } from './import-module.js';

/** Node's `process`, which Deno and Bun have too. Not by its name: for that, bundlers for browsers bring one along. */
export function nodeProcess(): NodeJS.Process {
  return (globalThis as unknown as { process: NodeJS.Process }).process;
}

export function isNode(): boolean {
  return nodeProcess()?.versions?.node !== undefined;
}

/** One of Node's own modules. Not a static import: browsers and their bundlers must not see it. */
export async function nodeModule<Module>(name: string): Promise<Module> {
  const specifier = `node:${name}`;
  // Node 20.16 and later, Deno and Bun give it without an import.
  const own = nodeProcess().getBuiltinModule?.(specifier);
  return (own ?? (await importModule(specifier))) as Module;
}
