import type { AppliedProgram, Op, Version } from '../apply.ts';
import type { SequenceModel } from './model.ts';
import { COPY_IN, RECOMPUTE_OP, Sequence } from './sequence.ts';

/** The applied program that a sequence stands for. */
export function appliedProgram(sequence: Sequence): AppliedProgram {
  const { model } = sequence;
  const { program, stepCount, hosted, recipes, sentBehind } = model;
  const ops: Op[] = [];
  const versions: Version[] = [];
  const resident = new Int32Array(program.values.length).fill(-1);
  const create = (value: number, by: Version['by']) => {
    resident[value] = versions.push({ value, by }) - 1;
    return resident[value];
  };
  program.values.forEach(({ kind }, value) => {
    if (kind === 'input' || (kind === 'persistent' && !hosted[value])) create(value, 'original');
  });
  // Behind a step: the values that go to the host.
  const sent = Array.from({ length: stepCount }, (): number[] | null => null);
  sentBehind.forEach((step, value) => {
    if (step < 0 || !(sequence.copiesIn[value] > 0)) return;
    const list = sent[step];
    if (list) list.push(value);
    else sent[step] = [value];
  });
  const emit = (step: number, made: readonly number[] | null) => {
    const { reads, writes } = program.steps[step];
    const readVersions = reads.map((value) => resident[value]);
    const writeVersions = writes.map((value) => {
      if (made === null) return resident[value] >= 0 ? resident[value] : create(value, 'original');
      // Of a step that runs again an output is what it was, and what nobody asked for is gone at once.
      if (made.includes(value) || model.isOutput[value]) return resident[value];
      return versions.push({ value, by: 'recompute' }) - 1;
    });
    const recomputed = made !== null;
    // A step that is updated in place reads what it has made itself.
    reads.forEach((value, i) => {
      if (readVersions[i] < 0) readVersions[i] = resident[value];
    });
    ops.push({ kind: 'step', step, recomputed, reads: readVersions, writes: writeVersions });
  };
  for (let stage = 0; stage < stepCount; stage++) {
    for (const op of sequence.extras[stage] ?? []) {
      const value = sequence.value[op];
      if (sequence.kind[op] === COPY_IN) {
        ops.push({ kind: 'in', version: create(value, 'swap') });
        continue;
      }
      const { steps, creates } = recipes[value]!;
      for (const made of creates) create(made, 'recompute');
      for (const step of steps) emit(step, creates);
    }
    emit(stage, null);
    for (const value of sent[stage] ?? []) ops.push({ kind: 'out', version: resident[value] });
  }
  return { ops, versions, last: resident };
}

/** A sequence with what an applied program repeats and copies. */
export function sequenceOf(model: SequenceModel, { ops, versions }: AppliedProgram): Sequence {
  const sequence = new Sequence(model);
  const isRead = new Uint8Array(versions.length);
  for (const op of ops) if (op.kind === 'step') for (const version of op.reads) isRead[version] = 1;
  const pending: { readonly kind: typeof RECOMPUTE_OP | typeof COPY_IN; readonly value: number }[] =
    [];
  const seen = new Set<number>();
  const arrived = new Set<number>();
  for (const op of ops) {
    if (op.kind === 'out') continue;
    if (op.kind === 'in') {
      const { value } = versions[op.version];
      // What lives on the host comes in for its first use in any case.
      if (model.hosted[value] && !arrived.has(value)) arrived.add(value);
      else pending.push({ kind: COPY_IN, value });
    } else if (op.recomputed) {
      // All steps that make a value are one op: its first writer stands for them.
      const fresh = op.writes.filter((version) => isRead[version] && !seen.has(version));
      const made = fresh.find((version) => model.firstWriter[versions[version].value] === op.step);
      for (const version of fresh) seen.add(version);
      if (made === undefined || versions[made].by !== 'recompute') continue;
      const { value } = versions[made];
      if (model.recipes[value]) pending.push({ kind: RECOMPUTE_OP, value });
    } else {
      for (const { kind, value } of pending.splice(0)) sequence.insert(kind, value, op.step);
    }
  }
  sequence.commit();
  return sequence;
}
