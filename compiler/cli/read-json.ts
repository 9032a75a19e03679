import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { readRegularText } from './read-file.ts';

/** The value of a JSON file, or why there is none: BTC6003, BTC5002, or `notJson` with the file and the reason. */
export async function readJsonFile(
  file: string,
  notJson: 5020 | 5024 | 6030,
): Promise<{ readonly value: unknown } | { readonly diagnostic: Diagnostic }> {
  let text: string;
  try {
    text = await readRegularText(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ENOENT';
    return { diagnostic: diagnostic(missing ? 6003 : 5002, null, { file, reason: message }) };
  }
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { diagnostic: diagnostic(notJson, null, { file, reason: 'it is not JSON' }) };
  }
}

/** What looks like a path is one; other texts that are no file may be a name, mistyped. */
export const LOOKS_LIKE_A_PATH = /[\\/.]/;
