import { type MessagePort, parentPort } from 'node:worker_threads';
import { diagnostic } from '../diagnostics.ts';
import { setProgramRunner } from '../frontend/trace.ts';
import { spanOfError } from '../reporting/call-sites.ts';
import { buildFile, sweepFile } from './build.ts';
import type { BuilderMessage, BuildJob } from './builder.ts';
import { exportFile } from './export-file.ts';
import { printOnce } from './once.ts';

/** Builds the one model that this thread is told of. `keepCode` is called when that has gone well. */
export function buildInThread(keepCode: () => void): void {
  // Taken before the model can replace them.
  const writers = [process.stdout, process.stderr].map((stream) => stream.write.bind(stream));
  const exit = process.exit.bind(process);
  // Once there is a job, nothing but its own work keeps the thread alive: a model that waits for nothing ends it.
  parentPort!.once('message', async ({ port, ...job }: BuildJob & { port: MessagePort }) => {
    const send = (message: BuilderMessage, moved: ArrayBuffer[] = []) =>
      port.postMessage(message, moved);
    process.exit = (code) => {
      const span = spanOfError(new Error());
      send({ kind: 'ended', problem: diagnostic(1030, span, { code: String(code ?? '') }) });
      return exit(code);
    };
    setProgramRunner(printOnce([process.stdout, process.stderr]));
    try {
      const built = await workOf(job)(job, {
        onChecked: (files) => send({ kind: 'watched', files }),
        onProgress: (target, progress) => send({ kind: 'progress', target, progress }),
      });
      await Promise.all(
        writers.map((write) => new Promise<void>((done) => write('', () => done()))),
      );
      // A model with mistakes has not run all that a build runs.
      if (built.summary.length > 0) keepCode();
      // Weights are large: they change hands, and are not copied.
      const moved = built.outputs.flatMap(({ content }) =>
        typeof content === 'string' ? [] : [content.buffer],
      );
      send({ kind: 'built', built }, [...new Set(moved)] as ArrayBuffer[]);
    } catch (error) {
      send({ kind: 'defect', error: error instanceof Error ? error : String(error) });
    }
  });
}

const workOf = ({ exporting, sweepPoints }: BuildJob) =>
  exporting ? exportFile : sweepPoints === undefined ? buildFile : sweepFile;
