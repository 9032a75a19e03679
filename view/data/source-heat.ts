import { countsAt } from '../../compiler/liveness/peak.ts';
import type { Plan, PlanFrame } from '../../ir/plan.ts';
import type { PlanModel, ProgramModel } from './model.ts';
import { partShares } from './step-shares.ts';

/** What an expression of the model costs: its own, and all that it calls. */
export interface LineHeat {
  /** From 1. */
  readonly line: number;
  /** In use at the peak of the program, what stays between runs included. */
  readonly bytes: number;
  /** By measured times where there are any, else predicted ones; 0 where there are none. */
  readonly seconds: number;
  /** Tensors that are there at the peak, largest first. */
  readonly tensors: readonly number[];
  /** Steps, those that take longest first. */
  readonly steps: readonly number[];
}

/** A file of the model. */
export interface FileHeat {
  readonly file: string;
  /** Its lines; null where the page has no text of it. */
  readonly text: readonly string[] | null;
  /** By line, those that something is known of. */
  readonly lines: ReadonlyMap<number, LineHeat>;
  readonly bytes: number;
  readonly seconds: number;
}

type Lines = Map<number, { bytes: number; seconds: number; tensors: number[]; steps: number[] }>;

/** What each line of the model costs in a program; the files that hold most at the peak first. */
export function sourceHeat({ plan, sources }: PlanModel, program: ProgramModel): FileHeat[] {
  const files = new Map<string, Lines>();
  const totals = new Map<string, { bytes: number; seconds: number }>();
  const seconds = program.times.measured ?? program.times.predicted;
  const add = (
    source: number | null | undefined,
    what: { tensor?: number; step?: number },
    bytes: number,
    time: number,
  ) => {
    const seen = new Set<string>();
    for (const { file, line } of linesOf(plan, source)) {
      const lines = files.get(file) ?? new Map();
      files.set(file, lines);
      const heat = lines.get(line) ?? { bytes: 0, seconds: 0, tensors: [], steps: [] };
      lines.set(line, heat);
      heat.bytes += bytes;
      heat.seconds += time;
      if (what.tensor !== undefined) heat.tensors.push(what.tensor);
      if (what.step !== undefined && heat.steps.at(-1) !== what.step) heat.steps.push(what.step);
      if (seen.has(file)) continue;
      seen.add(file);
      const total = totals.get(file) ?? { bytes: 0, seconds: 0 };
      totals.set(file, { bytes: total.bytes + bytes, seconds: total.seconds + time });
    }
  };
  const { peak } = program.live;
  plan.tensors.forEach((tensor, index) => {
    const isThere =
      tensor.policy === 'persistent' ||
      (tensor.program === program.name && countsAt(tensor, peak.step));
    if (isThere) add(tensor.source, { tensor: index }, tensor.bytes, 0);
  });
  program.steps.forEach((step, index) => {
    for (const { source, share } of partShares(step))
      add(source, { step: index }, 0, (seconds?.[index] ?? 0) * share);
  });
  return [...files]
    .map(([file, lines]) => ({
      file,
      text: Object.hasOwn(sources, file) ? sources[file].split(/\r?\n/) : null,
      lines: finished(plan, lines, seconds),
      ...totals.get(file)!,
    }))
    .sort((a, b) => b.bytes - a.bytes || b.seconds - a.seconds || (a.file < b.file ? -1 : 1));
}

function finished(plan: Plan, lines: Lines, seconds: ArrayLike<number> | null): FileHeat['lines'] {
  const entries = [...lines].sort(([a], [b]) => a - b);
  return new Map(
    entries.map(([line, { bytes, seconds: time, tensors, steps }]) => [
      line,
      {
        ...{ line, bytes, seconds: time },
        tensors: tensors.sort((a, b) => plan.tensors[b].bytes - plan.tensors[a].bytes || a - b),
        steps: seconds ? steps.sort((a, b) => seconds[b] - seconds[a] || a - b) : steps,
      },
    ]),
  );
}

/** The lines of a source and of the calls that led there, innermost first, each once. */
export function linesOf(
  { sources = [], frames = [] }: Plan,
  source: number | null | undefined,
): { readonly file: string; readonly line: number }[] {
  const found = new Map<string, { readonly file: string; readonly line: number }>();
  for (
    let at: number | null | undefined = sources[source ?? -1]?.frame;
    at !== null && at !== undefined;
  ) {
    const { file, line, from }: PlanFrame = frames[at];
    found.set(`${line} ${file}`, { file, line });
    at = from;
  }
  return [...found.values()];
}
