import { isPrintable } from '../../ir/printable.ts';

const FORBIDDEN: Readonly<Record<string, string>> = {
  ['__proto__']: 'objects in JavaScript have a meaning for it',
  ['__metadata__']: 'safetensors files have a meaning for it',
};

/** Why nothing can have this name, or undefined. */
export function forbiddenName(name: string): string | undefined {
  if (!isPrintable(name)) return 'it has control characters';
  return Object.hasOwn(FORBIDDEN, name) ? FORBIDDEN[name] : undefined;
}
