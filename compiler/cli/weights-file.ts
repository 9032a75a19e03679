import { openSafetensors, RuntimeError } from '../../node/weights.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { readProblem } from './file-kinds.ts';

/** The head of a file of weights, which is closed again; BTC6003, BTC5002, BTC6006, BTC6091 or BTC5010 where it has none. */
export async function weightsHead(file: string) {
  const problem = await readProblem(file, 'weights');
  if (problem) return problem;
  try {
    const reader = await openSafetensors(file);
    await reader.close();
    return reader;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    // The diagnostic names the file.
    const reason = error.message.replace(/^'.*?' is refused: /, '');
    return diagnostic(5010, null, { file, reason }) satisfies Diagnostic;
  }
}
