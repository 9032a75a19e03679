import { pathToFileURL } from 'node:url';
import { resolve } from 'import-meta-resolve';

/** Where Node finds a package, or anything else that is no path, from a file. */
export interface PackageAddress {
  readonly specifier: string;
  readonly from: string;
  /** Null where Node finds nothing. */
  readonly url: string | null;
}

export function packageAddress(specifier: string, from: string): PackageAddress {
  try {
    return { specifier, from, url: resolve(specifier, pathToFileURL(from).href) };
  } catch {
    return { specifier, from, url: null };
  }
}

/** Whether Node would find it where it was. */
export const isStillThere = ({ specifier, from, url }: PackageAddress): boolean =>
  packageAddress(specifier, from).url === url;
