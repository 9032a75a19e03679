export function isNode(): boolean {
  return typeof process !== 'undefined' && process.versions?.node !== undefined;
}

/** One of Node's own modules. Not a static import: browsers and their bundlers must not see it. */
export async function nodeModule<Module>(name: string): Promise<Module> {
  const specifier = `node:${name}`;
  // Node 20.16 and later, Deno and Bun give it without an import, which a bundler would have to leave alone.
  const own = process.getBuiltinModule?.(specifier);
  return (own ?? (await import(/* @vite-ignore */ /* webpackIgnore: true */ specifier))) as Module;
}
