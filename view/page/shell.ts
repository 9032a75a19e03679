import { planModel } from '../data/model.ts';
import { wholeRange } from '../data/range.ts';
import { readViewed, type ViewInput } from '../data/viewed.ts';
import { fill, h } from './dom.ts';
import { nextFrame } from './frames.ts';
import { mountHeader } from './header.ts';
import { attachKeyboard } from './keyboard.ts';
import { has, type MountedPanel, type Panel } from './panel.ts';
import { PANELS } from './panels/index.ts';
import { patienceFor } from './patience.ts';
import { type Changes, createStore, NO_HOVER, type Store, type ViewState } from './store.ts';
import { styles } from './styles.ts';
import { followTheme } from './theme-choice.ts';
import { mountToolbar } from './toolbar.ts';
import { warmUp } from './warm-up.ts';

/** A view in a page. */
export interface View {
  /** Shows another input: the program, selection and zoom stay where they still mean something. */
  update(input: ViewInput): void;
  /** Says something of a build that goes on beside what is shown; null takes it away. */
  say(live: string | null): void;
  /** Takes the view out of the page. */
  destroy(): void;
}

/** What a document keeps for all of its views. */
const sheets = new WeakMap<Document, CSSStyleSheet>();

function adoptStyles(page: Document): void {
  if (sheets.has(page)) return;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles());
  sheets.set(page, sheet);
  page.adoptedStyleSheets = [...page.adoptedStyleSheets, sheet];
}

/**
 * Shows plans in an element. What is no valid plan is refused in words, in the page; nothing is thrown, and no name of a
 * plan becomes markup.
 */
export function mountView(root: HTMLElement, input: ViewInput): View {
  adoptStyles(root.ownerDocument);
  const element = h('div', { class: 'btc-view', 'data-theme': 'light' });
  root.append(element);
  const theme = followTheme(element);
  let shown: Shown | null = null;
  const update = (given: ViewInput) => {
    const read = readViewed(given);
    if ('problem' in read) {
      shown?.destroy();
      shown = null;
      fill(element, h('p', { class: 'bv-problem', role: 'alert' }, read.problem));
      return;
    }
    const state = stateOf(
      read.plans.map(planModel),
      given.live ?? null,
      theme.name(),
      shown?.store.state(),
    );
    if (shown) shown.store.set(state);
    else shown = show(element, state, theme.toggle);
  };
  theme.onChange((name) => shown?.store.set({ theme: name }));
  update(input);
  return {
    update,
    say: (live) => shown?.store.set({ live }),
    destroy: () => {
      shown?.destroy();
      theme.destroy();
      element.remove();
    },
  };
}

/** The first state of a view, which begins where the plan's peak is, or the one that follows another. */
function stateOf(
  models: ViewState['models'],
  live: string | null,
  theme: ViewState['theme'],
  before: ViewState | undefined,
): ViewState {
  const model = models.find(({ label }) => label === before?.model.label) ?? models[0];
  const isThere = before !== undefined && model.programs.includes(before.program.name);
  const program = model.program(isThere ? before.program.name : model.peakProgram);
  const isSame = isThere && before.program.steps.length === program.steps.length;
  const name = before?.tensor == null ? undefined : before.model.plan.tensors[before.tensor].name;
  const tensor =
    name === undefined ? -1 : model.plan.tensors.findIndex((each) => each.name === name);
  return {
    ...{ models, model, live, program, theme, hover: NO_HOVER },
    step: isSame ? before.step : null,
    tensor: tensor < 0 ? null : tensor,
    range: isSame ? before.range : wholeRange(program.steps.length),
  };
}

interface Shown {
  readonly store: Store;
  destroy(): void;
}

/** What is selected; of two, that which was selected last stands first. */
const SELECTIONS = ['tensor', 'step'] as const;

/** Fills the element of a view with its panels. */
function show(element: HTMLElement, state: ViewState, toggleTheme: () => void): Shown {
  const store = createStore(state, nextFrame);
  const places = {
    axis: h('div', { class: 'bv-axis' }),
    side: h('aside', { class: 'bv-side', 'aria-label': 'What is selected' }),
    below: h('div', { class: 'bv-below' }),
  };
  const head = h('header', { class: 'bv-head' });
  const toolbar = h('div', { class: 'bv-toolbar', role: 'toolbar', 'aria-label': 'View' });
  const body = h('main', { class: 'bv-body' }, places.axis, places.side);
  fill(element, head, toolbar, body, places.below);
  const panels: MountedPanel[] = [
    mountHeader(head, store),
    mountToolbar(toolbar, store, toggleTheme),
    ...PANELS.map((panel) => framePanel(panel, places[panel.place], store)),
    warmUp(store),
  ];
  const tell = (changes: Changes) => {
    const latest = SELECTIONS.find((field) => changes.has(field) && store.state()[field] !== null);
    if (latest) places.side.dataset['first'] = latest;
    for (const panel of panels) panel.update(changes);
  };
  const unsubscribe = store.subscribe(tell);
  const detach = attachKeyboard(element, store);
  tell(new Set(Object.keys(state) as (keyof ViewState)[]));
  return {
    store,
    destroy: () => {
      unsubscribe();
      detach();
      for (const panel of panels) panel.destroy?.();
    },
  };
}

/** A panel with its heading and its sentence; mounted when it first has something to show. */
function framePanel(panel: Panel, place: HTMLElement, store: Store): MountedPanel {
  const content = h('div', { class: 'bv-content' });
  const frame = h(
    'section',
    {
      ...{ class: 'bv-panel', id: `bv-${panel.id}`, 'aria-labelledby': `bv-${panel.id}-title` },
      hidden: true,
    },
    h('h2', { id: `bv-${panel.id}-title` }, panel.title),
    panel.legend === '' ? null : h('p', { class: 'bv-legend' }, panel.legend),
    content,
  );
  place.append(frame);
  let mounted: MountedPanel | null = null;
  const pending = new Set<keyof ViewState>();
  const tell = () => {
    const changes = new Set(pending);
    pending.clear();
    frame.removeAttribute('aria-busy');
    mounted ??= panel.mount(content, store);
    mounted.update(changes);
  };
  const patience = patienceFor(frame, tell);
  return {
    update: (changes) => {
      const own = panel.shows.filter((field) => changes.has(field));
      for (const field of own) pending.add(field);
      const wasHidden = frame.hidden;
      frame.hidden = panel.isShown !== undefined && !panel.isShown(store);
      if (!frame.hidden && !wasHidden && own.length === 0) return;
      patience.cancel();
      if (frame.hidden) return;
      const canWait = panel.place === 'below' && (mounted === null || !has(pending, ...OTHER_PLAN));
      if (!canWait) return tell();
      frame.setAttribute('aria-busy', 'true');
      patience.wait();
    },
    destroy: () => {
      patience.destroy();
      mounted?.destroy?.();
    },
  };
}

/** Changes behind which what a panel shows is wrong, and leads nowhere. */
const OTHER_PLAN = ['models', 'program', 'theme'] as const;
