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
