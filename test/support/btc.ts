import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
} from 'node:worker_threads';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url));

/** What commands keep for one another: not in the user's own folder. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/btc', import.meta.url));

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Messages keep the address that they end with. */
  readonly addresses?: true;
}

function environment(own: CommandOptions['env']): Record<string, string> {
  const { FORCE_COLOR: _, ...inherited } = process.env as Record<string, string>;
  return { ...inherited, NO_COLOR: '1', BTC_CACHE: CACHE, ...own };
}

/** Runs the built command line as a user would, in a process of its own; `npm test` builds it first. */
export function btcProcess(args: readonly string[], options: CommandOptions = {}): CommandResult {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: options.cwd ?? ROOT,
    encoding: 'utf8',
    env: environment(options.env),
  });
  if (error) throw error;
  return withoutAddresses({ code: status, stdout, stderr }, options);
}

/** The address behind each message, which test/cli/explain.test.ts is about: tests of a message leave it out. */
const ADDRESS = / \(btc explain \d+\)$/gm;

function withoutAddresses(result: CommandResult, { addresses }: CommandOptions): CommandResult {
  if (addresses) return result;
  const { code, stdout, stderr } = result;
  return { code, stdout: stdout.replace(ADDRESS, ''), stderr: stderr.replace(ADDRESS, '') };
}

const LONGEST_MS = 100_000;

interface Relay {
  readonly worker: Worker;
  readonly answered: Int32Array;
  readonly answers: MessagePort;
}

let relay: Relay | null = null;

function startRelay(): Relay {
  const answered = new Int32Array(new SharedArrayBuffer(4));
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL('./warm-relay.mjs', import.meta.url), {
    workerData: { answered, answers: port2 },
    transferList: [port2],
  });
  worker.unref();
  return { worker, answered, answers: port1 };
}

/**
 * Runs the built command line in a process that all such commands of a test file share, which takes a tenth of the time: see
 * warm-server.mjs. For all but what is about the process itself: signals, streams, its memory, what a model does to its globals.
 * BTC_TEST_PROCESSES=1 gives every command its own all the same, and so does `npm run soak`.
 */
export function btc(args: readonly string[], options: CommandOptions = {}): CommandResult {
  if (process.env.BTC_TEST_PROCESSES ?? process.env.BTC_SOAK) return btcProcess(args, options);
  relay ??= startRelay();
  const { worker, answered, answers } = relay;
  Atomics.store(answered, 0, 0);
  worker.postMessage({ args, cwd: options.cwd ?? ROOT, env: environment(options.env) });
  if (Atomics.wait(answered, 0, 0, LONGEST_MS) === 'timed-out')
    throw new Error(`'btc ${args.join(' ')}' has not ended after ${LONGEST_MS / 1000} s`);
  const { message } = receiveMessageOnPort(answers) as { message: CommandResult };
  if (message.code === null) throw new Error(message.stderr);
  return withoutAddresses(message, options);
}
