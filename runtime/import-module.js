// JavaScript, because TypeScript rewrites what an `import` in its own files is given.

/** Imports what bundlers are to leave alone. */
export function importModule(specifier) {
  return import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);
}
