import type { LiveState } from '../data/live-state.ts';
import { pageTitle, type ViewInput } from '../data/viewed.ts';
import { h } from './dom.ts';
import { mountView, type View } from './shell.ts';

const GONE = 'The build has ended, or cannot be reached: what is shown is its last plan.';

/**
 * Shows what `btc build --watch --view` builds, and each build that follows. While a build fails, the last picture stays, with what is
 * wrong above it. Asks the page's own server for `events` and `input`, beside the page.
 */
export function followBuild(root: HTMLElement): void {
  let view: View | null = null;
  let shown = 0;
  let said: string | null = null;
  const say = (text: string | null) => {
    said = text;
    root.dataset['says'] = text ?? '';
    if (view) view.say(text);
    else
      root.replaceChildren(h('pre', { class: 'bv-waiting', role: 'status' }, text ?? 'building…'));
  };
  const show = async (version: number) => {
    const input: ViewInput = await (await fetch('input')).json();
    if (version <= shown) return;
    shown = version;
    document.title = pageTitle(input);
    if (view) view.update(input);
    else {
      root.replaceChildren();
      view = mountView(root, input);
    }
    view.say(said);
    root.dataset['version'] = String(version);
  };
  const events = new EventSource('events');
  events.onmessage = ({ data }) => {
    const { version, says } = JSON.parse(data) as LiveState;
    say(says);
    if (version > shown) show(version).catch(() => say(GONE));
  };
  events.onerror = () => say(GONE);
}
