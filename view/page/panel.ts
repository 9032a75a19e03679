import type { Changes, Store, ViewState } from './store.ts';

/**
 * A part of the page. To add one: a file in panels/ that exports a `Panel`, and a row in panels/index.ts. What it computes of
 * the plan belongs in view/data, where it is tested without a page.
 */
export interface Panel {
  /** Unique; the panel's element is `#bv-ID`, within the view. */
  readonly id: string;
  /** Its heading. */
  readonly title: string;
  /** One or two sentences for a newcomer: what is to be seen. */
  readonly legend: string;
  /**
   * `axis`: above each other along the steps; `side`: beside these; `below`: under both, the whole width, where what is selected is
   * shown once the selection rests.
   */
  readonly place: 'axis' | 'side' | 'below';
  /** The fields of the store that it shows: it is told of these alone. */
  readonly shows: readonly (keyof ViewState)[];
  /** Whether there is anything to show of what the store holds; absent: always. A panel is mounted when it first has. */
  readonly isShown?: (store: Store) => boolean;
  /** Fills an element that is in the page. */
  readonly mount: (element: HTMLElement, store: Store) => MountedPanel;
}

/** A panel in the page. */
export interface MountedPanel {
  /** Called once a frame at most, with what changed in the store since it was called last. */
  update(changes: Changes): void;
  /** Ends what it has begun outside of its element. */
  destroy?(): void;
}

/** Whether one of the fields changed. */
export function has(
  changes: Changes,
  ...fields: readonly Parameters<Changes['has']>[0][]
): boolean {
  return fields.some((field) => changes.has(field));
}
