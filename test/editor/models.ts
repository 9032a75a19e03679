import type { Place, Shown } from './client.ts';

// A small model, and places in its text.

export const HEAD = `import { adam, crossEntropy, defineModel, linear, relu, tensor } from 'btc-compiler';\n`;
export const model = (build: string, head = HEAD) => `${head}
const hidden = linear(8, 16, { name: 'hidden' });
const output = linear(16, 4, { name: 'output' });

export default defineModel({
  name: 'small',
  inputs: { x: tensor([32, 8]), label: tensor([32], 'i32') },
  build({ x }) {
    ${build}
  },
  train: { loss: ({ logits }, { label }) => crossEntropy(logits, label), optimizer: adam() },
});
`;
export const SOUND = model('const state = relu(hidden(x));\n    return { logits: output(state) };');

/** The first place of a piece of a text, `nth` times later. */
export function placeIn(text: string, piece: string, nth = 0): Place {
  let at = -1;
  for (let k = 0; k <= nth; k++) at = text.indexOf(piece, at + 1);
  if (at < 0) throw new Error(`there is no '${piece}'`);
  const lines = text.slice(0, at).split(/\r\n|\n/);
  return { line: lines.length - 1, character: lines[lines.length - 1].length };
}

export const textIn = (text: string, { start, end }: Shown['range']) => {
  const lines = text.split(/\r\n|\n/);
  return start.line === end.line
    ? lines[start.line].slice(start.character, end.character)
    : `${lines[start.line].slice(start.character)}…`;
};

export const codes = (shown: { readonly diagnostics: readonly Shown[] }) =>
  shown.diagnostics.map(({ code }) => code);
