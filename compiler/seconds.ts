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
