/** `npm run soak` repeats random tests this many times as often. */
const FACTOR = Number(process.env.BTC_SOAK ?? 1);

/** Number of random cases, and the time they may take. */
export const soaked = (numRuns: number) => ({ numRuns: numRuns * FACTOR });
