// Text of files that others wrote ends up on terminals, where some characters are commands: they move the cursor, change
// colours, write into the clipboard, turn the direction of writing. The characters that do so, beside plain text:
//
//   C0 and C1 controls (ANSI escapes, line breaks) and DEL; marks, embeddings, overrides and isolates of the direction of
//   writing; the separators of lines and paragraphs; halves of characters.

/** As the inside of a class of a regular expression with the flag `u`. */
export const CONTROL_CLASS = String.raw`\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\p{Surrogate}`;
const CONTROLS = new RegExp(`[${CONTROL_CLASS}]`, 'gu');

/** `text` on one line, with every character that a terminal might obey as `\u001b`, as JSON writes it. */
export function printable(text: string): string {
  return text.replace(
    CONTROLS,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The same of a text of several lines: line breaks and tabs stay. */
export function printableLines(text: string): string {
  return text.replace(/[^\n\t]+/g, printable);
}

/** Whether a text is its own printable form, as every name in a plan is. */
export function isPrintable(text: string): boolean {
  return text.search(CONTROLS) < 0;
}
