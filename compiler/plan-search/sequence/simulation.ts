import { type TransferCosts, transferTime } from '../transfer-costs.ts';
import { COPY_IN, type Sequence } from './sequence.ts';

/** What a simulation must know of the device beside the seconds of steps. */
export interface DeviceCosts extends TransferCosts {
  /** Bytes of each of the two buffers that copies to the host go through; infinite where they need none. */
  readonly stagingBytes?: number;
}

/** Stages between two places from which a simulation can go on. */
const CHECKPOINT = 32;

/**
 * Seconds of one run of a sequence, event by event. The device computes, and copies in each direction are a queue of their own: a
 * copy begins when it is issued, when the copy before it is over, and copies in also when the host has the value. A step waits for
 * the copies of what it touches; a copy out waits for one of two staging buffers, and what is behind it in the queue of the
 * device waits with it. A run ends when everything has arrived. `1 - overlap` of a copy's time keeps the device from computing.
 *
 * Later questions begin at the first stage that has changed since the last one.
 */
export class Simulation {
  private readonly sequence: Sequence;
  private readonly costs: DeviceCosts;
  /** By step: seconds of all steps before it. */
  private readonly computed: Float64Array;
  /** By step: values that are copied out behind it where they are swapped. */
  private readonly senders: readonly (readonly number[] | null)[];
  /** By op that copies in, when it has arrived; by value that is copied out, when the host has it. */
  private readonly arrived: number[] = [];
  private readonly sent: Float64Array;
  /** Clocks of the device and of both queues at the beginning of every {@link CHECKPOINT}th stage. */
  private readonly clocks: Float64Array;
  /** Stages before this one are as they were simulated. */
  private valid = 0;
  private total = 0;

  constructor(sequence: Sequence, costs: DeviceCosts) {
    const { program, stepCount, sentBehind } = sequence.model;
    this.sequence = sequence;
    this.costs = costs;
    this.computed = new Float64Array(stepCount + 1);
    program.steps.forEach(({ seconds }, step) => {
      this.computed[step + 1] = this.computed[step] + seconds;
    });
    const senders = program.steps.map((): number[] | null => null);
    sentBehind.forEach((step, value) => {
      if (step < 0 || !sequence.model.counted[value]) return;
      const list = senders[step];
      if (list) list.push(value);
      else senders[step] = [value];
    });
    this.senders = senders;
    this.sent = new Float64Array(program.values.length);
    this.clocks = new Float64Array(3 * (Math.floor(stepCount / CHECKPOINT) + 2));
    sequence.onStage = (stage) => {
      if (stage < this.valid) this.valid = stage;
    };
  }

  /** Seconds of the steps `first` … `last`, each once. */
  between(first: number, last: number): number {
    return this.computed[last + 1] - this.computed[first];
  }

  get seconds(): number {
    const { sequence, computed } = this;
    if (sequence.copyCount === 0) return computed[computed.length - 1] + sequence.recomputeSeconds;
    if (this.valid < sequence.model.stepCount) this.run();
    return this.total;
  }

  private run(): void {
    const { sequence, costs, clocks, senders, sent, arrived } = this;
    const { model, extras, value, kind } = sequence;
    const { program, recipes, bytes, hosted } = model;
    const { overlap } = costs;
    const first = Math.floor(this.valid / CHECKPOINT);
    let [device, incoming, outgoing] = clocks.subarray(3 * first, 3 * first + 3);
    for (let stage = first * CHECKPOINT; stage < model.stepCount; stage++) {
      if (stage % CHECKPOINT === 0) {
        const at = (3 * stage) / CHECKPOINT;
        clocks[at] = device;
        clocks[at + 1] = incoming;
        clocks[at + 2] = outgoing;
      }
      const list = extras[stage];
      if (list)
        for (const op of list) {
          const v = value[op];
          if (kind[op] === COPY_IN) {
            const time = transferTime(costs, 'in', bytes[v]);
            const there = hosted[v] && stage <= model.firstWriter[v] ? 0 : this.sentAt(v, stage);
            incoming = Math.max(incoming, device, there) + overlap * time;
            device += (1 - overlap) * time;
            arrived[op] = incoming;
          } else device = Math.max(device, this.arrival(op)) + recipes[v]!.seconds;
        }
      device = Math.max(device, this.arrival(stage)) + program.steps[stage].seconds;
      const leaving = senders[stage];
      if (leaving)
        for (const v of leaving) {
          if (sequence.copiesIn[v] === 0) continue;
          const time = transferTime(costs, 'out', bytes[v]);
          outgoing = Math.max(outgoing, device) + overlap * time;
          sent[v] = outgoing;
          device += (1 - overlap) * time;
          device = Math.max(device, outgoing - 2 * this.pieceSeconds(bytes[v]));
        }
    }
    this.total = Math.max(device, incoming, outgoing);
    sequence.changes += (model.stepCount - first * CHECKPOINT) >> 3;
    this.valid = model.stepCount;
  }

  /** Seconds that the last two pieces of a copy out can take behind its step, one in each staging buffer. */
  private pieceSeconds(bytes: number): number {
    const {
      stagingBytes = Number.POSITIVE_INFINITY,
      deviceToHostBytesPerSecond,
      overlap,
    } = this.costs;
    if (bytes === 0) return 0;
    const time = transferTime(this.costs, 'out', bytes);
    return overlap * Math.min(time, stagingBytes / deviceToHostBytesPerSecond);
  }

  private sentAt(value: number, stage: number): number {
    const { sentBehind } = this.sequence.model;
    return sentBehind[value] >= 0 && sentBehind[value] < stage ? this.sent[value] : 0;
  }

  /** When the copies of what an op touches have arrived; 0 where it touches none. */
  private arrival(op: number): number {
    const { sequence, arrived } = this;
    let latest = 0;
    if (sequence.copyCount === 0) return latest;
    for (const value of sequence.touchedBy(op)) {
      if (sequence.copiesIn[value] === 0) continue;
      const maker = sequence.makerOf(value, op);
      if (maker >= 0 && sequence.kind[maker] === COPY_IN && arrived[maker] > latest)
        latest = arrived[maker];
    }
    return latest;
  }
}
