import { getHeapStatistics } from 'node:v8';
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
} from 'node:worker_threads';
import type { Target } from '../../ir/plan.ts';
import type { WeightsLayout } from '../../node/weights.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { CompileProgress } from '../driver/progress.ts';
import type { CheckedModel } from '../load/checked.ts';
import { sweepTemporary } from '../load/leftovers.ts';
import type { CodeUse } from '../load/own-code.ts';
import type { DeviceLimits } from '../profile/device-limits.ts';
import { baseOf } from './base-name.ts';
import type { BuildCommandOptions, BuiltFile, Profiles } from './build.ts';
import { withCleanup } from './ending.ts';
import type { ExportFormat } from './export-formats.ts';
import { fromBtc } from './report.ts';

/** What the compilation for a target is at. */
export type OnProgress = (target: Target, progress: CompileProgress) => void;

export interface BuildJob {
  readonly file: string;
  readonly options: BuildCommandOptions;
  readonly profiles: Profiles;
  /** Of `--limits`; null for the target's own. */
  readonly limits: DeviceLimits | null;
  /** What checking its types gave, where another thread has done that. */
  readonly checked?: CheckedModel;
  /** For how many budgets it is planned instead of being built. */
  readonly sweepPoints?: number;
  /** As what one of its programs is written instead of being built. */
  readonly exporting?: Exporting;
}

/** What is asked of an export. */
export interface Exporting {
  /** Where it is written, for messages. */
  readonly folder: string;
  readonly format: ExportFormat;
  /** Null for the one that the format takes by default. */
  readonly program: string | null;
  /** Devices that the batch is split over; null where nothing is said of devices. */
  readonly mesh: number | null;
  /** A safetensors file, or one of another layout that the thread reads; null for initial values. */
  readonly weights: Uint8Array | ForeignFile | null;
  /** Of how many runs inputs and results are written beside it; 0 for none. */
  readonly check: number;
  /** Name of the file; null for the one that the model's name gives. */
  readonly output: string | null;
}

/** A file of weights that are not btc's own. */
export interface ForeignFile {
  readonly file: string;
  readonly layout: WeightsLayout | null;
  readonly rename: readonly (readonly [RegExp, string])[];
}

/** What the thread says, on a port of its own: a model that uses the thread's cannot interfere. */
export type BuilderMessage =
  /** The files that the model is made of, before it is evaluated. */
  | { readonly kind: 'watched'; readonly files: readonly string[] }
  | { readonly kind: 'progress'; readonly target: Target; readonly progress: CompileProgress }
  | { readonly kind: 'built'; readonly built: BuiltFile }
  /** The model ends the thread. */
  | { readonly kind: 'ended'; readonly problem: Diagnostic }
  /** btc itself failed. */
  | { readonly kind: 'defect'; readonly error: unknown };

/** What goes on beside a build. */
export interface BuildHooks {
  readonly onProgress: OnProgress;
  /** The files that the model is made of, before it is evaluated. */
  readonly onWatched?: (files: readonly string[]) => void;
  /** Ends the thread, and with it a model that loops: what is built then has no diagnostics and no outputs. */
  readonly overtaken?: AbortSignal;
}

/** A thread that builds one model. */
export interface Builder {
  /** @throws what btc itself failed with */
  build(job: BuildJob, hooks: BuildHooks): Promise<BuiltFile>;
}

const MEBIBYTE = 2 ** 20;

/**
 * Starts a thread that evaluates and compiles one model and ends with it. User code may loop, wait for ever, end its process or
 * leave timers behind: this thread stays free for signals, and for the terminal. `use`: what for, where its code shall be kept.
 */
export function startBuilder(use: CodeUse | null = null): Builder {
  const entry = import.meta.url.endsWith('.ts')
    ? '../cli/build-worker.ts'
    : '../cli/build-worker.js';
  const worker = new Worker(new URL(entry, import.meta.url), {
    workerData: use,
    // As much as this thread may have; by default a thread gets less.
    resourceLimits: {
      maxOldGenerationSizeMb: Math.floor(getHeapStatistics().heap_size_limit / MEBIBYTE),
    },
  });
  // Before there is a job nothing waits for it.
  worker.unref();
  return {
    build: (job, hooks) =>
      withCleanup(
        () => sweepTemporary(true),
        async () => {
          worker.ref();
          try {
            return await outcome(worker, job, hooks);
          } finally {
            await worker.terminate();
            sweepTemporary(true);
          }
        },
      ),
  };
}

function outcome(
  worker: Worker,
  job: BuildJob,
  { onProgress, onWatched, overtaken }: BuildHooks,
): Promise<BuiltFile> {
  const { port1, port2 } = new MessageChannel();
  let watched: readonly string[] = [];
  const failed = (...problems: readonly Diagnostic[]): BuiltFile => ({
    base: baseOf(job.file),
    diagnostics: problems.map(fromBtc),
    outputs: [],
    summary: [],
    sources: [],
    watched,
  });
  return new Promise<BuiltFile>((resolve, reject) => {
    const receive = (message: BuilderMessage) => {
      if (message.kind === 'progress') onProgress(message.target, message.progress);
      else if (message.kind === 'watched') {
        watched = message.files;
        onWatched?.(watched);
      } else if (message.kind === 'built') resolve(message.built);
      else if (message.kind === 'ended') resolve(failed(message.problem));
      else reject(message.error);
    };
    port1.on('message', receive);
    const stop = () => resolve(failed());
    if (overtaken?.aborted) return stop();
    overtaken?.addEventListener('abort', stop, { once: true });
    worker.on('error', (error: NodeJS.ErrnoException) => resolve(failed(endedBy(job.file, error))));
    worker.on('exit', (code) => {
      for (const message of remaining<BuilderMessage>(port1)) receive(message);
      resolve(failed(diagnostic(code === 0 ? 1031 : 1032, null, { file: job.file, code })));
    });
    worker.postMessage({ ...job, port: port2 }, [port2]);
  }).finally(() => port1.close());
}

/** What was said before the thread ended and is not delivered yet. */
export function remaining<Message>(port: MessagePort): Message[] {
  const messages: Message[] = [];
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port))
    messages.push(next.message as Message);
  return messages;
}

/** An error that ended the thread. */
export function endedBy(file: string, { code, message }: NodeJS.ErrnoException): Diagnostic {
  return code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? diagnostic(1033, null, { file })
    : diagnostic(1002, null, { reason: message });
}
