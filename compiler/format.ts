const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** Reads `512MiB`, `1.5 GB` or a bare number of bytes; null when it is neither or not a whole number of bytes. */
export function parseBytes(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(text);
  if (!match) return null;
  const unit = match[2] === '' ? 1 : Object.hasOwn(UNITS, match[2]) ? UNITS[match[2]] : null;
  if (unit === null) return null;
  const bytes = Math.floor(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** In the binary unit that keeps three or four digits: `886.23 MiB`. Below 1 KiB exact. */
export function formatBytes(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    if (bytes >= UNITS[unit]) return `${(bytes / UNITS[unit]).toFixed(2)} ${unit}`;
  }
  return `${bytes} B`;
}

/** With commas between thousands. `toLocaleString` does the same, and takes 40 ms to load what it knows of languages. */
export function formatInteger(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 step`, `1,200 steps`; of more than one, `nouns`. */
export function formatAmount(amount: number, noun: string, nouns = `${noun}s`): string {
  return `${formatInteger(amount)} ${amount === 1 ? noun : nouns}`;
}

/** In the unit that keeps three digits: `12.3 ms`. */
export function formatSeconds(seconds: number): string {
  if (seconds === 0) return '0 s';
  for (const [unit, size] of [
    ['s', 1],
    ['ms', 1e-3],
    ['us', 1e-6],
  ] as const) {
    if (seconds >= 0.9995 * size) return `${(seconds / size).toPrecision(3)} ${unit}`;
  }
  return `${(seconds / 1e-9).toPrecision(3)} ns`;
}

/** `73.04 M`, with a space before the unit. */
export function formatCount(count: number): string {
  for (const [unit, size] of [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (count >= size) return `${(count / size).toFixed(2)} ${unit}`;
  }
  return `${count} `;
}

/** `[32, 784]`. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** `f32 [32, 784]`. */
export function formatType(type: {
  readonly dtype: string;
  readonly shape: readonly number[];
}): string {
  return `${type.dtype} ${formatShape(type.shape)}`;
}
