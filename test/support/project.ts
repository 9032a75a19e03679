import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { btc, btcProcess, type CommandResult, ROOT } from './btc.ts';

/** A user's folder, as after `npm install btc-compiler`. */
export interface Project {
  readonly folder: string;
  write(name: string, text: string): void;
  /** A symbolic link at `name` to another file or folder of the project, or by an absolute path to any. */
  link(target: string, name: string): void;
  /** Names in a folder of the project; none if it does not exist. */
  list(name: string): string[];
  btc(...args: string[]): CommandResult;
  /** As `btc`, in a process of its own. */
  btcProcess(...args: string[]): CommandResult;
  remove(): void;
}

export function createProject(): Project {
  const folder = mkdtempSync(join(tmpdir(), 'btc-test-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules', 'btc-compiler'));
  return {
    folder,
    write(name, text) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    },
    link(target, name) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      symlinkSync(resolve(folder, target), join(folder, name));
    },
    list(name) {
      try {
        return readdirSync(join(folder, name)).sort();
      } catch {
        return [];
      }
    },
    btc: (...args) => btc(args, { cwd: folder, env: { TMPDIR: folder } }),
    btcProcess: (...args) => btcProcess(args, { cwd: folder, env: { TMPDIR: folder } }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A model with a program to train, one to predict, and an option. */
export const SMALL_MODEL = `import { crossEntropy, defineModel, linear, option, sgd, tensor } from 'btc-compiler';
const batch = option('batch', 4);
export default defineModel({
  name: 'small',
  inputs: { x: tensor([batch, 3]), y: tensor([batch], 'i32') },
  build: ({ x }) => ({ logits: linear(3, 2)(x) }),
  train: { loss: ({ logits }, { y }) => crossEntropy(logits, y), optimizer: sgd() },
});
`;
