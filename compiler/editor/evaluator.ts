import { getHeapStatistics } from 'node:v8';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { endedBy, remaining } from '../cli/builder.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { sweepTemporary } from '../load/leftovers.ts';
import type { EvaluationJob, EvaluationMessage, Findings } from './findings.ts';

/** What came of a job. */
export type Evaluation =
  | { readonly kind: 'found'; readonly findings: Findings }
  | { readonly kind: 'cancelled' }
  /** The model never came to its end. */
  | { readonly kind: 'failed'; readonly problem: Diagnostic }
  | { readonly kind: 'defect'; readonly text: string };

export interface EvaluatorOptions {
  /** How long a model may run. */
  readonly limitSeconds: () => number;
  /** What models print. */
  readonly onPrinted: (text: string) => void;
}

/** Runs one model after the other, in a thread: models may loop, wait for ever or end their process. */
export interface Evaluator {
  /** One at a time. `loadedOnce`: what the thread must not have loaded in another form. */
  evaluate(
    job: EvaluationJob,
    loadedOnce: string,
    onDiagnosed: (diagnostics: readonly Diagnostic[], isWhole: boolean) => void,
  ): Promise<Evaluation>;
  /** Ends the job that is running, soon. */
  cancel(): void;
  end(): Promise<void>;
}

/** A cancelled job that has not seen it itself by then is ended with its thread: its model loops, or computes for itself. */
const PATIENCE_MS = 250;
/** The same where the model has run: what btc does ends, and another thread would begin cold. */
const OWN_PATIENCE_MS = 2000;
/** Modules of models stay in memory for as long as the thread lives: 50 KiB each of a large network. */
const MOST_JOBS = 1000;
const MEBIBYTE = 2 ** 20;

interface Running {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly wanted: Int32Array;
  jobs: number;
  loadedOnce: string | null;
}

export function startEvaluator({ limitSeconds, onPrinted }: EvaluatorOptions): Evaluator {
  let running = startThread(onPrinted);
  let lastId = 0;
  let onCancel: (() => void) | null = null;
  const replace = async () => {
    const { worker, port } = running;
    running = startThread(onPrinted);
    port.close();
    await worker.terminate();
    // Folders of models that were being loaded; the new thread has none yet.
    sweepTemporary(true);
  };
  return {
    async evaluate(job, loadedOnce, onDiagnosed) {
      const isOther = running.loadedOnce !== null && running.loadedOnce !== loadedOnce;
      if (isOther) await replace();
      running.jobs++;
      running.loadedOnce = loadedOnce;
      const id = ++lastId;
      const timers: NodeJS.Timeout[] = [];
      const { worker, port, wanted } = running;
      const outcome = await new Promise<Evaluation & { readonly isAlive: boolean }>((resolve) => {
        const failed = (problem: Diagnostic) =>
          resolve({ kind: 'failed', problem, isAlive: false });
        onCancel = () => {
          Atomics.store(wanted, 0, 0);
          const patience = Atomics.load(wanted, 1) === id ? OWN_PATIENCE_MS : PATIENCE_MS;
          timers.push(setTimeout(() => resolve({ kind: 'cancelled', isAlive: false }), patience));
        };
        const limit = limitSeconds();
        timers.push(
          setTimeout(
            () => failed(diagnostic(1034, null, { file: job.file, seconds: limit })),
            1000 * limit,
          ),
        );
        const receive = (message: EvaluationMessage) => {
          if (message.id !== id) return;
          if (message.kind === 'diagnosed') onDiagnosed(message.diagnostics, message.isWhole);
          else if (message.kind === 'ended') failed(message.problem);
          else resolve({ ...message, isAlive: true });
        };
        forget(running);
        port.on('message', receive);
        worker.on('error', (error: NodeJS.ErrnoException) => failed(endedBy(job.file, error)));
        worker.on('exit', (code) => {
          for (const message of remaining<EvaluationMessage>(port)) receive(message);
          failed(diagnostic(code === 0 ? 1031 : 1032, null, { file: job.file, code }));
        });
        Atomics.store(wanted, 0, id);
        port.postMessage({ id, job });
      });
      for (const timer of timers) clearTimeout(timer);
      onCancel = null;
      forget(running);
      // Not when the next text has come: a thread takes a while to start.
      if (outcome.isAlive && running.jobs < MOST_JOBS) idle(running);
      else await replace();
      return outcome;
    },
    cancel: () => onCancel?.(),
    async end() {
      forget(running);
      running.port.close();
      await running.worker.terminate();
      sweepTemporary(true);
    },
  };

  /** A thread may yet die of what a model left behind. */
  function idle({ worker }: Running): void {
    worker.on('exit', () => {
      if (running.worker === worker) running = startThread(onPrinted);
    });
  }
}

/** Hears no more of a thread. */
function forget({ worker, port }: Running): void {
  port.removeAllListeners('message');
  worker.removeAllListeners('error');
  worker.removeAllListeners('exit');
  // An error that nobody hears would end the server.
  worker.on('error', () => {});
}

function startThread(onPrinted: (text: string) => void): Running {
  const entry = import.meta.url.endsWith('.ts')
    ? '../editor/evaluate-worker.ts'
    : '../editor/evaluate-worker.js';
  const worker = new Worker(new URL(entry, import.meta.url), {
    // What models print must not come between messages of the protocol.
    ...{ stdout: true, stderr: true },
    resourceLimits: {
      maxOldGenerationSizeMb: Math.floor(getHeapStatistics().heap_size_limit / MEBIBYTE),
      // A trace makes much that is of no use behind it.
      maxYoungGenerationSizeMb: 128,
    },
  });
  for (const stream of [worker.stdout, worker.stderr])
    stream.setEncoding('utf8').on('data', onPrinted);
  const { port1: port, port2 } = new MessageChannel();
  const wanted = new Int32Array(new SharedArrayBuffer(8));
  worker.postMessage({ port: port2, wanted }, [port2]);
  return { worker, port, wanted, jobs: 0, loadedOnce: null };
}
