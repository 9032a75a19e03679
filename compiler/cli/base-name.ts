import { basename } from 'node:path';

/** Name that the outputs of a model file start with. */
export function baseOf(file: string): string {
  return basename(file).replace(/\.[cm]?[jt]sx?$/, '');
}
