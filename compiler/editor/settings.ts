/** What an editor may set, under `btc`. */
export interface Settings {
  readonly inlayHints: { readonly shapes: boolean };
  /** Seconds that a model may run. */
  readonly timeLimit: number;
}

export const DEFAULT_SETTINGS: Settings = { inlayHints: { shapes: false }, timeLimit: 10 };

/** The longest delay that a timer takes. */
const MOST_SECONDS = 2 ** 31 / 1000 - 1;

/** Settings as an editor sends them, `{ btc: … }` or what is in it; what is missing or makes no sense stays as it was. */
export function settingsFrom(given: unknown, before: Settings = DEFAULT_SETTINGS): Settings {
  const own = fieldOf(given, 'btc') ?? given;
  const shapes = fieldOf(fieldOf(own, 'inlayHints'), 'shapes');
  const limit = fieldOf(own, 'timeLimit');
  return {
    inlayHints: { shapes: typeof shapes === 'boolean' ? shapes : before.inlayHints.shapes },
    timeLimit:
      typeof limit === 'number' && limit > 0 ? Math.min(limit, MOST_SECONDS) : before.timeLimit,
  };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
