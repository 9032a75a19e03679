const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Why the process ends before its work is done. */
export type Ending = { readonly signal: NodeJS.Signals } | { readonly exitCode: number };

let pending: Ending | null = null;
let sections = 0;
let isListening = false;
const cleanups = new Set<(ending: Ending) => void>();

/**
 * Ends the process, after the section that must not be interrupted, if one is running. A signal ends it as if it had not been
 * caught, so that a shell sees 128 and its number.
 */
export function end(ending: Ending): void {
  pending ??= ending;
  if (sections > 0) return;
  for (const cleanup of cleanups) cleanup(pending);
  if ('exitCode' in pending) process.exit(pending.exitCode);
  for (const signal of SIGNALS) process.off(signal, onSignal);
  process.kill(process.pid, pending.signal);
}

/** Whether the process shall end as soon as it can. */
export function isEnding(): boolean {
  return pending !== null;
}

/** Runs `section` to its end whatever signal arrives meanwhile; the signal comes to pass afterwards. */
export async function uninterrupted<T>(section: () => Promise<T>): Promise<T> {
  listen();
  sections++;
  try {
    return await section();
  } finally {
    // A signal that has arrived is told in the next round of the event loop, not before.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    sections--;
    if (pending) end(pending);
  }
}

/** Runs `task`; a signal meanwhile first cleans up. Only for a task that leaves the event loop free. */
export async function withCleanup<T>(
  cleanup: (ending: Ending) => void,
  task: () => Promise<T>,
): Promise<T> {
  listen();
  cleanups.add(cleanup);
  try {
    return await task();
  } finally {
    cleanups.delete(cleanup);
  }
}

// Signals are caught from where that serves a purpose: a loop that never leaves the thread must end by what the system does. From
// then on they are caught for good. Node drops a signal that has arrived and is not told when the last listener goes, so no moment to
// stop listening is safe; and what catches signals leaves the loops to other threads.
function listen(): void {
  if (isListening) return;
  isListening = true;
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

function onSignal(signal: NodeJS.Signals): void {
  end({ signal });
}
