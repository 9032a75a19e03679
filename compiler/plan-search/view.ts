import type { Decisions, Method } from './decisions.ts';
import type { Timeline, TransferCosts } from './timeline.ts';

/** What a search sees of one program when it asks what an action would cost. */
export interface View {
  readonly timeline: Timeline;
  readonly decisions: Decisions;
  /** 1 for each gap that has been tried in vain. */
  readonly forbidden: Uint8Array;
  readonly onHost: (value: number) => boolean;
  readonly costs: TransferCosts;
  /** Whether the search may choose an action, by method. */
  readonly allowed: (method: Method) => boolean;
  /** Limit on live bytes where a value is rematerialised. */
  readonly roomBytes: number;
  /** Steps with more live bytes than this are to come down. */
  readonly targetBytes: number;
}

/** A value between two times of a timeline at which steps touch it. */
export interface Gap {
  readonly value: number;
  readonly from: number;
  readonly to: number;
}
