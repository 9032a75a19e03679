import { takeHandovers } from '../liveness/handovers.ts';
import { applyDecisions, isInfeasible, type Op } from './apply.ts';
import { type Decisions, KEEP, SWAP } from './decisions.ts';
import type { ValueProgram } from './program.ts';

/**
 * The tensor cache of SuperNeurons (PPoPP 2018, section 3.3.2): a walk over the steps with room for `roomBytes`. Where a step's
 * operands do not fit, the least recently used value is evicted to the host; it is swapped in for its next use.
 * Where even that is not enough, the room is exceeded.
 */
export function swapLeastRecentlyUsed(
  program: ValueProgram,
  decisions: Decisions,
  roomBytes: number,
): void {
  const applied = applyDecisions(program, decisions, () => false);
  if (isInfeasible(applied)) return;
  const { versions } = applied;
  const steps = applied.ops.filter((op) => op.kind === 'step');
  const lastTouch = new Int32Array(versions.length).fill(-1);
  steps.forEach((op, time) => {
    for (const version of [...op.reads, ...op.writes]) lastTouch[version] = time;
  });
  const bytesOf = (version: number) => {
    const { kind, bytes } = program.values[versions[version].value];
    return kind === 'persistent' ? 0 : bytes;
  };
  const kindOf = (version: number) => program.values[versions[version].value].kind;
  /** By value: the use that its next step of the program is. */
  const nextUse = new Int32Array(program.values.length);
  /** The gap in which a version is, if it may be swapped there; else -1. */
  const swappableGap = (version: number): number => {
    const { value } = versions[version];
    const { kind, uses, writers } = program.values[value];
    const use = nextUse[value];
    if (kind !== 'temporary' && kind !== 'input') return -1;
    if (use === 0 || use >= uses.length || writers[writers.length - 1] >= uses[use]) return -1;
    const gap = decisions.gapOffsets[value] + use;
    return decisions.method[gap] === KEEP ? gap : -1;
  };
  /** On the device, those touched longest ago first. */
  const resident = new Set<number>();
  let live = 0;
  const enter = (version: number) => {
    if (!resident.delete(version)) live += bytesOf(version);
    resident.add(version);
  };
  const leave = (version: number) => {
    if (resident.delete(version)) live -= bytesOf(version);
  };
  versions.forEach(({ by }, version) => {
    if (kindOf(version) === 'input' && by === 'original') enter(version);
  });
  steps.forEach((op, time) => {
    const touched = new Set([...op.reads, ...op.writes]);
    const shared = sharedBytes(program, op, (version) => lastTouch[version] === time, resident);
    for (const version of touched) enter(version);
    for (const version of resident) {
      if (live - shared <= roomBytes) break;
      const gap = touched.has(version) ? -1 : swappableGap(version);
      if (gap < 0) continue;
      decisions.method[gap] = SWAP;
      leave(version);
    }
    if (!op.recomputed) {
      const { reads, writes } = program.steps[op.step];
      for (const value of new Set([...reads, ...writes])) nextUse[value]++;
    }
    for (const version of touched)
      if (lastTouch[version] === time && kindOf(version) !== 'output') leave(version);
  });
}

/**
 * Bytes of results that take the place of an operand in this step. The walk keeps a sum of its own, for what it evicts changes
 * every later one; the handovers are those of all other counts.
 */
function sharedBytes(
  program: ValueProgram,
  op: Extract<Op, { kind: 'step' }>,
  isLast: (version: number) => boolean,
  resident: ReadonlySet<number>,
): number {
  const { reads, writes, pairs } = program.steps[op.step];
  let bytes = 0;
  takeHandovers(
    pairs.map(({ from, to }) => ({
      ...{ from: op.reads[reads.indexOf(from)], to: op.writes[writes.indexOf(to)] },
      bytes: program.values[to].bytes,
    })),
    isLast,
    (version) => !resident.has(version),
    (pair) => {
      bytes += pair.bytes;
    },
  );
  return bytes;
}
