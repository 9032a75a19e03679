import { CLEAR_LINE } from './terminal.ts';

const BETWEEN_MS = 100;

/** A line on the terminal that says how far a decomposition is; nothing where nobody reads along. */
export function showProgress(wanted: boolean): {
  readonly onSweep: (sweep: { readonly parameters: number; readonly error: number }) => void;
  readonly clear: () => void;
} {
  const stream = process.stderr;
  if (!wanted || !stream.isTTY) return { onSweep: () => {}, clear: () => {} };
  let shown = 0;
  let sweeps = 0;
  const clear = () => {
    if (shown === 0) return;
    stream.write(CLEAR_LINE);
  };
  return {
    clear,
    onSweep: ({ parameters, error }) => {
      sweeps++;
      const now = performance.now();
      if (now - shown < BETWEEN_MS) return;
      clear();
      shown = now;
      stream.write(
        `  ${parameters.toLocaleString('en')} parameters, sweep ${sweeps}: relative error ${error.toPrecision(4)}`,
      );
    },
  };
}
