import { existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and those above it that are missing, one by one: Node's own way never ends where a file system says that there is no
 * such folder, as `/proc` does.
 *
 * @param mode rights of the new folders
 * @throws the error of the file system, or one that names the folder which takes no others
 */
export function makeFolder(folder: string, mode = 0o777): void {
  const missing: string[] = [];
  for (let one = resolve(folder); !existsSync(one); one = dirname(one)) {
    missing.push(one);
    if (one === dirname(one)) break;
  }
  for (const one of missing.reverse())
    try {
      mkdirSync(one, { mode });
    } catch (error) {
      // Another process has made it just now.
      if (existsSync(one)) continue;
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' && existsSync(dirname(one))
        ? new Error(`no folder can be made in '${dirname(one)}'`)
        : error;
    }
}
