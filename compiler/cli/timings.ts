import type { PassTiming } from '../driver/result.ts';
import { formatSeconds } from '../format.ts';
import { table } from './table.ts';

/** What each pass took in a build, and all of them together, as a table. */
export function formatTimings(timings: readonly PassTiming[]): string {
  const sum = (of: (timing: PassTiming) => number) =>
    timings.reduce((total, timing) => total + of(timing), 0);
  const row = (
    name: string,
    { runs, reused, seconds, verificationSeconds }: Omit<PassTiming, 'pass'>,
  ) => [
    name,
    String(runs),
    reused === 0 ? '' : String(reused),
    formatSeconds(seconds),
    formatSeconds(verificationSeconds),
  ];
  const total = {
    runs: sum(({ runs }) => runs),
    reused: sum(({ reused }) => reused),
    seconds: sum(({ seconds }) => seconds),
    verificationSeconds: sum((timing) => timing.verificationSeconds),
  };
  const rows = timings.map(({ pass, ...timing }) => row(pass, timing));
  return table(
    [['pass', 'runs', 'reused', 'time', 'verification'], ...rows, row('all', total)],
    [1, 2, 3, 4],
  );
}
