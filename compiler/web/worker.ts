import type { Diagnostic } from '../diagnostics.ts';
import { deduplicate } from '../diagnostics.ts';
import { evaluationDiagnostic } from '../reporting/report.ts';
import { compileFiles } from './evaluate.ts';
import { harden } from './harden.ts';
import type { CompiledSource, SourceJob, SourceMessage, SweptSource } from './messages.ts';

// The worker of `compileSource`: one job, then its end. Bundled as one file, so that it also runs from text.

interface WorkerScope {
  onmessage: ((event: MessageEvent<{ readonly job: SourceJob }>) => void) | null;
  addEventListener(type: string, listen: (event: ErrorEvent & PromiseRejectionEvent) => void): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = async ({ data, ports: [port] }) => {
  scope.onmessage = null;
  const stray: Diagnostic[] = [];
  const listen = (event: ErrorEvent & PromiseRejectionEvent) => {
    event.preventDefault();
    stray.push(evaluationDiagnostic(event.error ?? event.reason));
  };
  scope.addEventListener('error', listen);
  scope.addEventListener('unhandledrejection', listen);
  const { createObjectURL } = URL;
  harden(globalThis);
  const makeModule = (text: string) =>
    createObjectURL.call(URL, new Blob([text], { type: 'text/javascript' }));
  const send = (message: SourceMessage, moved: ArrayBuffer[] = []) =>
    port.postMessage(message, moved);
  try {
    const { built, findRange } = await compileFiles(data.job, makeModule, (target, progress) =>
      send({ kind: 'progress', target, progress }),
    );
    // What a model threw where nobody can catch it arrives before this.
    await new Promise((resolve) => setTimeout(resolve, 1));
    const whole = stray.length === 0 ? built : withStray(built.diagnostics, stray);
    const bytes = 'plans' in whole ? [whole.module, whole.parameters] : [];
    // The search for a range goes on with what was made.
    const moved = findRange ? [] : bytes.flatMap((one) => (one ? [one.buffer] : []));
    send({ kind: 'built', built: whole }, moved);
    const range = await findRange?.((range) => send({ kind: 'range', range }));
    if (data.job.range && !range) send({ kind: 'range', range: null });
  } catch (error) {
    send({ kind: 'defect', error: error instanceof Error ? String(error.stack) : String(error) });
  }
};

function withStray(
  known: readonly Diagnostic[],
  stray: readonly Diagnostic[],
): CompiledSource & SweptSource {
  const diagnostics = deduplicate([...known, ...stray]);
  return { plans: {}, module: null, parameters: null, sweep: null, diagnostics };
}
