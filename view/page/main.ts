import { mountView } from './shell.ts';
import { unpackInput } from './unpack.ts';

// The script of the page that `btc view` writes.
const root = document.getElementById('btc-view')!;
document.body.style.margin = '0';
const packed = document.getElementById('btc-input')?.textContent ?? '';
unpackInput(packed).then(
  (input) => {
    root.replaceChildren();
    mountView(root, input);
    root.dataset['ready'] = 'yes';
  },
  (error: unknown) => {
    root.textContent = `This page is damaged, its plan cannot be read: ${error instanceof Error ? error.message : error}`;
  },
);
