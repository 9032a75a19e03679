import { CONTROL_CLASS } from './printable.ts';

/** Characters of a name, on common file systems. */
const MOST = 255;
/** Not in a bare name: what leads to other folders, drives, streams and addresses, on any system and in any encoding. */
const STRANGE = String.raw`/\\:%${CONTROL_CLASS}`;
/**
 * Names of files that lead nowhere else when they are joined to a folder or resolved against its address. Windows takes dots
 * and spaces at the end away, so that `.. ` is `..`.
 */
export const BARE_FILE_NAME = `^[^${STRANGE}]{0,${MOST - 1}}[^ .${STRANGE}]$`;
const BARE = new RegExp(BARE_FILE_NAME, 'u');

export function isBareFileName(name: string): boolean {
  return BARE.test(name);
}

/** The name with everything strange in it replaced; where it ends in an extension, a bare name. */
export function bareFileName(name: string): string {
  return name.replace(new RegExp(`[${STRANGE}]`, 'gu'), '_').slice(-MOST);
}
