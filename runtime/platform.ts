export function isNode(): boolean {
  return typeof process !== 'undefined' && process.versions?.node !== undefined;
}

/** One of Node's own modules. Not a static import: browsers and their bundlers must not see it. */
export function nodeModule<Module>(name: string): Promise<Module> {
  const specifier = `node:${name}`;
  return import(/* @vite-ignore */ specifier) as Promise<Module>;
}
