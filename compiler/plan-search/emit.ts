import type {
  Schedule,
  ScheduleProgram,
  ScheduleSlot,
  ScheduleStep,
  ScheduleTensor,
  ScheduleTransfer,
} from '../../ir/schedule.ts';
import type { AppliedProgram } from './apply.ts';
import { timesOfOps } from './curve.ts';
import type { NamedValueProgram } from './program.ts';

/** What the name of a copy says of it. */
const COPIES = { recompute: 'recomputed', swap: 'swapped' } as const;

/** Builds the schedule that applied programs stand for: copies are tensors of their own, transfers name host slots. */
export class ScheduleEmitter {
  private readonly schedule: Schedule;
  private readonly tensors: ScheduleTensor[];
  private readonly slots: ScheduleSlot[] = [];
  private readonly residentSlots = new Map<number, number>();
  private readonly programs: ScheduleProgram[] = [];

  /** `onHost`: the host-resident parameters and states. `written`: whether a program writes one. */
  constructor(
    schedule: Schedule,
    onHost: (tensor: number) => boolean,
    written: (tensor: number) => boolean,
  ) {
    this.schedule = schedule;
    this.tensors = schedule.tensors.map((tensor, index) => {
      if (!onHost(index)) return tensor;
      const slot: ScheduleSlot = { tier: 'memory', tensor: index, copies: written(index) ? 2 : 1 };
      this.residentSlots.set(index, this.slots.push(slot) - 1);
      return { ...tensor, hostResident: true as const };
    });
  }

  add(index: number, program: NamedValueProgram, applied: AppliedProgram): void {
    const { ops, versions } = applied;
    const tensorOf = this.placeVersions(index, program, applied);
    const original = this.schedule.programs[index];
    const slotOf = new Map<number, number>();
    const slot = (value: number) => {
      const own = this.residentSlots.get(program.tensors[value]);
      if (own !== undefined) return own;
      const known = slotOf.get(value);
      if (known !== undefined) return known;
      const made = this.slots.push({ tier: 'memory', tensor: null, copies: 1 }) - 1;
      slotOf.set(value, made);
      return made;
    };
    const times = timesOfOps(ops);
    const steps: ScheduleStep[] = [];
    const transfers: ScheduleTransfer[] = [];
    ops.forEach((op, i) => {
      if (op.kind !== 'step') {
        const { value } = versions[op.version];
        transfers.push({
          kind: op.kind,
          tensor: tensorOf[op.version],
          slot: slot(value),
          step: times[i],
        });
        return;
      }
      const step = original.steps[op.step];
      const { reads, writes } = program.steps[op.step];
      const version = new Map(reads.map((value, k) => [program.tensors[value], op.reads[k]]));
      writes.forEach((value, k) => {
        version.set(program.tensors[value], op.writes[k]);
      });
      steps.push({
        ...step,
        operands: step.operands.map((tensor) => tensorOf[version.get(tensor)!]),
        ...(op.recomputed ? { recomputed: true as const } : {}),
      });
    });
    this.programs.push({ ...original, steps, ...(transfers.length > 0 ? { transfers } : {}) });
  }

  /** The tensor of each version; the first of a value is its own, unless that lives on the host. */
  private placeVersions(
    index: number,
    program: NamedValueProgram,
    { versions }: AppliedProgram,
  ): Int32Array {
    const copies = new Map<string, number>();
    return Int32Array.from(versions, ({ value, by }) => {
      const of = program.tensors[value];
      if (by === 'original') return of;
      const tensor = this.schedule.tensors[of];
      const owner = tensor.program === null ? `${this.schedule.programs[index].name}/` : '';
      const copy = `${owner}${tensor.name}~${COPIES[by]}`;
      const number = (copies.get(copy) ?? 0) + 1;
      copies.set(copy, number);
      return (
        this.tensors.push({
          ...tensor,
          name: number === 1 ? copy : `${copy}.${number}`,
          role: 'activation',
          program: index,
          copyOf: { tensor: of, by },
        }) - 1
      );
    });
  }

  finish(): Schedule {
    return {
      ...this.schedule,
      tensors: this.tensors,
      programs: this.programs,
      ...(this.slots.length > 0 ? { slots: this.slots } : {}),
    };
  }
}
