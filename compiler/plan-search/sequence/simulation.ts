import { type TransferCosts, transferTime } from '../transfer-costs.ts';
import { COPY_IN, type Sequence } from './sequence.ts';

/** What a simulation must know of the device beside the seconds of steps. */
export interface DeviceCosts extends TransferCosts {
  /** Bytes of each of the two buffers that copies to the host go through; infinite where they need none. */
  readonly stagingBytes?: number;
}

/** Stages of a block: a simulation can go on from the beginning of each. */
const BLOCK = 32;
const NEVER = Number.NEGATIVE_INFINITY;
/** Differences of less than this part of a run are none: two sums of the same times. */
const ROUNDING = 1e-13;

/** What one simulation knows at the beginning of a block. */
interface Clocks {
  readonly device: number;
  readonly incoming: number;
  readonly outgoing: number;
}

/** When something arrives, that later ops may wait for: in the last simulation, and in this one. */
interface Arrival {
  readonly before: number;
  readonly now: number;
}

/**
 * Seconds of one run of a sequence, event by event. The device computes, and copies in each direction are a queue of their own: a
 * copy begins when it is issued, when the copy before it is over, and copies in also when the host has the value. A step waits for
 * the copies of what it touches; a copy out waits for one of two staging buffers, and what is behind it in the queue of the
 * device waits with it. A run ends when everything has arrived. `1 - overlap` of a copy's time keeps the device from computing.
 *
 * Later questions simulate what has changed since the last one, and what is behind it until everything is as it was but for one
 * difference of time: all that follows is later by that difference. Times are therefore kept by blocks of stages, less what their
 * block has moved by since.
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
  /** Clocks of the device and of both queues at the beginning of every block. */
  private readonly clocks: Float64Array;
  private readonly blockCount: number;
  /** By how much blocks have moved: a Fenwick tree over their differences. */
  private readonly moves: Float64Array;
  private readonly isChanged: Uint8Array;
  private changed: number[] = [];
  /** Copies in that were taken out: their blocks, and when they had arrived. */
  private taken: { readonly block: number; readonly arrived: number }[] = [];
  /** Null before the first simulation. */
  private total: number | null = null;

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
    this.sent = new Float64Array(program.values.length).fill(NEVER);
    this.blockCount = Math.ceil(stepCount / BLOCK);
    this.clocks = new Float64Array(3 * (this.blockCount + 1));
    this.moves = new Float64Array(this.blockCount + 1);
    this.isChanged = new Uint8Array(this.blockCount + 1);
    sequence.onOp = (stage, op, isNew) => this.change(stage, op, isNew);
  }

  /** Seconds of the steps `first` … `last`, each once. */
  between(first: number, last: number): number {
    return this.computed[last + 1] - this.computed[first];
  }

  get seconds(): number {
    const { sequence, computed } = this;
    if (sequence.copyCount === 0) return computed[computed.length - 1] + sequence.recomputeSeconds;
    if (this.total === null) this.total = this.simulateAll();
    else if (this.changed.length > 0) this.total = this.simulateChanges(this.total);
    return this.total;
  }

  /** As {@link seconds}, from the first stage on: the same for equal sequences to the last bit. */
  get exactSeconds(): number {
    this.total = null;
    return this.seconds;
  }

  /** Hears of ops that come and go, and with op -1 of stages behind which other values are sent. */
  private change(stage: number, op: number, isNew: boolean): void {
    const block = Math.floor(stage / BLOCK);
    if (!this.isChanged[block]) {
      this.isChanged[block] = 1;
      this.changed.push(block);
    }
    if (op < 0 || this.sequence.kind[op] !== COPY_IN) return;
    if (!isNew && (this.arrived[op] ?? NEVER) !== NEVER)
      this.taken.push({ block, arrived: this.arrived[op] });
    this.arrived[op] = NEVER;
  }

  private simulateAll(): number {
    this.moves.fill(0);
    this.arrived.fill(NEVER);
    this.sent.fill(NEVER);
    this.forgetChanges();
    let clocks: Clocks = { device: 0, incoming: 0, outgoing: 0 };
    for (let block = 0; block < this.blockCount; block++) {
      this.setClocks(block, 0, clocks);
      clocks = this.simulate(block, 0, clocks, null);
    }
    return endOf(clocks);
  }

  private simulateChanges(before: number): number {
    let total = before;
    const blocks = this.changed.sort((a, b) => a - b);
    for (let next = 0; next < blocks.length; ) {
      const first = blocks[next];
      const start = this.clocksOf(first, this.moveOf(first));
      const arrivals: Arrival[] = [];
      let clocks = start;
      let block = first;
      let moved: number | null = null;
      while (moved === null && block < this.blockCount) {
        clocks = this.simulate(block, this.moveOf(block), clocks, arrivals);
        block++;
        while (next < blocks.length && blocks[next] < block) next++;
        const move = block < this.blockCount ? this.moveOf(block) : 0;
        if (block < this.blockCount && blocks[next] !== block)
          moved = this.difference(first, block, move, start, clocks, arrivals, total);
        if (moved === null && block < this.blockCount) this.setClocks(block, move, clocks);
      }
      if (moved === null) total = endOf(clocks);
      else if (moved !== 0) {
        this.move(block, moved);
        total += moved;
      }
    }
    this.forgetChanges();
    return total;
  }

  /**
   * By how much all that follows is later than it was, if it is otherwise the same: the queues are as far ahead of the device as they
   * were, and of what ops may yet wait for everything has arrived, or arrives as much later.
   */
  private difference(
    first: number,
    block: number,
    move: number,
    start: Clocks,
    now: Clocks,
    arrivals: Arrival[],
    total: number,
  ): number | null {
    const before = this.clocksOf(block, move);
    const moved = now.device - before.device;
    const rounding = ROUNDING * total;
    const isSame = (a: number, b: number) =>
      Math.abs(Math.max(a, before.device) + moved - Math.max(b, now.device)) <= rounding;
    if (!isSame(before.incoming, now.incoming) || !isSame(before.outgoing, now.outgoing))
      return null;
    const isZero = Math.abs(moved) <= rounding;
    // What was on its way before the first change arrives when it did.
    const soonest = Math.min(now.device, before.device);
    if (!isZero && Math.max(start.incoming, start.outgoing) > soonest) return null;
    const pending = arrivals.filter((one) => one.now > now.device || one.before > before.device);
    arrivals.length = 0;
    arrivals.push(...pending);
    if (pending.some((one) => Math.abs(one.before + moved - one.now) > rounding)) return null;
    for (const one of this.taken)
      if (
        one.block >= first &&
        one.block < block &&
        one.arrived + this.moveOf(one.block) > before.device
      )
        return null;
    return isZero ? 0 : moved;
  }

  private forgetChanges(): void {
    for (const block of this.changed) this.isChanged[block] = 0;
    this.changed = [];
    this.taken = [];
  }

  private clocksOf(block: number, move: number): Clocks {
    const [device, incoming, outgoing] = this.clocks.subarray(3 * block, 3 * block + 3);
    return { device: device + move, incoming: incoming + move, outgoing: outgoing + move };
  }

  private setClocks(block: number, move: number, { device, incoming, outgoing }: Clocks): void {
    this.clocks[3 * block] = device - move;
    this.clocks[3 * block + 1] = incoming - move;
    this.clocks[3 * block + 2] = outgoing - move;
  }

  private moveOf(block: number): number {
    let sum = 0;
    for (let node = block + 1; node > 0; node -= node & -node) sum += this.moves[node];
    return sum;
  }

  /** Moves all blocks from one on. */
  private move(block: number, seconds: number): void {
    for (let node = block + 1; node < this.moves.length; node += node & -node)
      this.moves[node] += seconds;
  }

  /** Simulates one block from the clocks at its beginning to those at its end; tells of what arrives, where that is asked. */
  private simulate(block: number, move: number, from: Clocks, arrivals: Arrival[] | null): Clocks {
    const { sequence, costs, senders, sent, arrived } = this;
    const { model, extras, value, kind } = sequence;
    const { program, recipes, bytes, hosted } = model;
    const { overlap } = costs;
    let { device, incoming, outgoing } = from;
    const last = Math.min(model.stepCount, (block + 1) * BLOCK);
    for (let stage = block * BLOCK; stage < last; stage++) {
      const list = extras[stage];
      if (list)
        for (const op of list) {
          const v = value[op];
          if (kind[op] === COPY_IN) {
            const time = transferTime(costs, 'in', bytes[v]);
            const there = hosted[v] && stage <= model.firstWriter[v] ? 0 : this.sentAt(v, stage);
            incoming = Math.max(incoming, device, there) + overlap * time;
            device += (1 - overlap) * time;
            arrivals?.push({ before: (arrived[op] ?? NEVER) + move, now: incoming });
            arrived[op] = incoming - move;
          } else device = Math.max(device, this.arrival(op)) + recipes[v]!.seconds;
        }
      device = Math.max(device, this.arrival(stage)) + program.steps[stage].seconds;
      const leaving = senders[stage];
      if (leaving)
        for (const v of leaving) {
          if (sequence.copiesIn[v] === 0) {
            sent[v] = NEVER;
            continue;
          }
          const time = transferTime(costs, 'out', bytes[v]);
          outgoing = Math.max(outgoing, device) + overlap * time;
          arrivals?.push({ before: sent[v] + move, now: outgoing });
          sent[v] = outgoing - move;
          device += (1 - overlap) * time;
          device = Math.max(device, outgoing - 2 * this.pieceSeconds(bytes[v]));
        }
    }
    sequence.changes += BLOCK >> 3;
    return { device, incoming, outgoing };
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
    const step = sentBehind[value];
    return step >= 0 && step < stage ? this.sent[value] + this.moveOf(Math.floor(step / BLOCK)) : 0;
  }

  /** When the copies of what an op touches have arrived; 0 where it touches none. */
  private arrival(op: number): number {
    const { sequence, arrived } = this;
    let latest = 0;
    if (sequence.copyCount === 0) return latest;
    for (const value of sequence.touchedBy(op)) {
      if (sequence.copiesIn[value] === 0) continue;
      const maker = sequence.makerOf(value, op);
      if (maker < 0 || sequence.kind[maker] !== COPY_IN) continue;
      const block = Math.floor(sequence.stage[maker] / BLOCK);
      latest = Math.max(latest, arrived[maker] + this.moveOf(block));
    }
    return latest;
  }
}

const endOf = ({ device, incoming, outgoing }: Clocks) => Math.max(device, incoming, outgoing);
