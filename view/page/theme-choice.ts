import type { ThemeName } from './theme.ts';

/** The theme of a view: the system's, until a person chooses. */
export interface ThemeChoice {
  name(): ThemeName;
  toggle(): void;
  onChange(listener: (name: ThemeName) => void): void;
  destroy(): void;
}

/** Keeps `data-theme` of an element at the theme that is wanted. */
export function followTheme(element: HTMLElement): ThemeChoice {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const ended = new AbortController();
  let chosen: ThemeName | null = null;
  let listener: (name: ThemeName) => void = () => {};
  const name = (): ThemeName => chosen ?? (system.matches ? 'dark' : 'light');
  const apply = () => {
    element.dataset['theme'] = name();
    listener(name());
  };
  system.addEventListener('change', apply, { signal: ended.signal });
  apply();
  return {
    name,
    toggle: () => {
      chosen = name() === 'dark' ? 'light' : 'dark';
      apply();
    },
    onChange: (call) => {
      listener = call;
    },
    destroy: () => ended.abort(),
  };
}
