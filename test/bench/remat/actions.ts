import type { AppliedProgram } from '../../../compiler/plan-search/apply.ts';
import type { Action, ReplayedProgram } from './replay.ts';

/** The actions of an applied program, with each version freed right behind what touches it last. */
export function actionsOf(
  program: ReplayedProgram,
  { ops, versions, last }: AppliedProgram,
  onHost: (value: number) => boolean = () => false,
): Action[] {
  const lastTouch = new Int32Array(versions.length).fill(-1);
  const made = new Uint8Array(versions.length);
  ops.forEach((op, at) => {
    if (op.kind !== 'step') {
      lastTouch[op.version] = at;
      if (op.kind === 'in') made[op.version] = 1;
      return;
    }
    for (const version of op.reads) lastTouch[version] = at;
    for (const version of op.writes) lastTouch[version] = at;
  });
  const dying = ops.map((): number[] => []);
  const actions: Action[] = [];
  versions.forEach(({ value, by }, version) => {
    const { kind } = program.values[value];
    const starts =
      by === 'original' && !made[version] && (kind === 'input' || kind === 'persistent');
    if (starts) actions.push({ do: 'start', copy: version, value });
    const stays =
      kind === 'persistent' ? !onHost(value) : kind === 'output' && last[value] === version;
    if (stays) return;
    // What the caller gives is there at the first step, whether anything reads it or not.
    if (lastTouch[version] >= 0 || starts) dying[Math.max(0, lastTouch[version])]?.push(version);
  });
  program.values.forEach(({ kind }, value) => {
    if (kind === 'persistent' && onHost(value)) actions.push({ do: 'host', value });
  });
  ops.forEach((op, at) => {
    if (op.kind === 'step') {
      const { step, reads, writes, recomputed: again } = op;
      actions.push({ do: 'run', step, reads, writes, again });
    } else if (op.kind === 'out') {
      actions.push({ do: 'out', copy: op.version });
    } else {
      actions.push({ do: 'in', copy: op.version, value: versions[op.version].value });
    }
    for (const copy of dying[at]) actions.push({ do: 'free', copy });
  });
  return actions;
}
