import type { Position, Range } from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import type { Extent } from './code-places.ts';

// Lines of the protocol end with \n, \r\n or \r; TypeScript has two more. Both count UTF-16 units, so offsets are what they share.

let last = TextDocument.create('', '', 0, '');

/** Many positions of one text are asked for. */
function linesOf(text: string): TextDocument {
  if (last.getText() !== text) last = TextDocument.create('', '', 0, text);
  return last;
}

export const rangeIn = (text: string, { start, end }: Extent): Range => ({
  start: linesOf(text).positionAt(start),
  end: linesOf(text).positionAt(end),
});

/** The offset of a position; one behind the end of a line is that end, as the protocol has it. */
export const offsetIn = (text: string, position: Position): number =>
  linesOf(text).offsetAt(position);
