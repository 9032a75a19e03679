import { followBuild } from './follow.ts';
import { mountView } from './shell.ts';
import { unpackInput } from './unpack.ts';

// The script of the page that `btc view` writes, and of the one that `btc build --view` serves.
const root = document.getElementById('btc-view')!;
document.body.style.margin = '0';
if (root.dataset['live'] === 'yes') followBuild(root);
else showPacked(document.getElementById('btc-input')?.textContent ?? '');

function showPacked(packed: string): void {
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
}
