import type { AllocatedSchedule } from '../../ir/schedule.ts';
import { byteCount } from '../../ir/tensor.ts';
import { RangeMap } from './range-map.ts';

// Behind allocation the order of steps is bound by memory alone: two of them must keep their order where one writes bytes that
// the other reads or writes. What a step touches is what it binds, so verifiers, which see bindings, agree. Tensors that have shared
// bytes are apart as a whole: all uses of the one come before all of the other.

/** Steps that must run before others. Beside steps, nodes stand for the begin of tensors, which all uses of theirs wait for. */
export interface Dependences {
  /** By node, in an order in which edges lead forwards: the step, or -1. */
  readonly steps: readonly number[];
  readonly successors: readonly (readonly number[])[];
}

/** Who has used a range of a tensor since it was last written. */
interface Users {
  writer: number;
  readers: number[];
}

/** The dependences among steps `from` to before `to` of a program. */
export function dependencesOf(
  schedule: AllocatedSchedule,
  program: number,
  from: number,
  to: number,
): Dependences {
  const { kernels, tensors, placements, programs } = schedule;
  const steps: number[] = [];
  const successors: number[][] = [];
  const node = (step: number) => {
    successors.push([]);
    return steps.push(step) - 1;
  };
  const depend = (before: number, after: number) => {
    const list = successors[before];
    if (before !== after && list.at(-1) !== after) list.push(after);
  };
  const slabs = new Map<number, RangeMap<number>>();
  const ranges = new Map<number, RangeMap<Users>>();
  /** By tensor, the node of its begin, and the nodes that have used it. */
  const begins = new Map<number, number>();
  const users = new Map<number, number[]>();

  /** A tensor takes its place: what was there before is gone. */
  const begin = (tensor: number) => {
    ranges.set(tensor, new RangeMap(({ writer, readers }) => ({ writer, readers: [...readers] })));
    users.set(tensor, []);
    const { slab, offset } = placements[tensor];
    if (tensors[tensor].program === null || slab === null) return;
    let places = slabs.get(slab);
    if (!places) {
      places = new RangeMap((owner) => owner);
      slabs.set(slab, places);
    }
    const gone = new Set(places.replace(offset, offset + byteCount(tensors[tensor]), tensor));
    if (gone.size === 0) return;
    const own = node(-1);
    begins.set(tensor, own);
    for (const other of gone) for (const user of users.get(other)!) depend(user, own);
  };

  // The caller writes inputs before the first step, so nothing that takes their place may be there then.
  if (from === 0) for (const { tensor } of programs[program].inputs) begin(tensor);
  for (let s = from; s < to; s++) {
    const { kernel, operands, offsets } = programs[program].steps[s];
    for (const tensor of operands) if (!ranges.has(tensor)) begin(tensor);
    const own = node(s);
    if (s === 0)
      for (const { tensor } of programs[program].inputs)
        if (!operands.includes(tensor)) users.get(tensor)!.push(own);
    operands.forEach((tensor, b) => {
      const { access, elements } = kernels[kernel].buffers[b];
      const start = offsets?.[b] ?? 0;
      const began = begins.get(tensor);
      if (began !== undefined) depend(began, own);
      users.get(tensor)!.push(own);
      ranges.get(tensor)!.visit(
        start,
        start + elements,
        () => ({ writer: -1, readers: [] }),
        (range) => {
          if (range.writer >= 0) depend(range.writer, own);
          if (access === 'read') range.readers.push(own);
          else {
            for (const reader of range.readers) depend(reader, own);
            range.writer = own;
            range.readers = [];
          }
        },
      );
    });
  }
  return { steps, successors };
}
