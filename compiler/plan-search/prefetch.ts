import type { AppliedProgram, Op } from './apply.ts';
import { liveCurve } from './curve.ts';
import type { ValueProgram } from './program.ts';
import { type TransferCosts, transferTime } from './transfer-costs.ts';

/**
 * Moves each copy from the host ahead of the computation that it can hide behind, as far as its time asks for and memory allows:
 * never before its value is on the host, nor where it would take a step above `roomBytes`.
 */
export function prefetch(
  program: ValueProgram,
  applied: AppliedProgram,
  onHost: (value: number) => boolean,
  costs: TransferCosts,
  roomBytes: number,
): AppliedProgram {
  if (costs.overlap === 0) return applied;
  const { ops, versions } = applied;
  const { live } = liveCurve(program, applied, onHost);
  // The ops that go before the step of each time, and behind it.
  const before = live.length === 0 ? [] : Array.from(live, (): Op[] => []);
  const behind = Array.from(live, (): Op[] => []);
  const steps: Extract<Op, { kind: 'step' }>[] = [];
  const hostedFrom = new Map<number, number>();
  for (const op of ops) {
    if (op.kind === 'step') {
      steps.push(op);
    } else if (op.kind === 'out') {
      const time = steps.length - 1;
      behind[time].push(op);
      hostedFrom.set(versions[op.version].value, time);
    } else {
      const { value } = versions[op.version];
      const { bytes } = program.values[value];
      const earliest = (hostedFrom.get(value) ?? -1) + 1;
      let time = steps.length;
      let wanted = transferTime(costs, 'in', bytes) / costs.overlap;
      while (time > earliest && wanted > 0 && live[time - 1] + bytes <= roomBytes) {
        time--;
        live[time] += bytes;
        wanted -= program.steps[steps[time].step].seconds;
      }
      before[time].push(op);
    }
  }
  return {
    ...applied,
    ops: steps.flatMap((step, time) => [...before[time], step, ...behind[time]]),
  };
}
