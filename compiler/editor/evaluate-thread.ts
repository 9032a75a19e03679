import { format } from 'node:util';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { printOnce } from '../cli/once.ts';
import { diagnostic } from '../diagnostics.ts';
import { setProgramRunner } from '../frontend/trace.ts';
import { setInterruption } from '../interruption.ts';
import { spanOfError } from '../reporting/call-sites.ts';
import { findingsOf } from './evaluate.ts';
import type { EvaluationMessage, EvaluationRequest } from './findings.ts';

interface Opening {
  /** A port of its own: a model that uses the thread's cannot interfere. */
  readonly port: MessagePort;
  /** The id of the last job that is still wanted, and that of the last one whose model has run. */
  readonly wanted: Int32Array;
}

/** Finds out about models what editors ask for, until the thread is ended. */
export function evaluateInThread(): void {
  // Taken before a model can replace it.
  const exit = process.exit.bind(process);
  parentPort!.once('message', ({ port, wanted }: Opening) => {
    let current = 0;
    const send = (message: EvaluationMessage) => port.postMessage(message);
    process.exit = (code) => {
      const problem = diagnostic(1030, spanOfError(new Error()), { code: String(code ?? '') });
      send({ kind: 'ended', id: current, problem });
      return exit(code);
    };
    port.on('message', async ({ id, job }: EvaluationRequest) => {
      current = id;
      // While a model runs nothing but its own work keeps the thread alive: one that waits for nothing ends it.
      port.unref();
      setProgramRunner(printOnce([process.stdout, process.stderr]));
      const isCancelled = () => Atomics.load(wanted, 0) !== id;
      // What nobody waits for any more ends at its next operation or node.
      setInterruption(isCancelled);
      try {
        const findings = await findingsOf(job, {
          isCancelled,
          onTraced: (diagnostics) => send({ kind: 'diagnosed', id, diagnostics, isWhole: false }),
          onDiagnosed: (diagnostics) => send({ kind: 'diagnosed', id, diagnostics, isWhole: true }),
          onOwnWork: () => Atomics.store(wanted, 1, id),
        });
        port.ref();
        send(findings ? { kind: 'found', id, findings } : { kind: 'cancelled', id });
      } catch (error) {
        port.ref();
        // So passes end that are interrupted.
        send(
          isCancelled() ? { kind: 'cancelled', id } : { kind: 'defect', id, text: format(error) },
        );
      }
    });
  });
}
