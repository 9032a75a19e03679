import {
  type AppliedProgram,
  applyDecisions,
  isInfeasible,
} from '../../compiler/plan-search/apply.ts';
import { noDecisions, RECOMPUTE, SWAP } from '../../compiler/plan-search/decisions.ts';
import { ScheduleEmitter } from '../../compiler/plan-search/emit.ts';
import { type NamedValueProgram, valueProgram } from '../../compiler/plan-search/program.ts';
import type { Schedule } from '../../ir/schedule.ts';
import { randomBelow } from '../memory/random-schedule.ts';

export interface ActedProgram {
  readonly program: NamedValueProgram;
  readonly applied: AppliedProgram;
  readonly onHost: (value: number) => boolean;
}

/** A schedule in which some values are recomputed or swapped and some parameters live on the host, at random. */
export function actedSchedule(
  schedule: Schedule,
  seed: number,
): { readonly schedule: Schedule; readonly programs: readonly ActedProgram[] } {
  const below = randomBelow(seed);
  const home = schedule.tensors.map(({ program }) => program === null && below(3) === 0);
  const values = schedule.programs.map((_, index) => valueProgram(schedule, index, 256, () => 1));
  const programs = values.map((program): ActedProgram => {
    const onHost = (value: number) => home[program.tensors[value]];
    const decisions = noDecisions(program);
    program.values.forEach(({ kind, uses, writers }, value) => {
      if (kind !== 'temporary' && kind !== 'input') return;
      const settled = writers.at(-1) ?? -1;
      uses.forEach((use, i) => {
        if (i === 0 || use <= settled || below(3) > 0) return;
        const gap = decisions.gapOffsets[value] + i;
        decisions.method[gap] = kind === 'temporary' && below(2) === 0 ? RECOMPUTE : SWAP;
        decisions.release[gap] = below(2);
      });
    });
    const result = applyDecisions(program, decisions, onHost);
    const kept = isInfeasible(result)
      ? applyDecisions(program, noDecisions(program), onHost)
      : result;
    if (isInfeasible(kept)) throw new Error('keeping everything is infeasible');
    return { program, applied: kept, onHost };
  });
  const written = new Set(
    values.flatMap(({ values, tensors }) =>
      tensors.filter((_, value) => values[value].writers.length > 0),
    ),
  );
  const emitter = new ScheduleEmitter(
    schedule,
    (tensor) => home[tensor],
    (tensor) => written.has(tensor),
  );
  programs.forEach(({ program, applied }, index) => {
    emitter.add(index, program, applied);
  });
  return { schedule: emitter.finish(), programs };
}
