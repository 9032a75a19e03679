import type { MemoryKind, StepKind } from '../data/kinds.ts';

/** Every colour of the page: the only place where there are any. */
export interface Theme {
  readonly background: string;
  readonly surface: string;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  /** What is selected, focused or under the pointer. */
  readonly accent: string;
  readonly budget: string;
  readonly device: string;
  readonly gap: string;
  readonly hatch: string;
  readonly measured: string;
  readonly moveOut: string;
  readonly moveIn: string;
  /** Time in which the device waits for copies. */
  readonly wait: string;
  readonly memory: Readonly<Record<MemoryKind, string>>;
  readonly steps: Readonly<Record<StepKind, string>>;
}

export type ThemeName = 'light' | 'dark';

export const THEMES: Readonly<Record<ThemeName, Theme>> = {
  light: {
    background: '#f5f6f8',
    surface: '#ffffff',
    text: '#1b2230',
    muted: '#5a6578',
    line: '#d5dae3',
    accent: '#0b5fd3',
    budget: '#c2203a',
    device: '#5a6578',
    gap: '#f3f4f7',
    hatch: '#dde1e9',
    measured: '#1b2230',
    moveOut: '#b3541e',
    moveIn: '#1f7a4d',
    wait: '#8b95a7',
    memory: {
      parameter: '#4670ae',
      state: '#3c9a9e',
      optimiser: '#8d7cc4',
      input: '#a88518',
      activation: '#3f9152',
      gradient: '#d1657f',
      output: '#c76a18',
      scratch: '#808a9b',
    },
    steps: { forward: '#4670ae', backward: '#d1657f', update: '#8d7cc4', recompute: '#c76a18' },
  },
  dark: {
    background: '#11151c',
    surface: '#191f29',
    text: '#e6eaf2',
    muted: '#9aa6ba',
    line: '#303948',
    accent: '#6db1ff',
    budget: '#ff6b7d',
    device: '#9aa6ba',
    gap: '#161b24',
    hatch: '#262e3b',
    measured: '#e6eaf2',
    moveOut: '#f0a26b',
    moveIn: '#62c994',
    wait: '#6b788f',
    memory: {
      parameter: '#5b8bd0',
      state: '#46aeb2',
      optimiser: '#9c8bd6',
      input: '#d4b13c',
      activation: '#5fb571',
      gradient: '#dd7690',
      output: '#e8924a',
      scratch: '#7d8798',
    },
    steps: { forward: '#5b8bd0', backward: '#dd7690', update: '#9c8bd6', recompute: '#e8924a' },
  },
};

/** The colour of text on a colour `#rrggbb`: what is darker or lighter than it, whichever stands out more. */
export function inkOn(colour: string): string {
  const part = (at: number) => (Number.parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2;
  const luminance = 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
  // Where contrasts with black and with white are equal.
  return luminance > 0.18 ? '#0d1117' : '#ffffff';
}

const PLAIN = ['background', 'surface', 'text', 'muted', 'line', 'accent', 'budget'] as const;

/** The colours as custom properties, `--bv-text` and so on. */
export function themeStyles(): string {
  return Object.entries(THEMES)
    .map(([name, theme]) => {
      const rows = PLAIN.map((key) => `--bv-${key}: ${theme[key]};`);
      return `.btc-view[data-theme="${name}"] { color-scheme: ${name}; ${rows.join(' ')} }`;
    })
    .join('\n');
}
