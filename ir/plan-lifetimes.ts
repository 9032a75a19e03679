import type { Plan, PlanBinding, PlanProgram, PlanTensor, PlanTransfer } from './plan.ts';
import { LiveRanges, RangeSet } from './ranges.ts';

// The part of `verifyPlan` about time. Its premise is that every index, range and name of the plan is sound. Lives,
// handovers and live bytes are derived here once more on purpose, from the plan alone: compiler/liveness decided the layout,
// and a fault in it must not also be in the proof. The runtime verifies without the compiler, too.

type Report = (path: string, reason: string) => void;

/** What the steps of a program do to each tensor; indexed by tensor. One instance serves all programs in turn. */
interface Uses {
  readonly first: Int32Array;
  readonly last: Int32Array;
  readonly firstAccess: PlanBinding['access'][];
  /** The tensor whose memory this one took over, or -1. */
  readonly donor: Int32Array;
  readonly isOutput: Uint8Array;
  /** A transfer writes it before its first step; or one reads it after its last, so that nobody takes over its place. */
  readonly broughtIn: Uint8Array;
  readonly lastOut: Int32Array;
}

/** The transfers of a program by their step. */
function transfersByStep(
  { transfers = [] }: PlanProgram,
  kind: PlanTransfer['kind'],
): Map<number, PlanTransfer[]> {
  const groups = new Map<number, PlanTransfer[]>();
  for (const transfer of transfers) {
    if (transfer.kind !== kind) continue;
    const group = groups.get(transfer.step);
    if (group) group.push(transfer);
    else groups.set(transfer.step, [transfer]);
  }
  return groups;
}

/** The arena tensors of each program, and the persistent ones under null. */
function tensorsByProgram(plan: Plan): Map<string | null, number[]> {
  const groups = new Map<string | null, number[]>([[null, []]]);
  for (const name of Object.keys(plan.programs)) groups.set(name, []);
  plan.tensors.forEach(({ program }, index) => {
    groups.get(program)?.push(index);
  });
  return groups;
}

const lastStepOf = (program: PlanProgram) => Math.max(0, program.steps.length - 1);

/** Reports every tensor whose life is not what the steps make it, and every pair that overlaps while both live. */
export function verifyLifetimes(plan: Plan, report: Report): void {
  const groups = tensorsByProgram(plan);
  const persistent = groups.get(null)!;
  const uses: Uses = {
    first: new Int32Array(plan.tensors.length).fill(-1),
    last: new Int32Array(plan.tensors.length).fill(-1),
    firstAccess: [],
    donor: new Int32Array(plan.tensors.length).fill(-1),
    isOutput: new Uint8Array(plan.tensors.length),
    broughtIn: new Uint8Array(plan.tensors.length),
    lastOut: new Int32Array(plan.tensors.length).fill(-1),
  };
  let lastOfAll = 0;
  for (const [name, program] of Object.entries(plan.programs)) {
    lastOfAll = Math.max(lastOfAll, lastStepOf(program));
    const own = groups.get(name)!;
    collectUses(plan, name, own, uses, report);
    findDonors(plan, own, uses, report);
    for (const index of own) verifyLife(plan, program, index, uses, report);
    verifyReads(plan, name, uses, report);
    verifyNoOverlap(plan, persistent, own, uses, report);
  }
  for (const index of persistent) {
    const tensor = plan.tensors[index];
    verifyStep(`tensors[${index}].firstStep`, tensor.firstStep, 0, report);
    verifyStep(`tensors[${index}].lastStep`, tensor.lastStep, lastOfAll, report);
  }
}

function collectUses(
  plan: Plan,
  name: string,
  own: readonly number[],
  { first, last, firstAccess, isOutput, broughtIn, lastOut }: Uses,
  report: Report,
): void {
  const program = plan.programs[name];
  const use = (index: number, s: number, access: PlanBinding['access']) => {
    if (plan.tensors[index].program === null) return;
    if (first[index] < 0) {
      first[index] = s;
      firstAccess[index] = access;
    }
    last[index] = s;
  };
  const ins = transfersByStep(program, 'in');
  const outs = transfersByStep(program, 'out');
  program.steps.forEach((step, s) => {
    for (const { tensor } of ins.get(s) ?? []) {
      if (first[tensor] >= 0)
        report(`tensors[${tensor}]`, `a transfer brings it in at step ${s}, when it is in use`);
      broughtIn[tensor] = 1;
      use(tensor, s, 'write');
    }
    const { bindings } = plan.kernels[step.kernel];
    step.bindings.forEach((index, b) => {
      use(index, s, bindings[b].access);
      if (lastOut[index] >= 0 && bindings[b].access !== 'read')
        report(
          `programs.${name}.steps[${s}].bindings[${b}]`,
          `'${plan.tensors[index].name}' is written after it was copied out at step ${lastOut[index]}`,
        );
    });
    for (const { tensor } of outs.get(s) ?? []) {
      lastOut[tensor] = s;
      use(tensor, s, 'read');
    }
  });
  for (const { tensor } of program.outputs) {
    isOutput[tensor] = 1;
    last[tensor] = lastStepOf(program);
  }
  for (const index of own) {
    if (plan.tensors[index].role !== 'input') continue;
    first[index] = 0;
    last[index] = Math.max(last[index], 0);
  }
}

/** Finds for each in-place tensor the one that dies at the same place in the step that first binds it. */
function findDonors(plan: Plan, own: readonly number[], uses: Uses, report: Report): void {
  const place = (tensor: PlanTensor, step: number) =>
    `${tensor.slab}:${tensor.offset}:${tensor.bytes}:${tensor.dtype}:${step}`;
  const dying = new Map<string, number>();
  for (const index of own) {
    const tensor = plan.tensors[index];
    // A donor was written before the step in which it dies, by the caller or by a transfer.
    const before = tensor.role === 'input' || uses.broughtIn[index];
    if (!before && tensor.firstStep >= tensor.lastStep) continue;
    if (uses.lastOut[index] === tensor.lastStep) continue;
    dying.set(place(tensor, tensor.lastStep), index);
  }
  for (const index of own) {
    const tensor = plan.tensors[index];
    if (tensor.policy !== 'in-place') continue;
    const key = place(tensor, tensor.firstStep);
    const donor = dying.get(key);
    dying.delete(key);
    if (donor === undefined || donor === index || uses.isOutput[donor]) {
      report(
        `tensors[${index}].policy`,
        `'in-place', but no tensor of its size dies in its place at step ${tensor.firstStep}`,
      );
    } else {
      uses.donor[index] = donor;
      uses.last[donor] = Math.max(uses.last[donor], tensor.firstStep);
    }
  }
}

function verifyStep(path: string, given: number, wanted: number, report: Report): void {
  if (given !== wanted) report(path, `${given}, but the steps make it ${wanted}`);
}

function verifyLife(
  plan: Plan,
  program: PlanProgram,
  index: number,
  uses: Uses,
  report: Report,
): void {
  const tensor = plan.tensors[index];
  const path = `tensors[${index}]`;
  if (uses.first[index] < 0) {
    report(path, `no step of program '${tensor.program}' touches '${tensor.name}'`);
    return;
  }
  verifyStep(`${path}.firstStep`, tensor.firstStep, uses.first[index], report);
  verifyStep(`${path}.lastStep`, tensor.lastStep, uses.last[index], report);
  const access = uses.firstAccess[index];
  if (tensor.policy === 'in-place' && access !== 'read_write') {
    const binding = program.steps[uses.first[index]].bindings.indexOf(index);
    report(
      `programs.${tensor.program}.steps[${uses.first[index]}].bindings[${binding}]`,
      `'${tensor.name}' is in place, but its first access is '${access}'`,
    );
  }
}

/** Every range that a step reads was written by earlier steps, by the caller, or by the tensor whose place it took. */
function verifyReads(plan: Plan, name: string, { donor }: Uses, report: Report): void {
  const program = plan.programs[name];
  const written = new Map<number, RangeSet>();
  const add = (index: number, start: number, end: number) => {
    const ranges = written.get(index) ?? new RangeSet();
    ranges.add(start, end);
    written.set(index, ranges);
  };
  const ins = transfersByStep(program, 'in');
  const outs = transfersByStep(program, 'out');
  program.steps.forEach((step, s) => {
    for (const { tensor } of ins.get(s) ?? []) add(tensor, 0, plan.tensors[tensor].bytes);
    const { bindings } = plan.kernels[step.kernel];
    const each = (visit: (index: number, start: number, end: number, b: number) => void) => {
      step.bindings.forEach((index, b) => {
        const { program, role } = plan.tensors[index];
        if (program === null || role === 'input') return;
        const start = step.offsets?.[b] ?? 0;
        visit(index, start, start + bindings[b].bytes, b);
      });
    };
    each((index, start, end, b) => {
      if (bindings[b].access === 'write' || written.get(index)?.cover(start, end)) return;
      const { name: tensor, firstStep } = plan.tensors[index];
      if (donor[index] >= 0 && s === firstStep) return;
      report(
        `programs.${name}.steps[${s}].bindings[${b}]`,
        `'${tensor}' is read before any step has written it`,
      );
    });
    each((index, start, end, b) => {
      if (bindings[b].access !== 'read') add(index, start, end);
    });
    for (const { tensor } of outs.get(s) ?? []) {
      const { name: copied, bytes, role } = plan.tensors[tensor];
      if (role !== 'input' && !written.get(tensor)?.cover(0, bytes))
        report(`tensors[${tensor}]`, `'${copied}' is copied out at step ${s}, before it is whole`);
    }
  });
}

/** Sweeps over the steps of one program with the set of live ranges. */
function verifyNoOverlap(
  plan: Plan,
  persistent: readonly number[],
  own: readonly number[],
  uses: Uses,
  report: Report,
): void {
  const slabStart = [0];
  for (const { bytes } of plan.slabs) slabStart.push(slabStart.at(-1)! + bytes);
  const start = (index: number) =>
    slabStart[plan.tensors[index].slab!] + plan.tensors[index].offset;
  const live = new LiveRanges();
  const enter = (index: number) => {
    const tensor = plan.tensors[index];
    const other = live.add(start(index), start(index) + tensor.bytes, index);
    if (other < 0) return;
    const { name } = plan.tensors[other];
    report(`tensors[${index}].offset`, `'${tensor.name}' overlaps '${name}' while both live`);
  };
  const handedOver = (index: number) => (uses.donor[index] < 0 ? 0 : 1);
  // At one step the tensors that are written come before those that take over a place.
  const arrivals = own.toSorted(
    (a, b) =>
      plan.tensors[a].firstStep - plan.tensors[b].firstStep || handedOver(a) - handedOver(b),
  );
  const departures = own.toSorted((a, b) => plan.tensors[a].lastStep - plan.tensors[b].lastStep);
  let departed = 0;
  for (const index of persistent) if (plan.tensors[index].slab !== null) enter(index);
  for (const index of arrivals) {
    const step = plan.tensors[index].firstStep;
    for (; departed < departures.length; departed++) {
      const leaving = departures[departed];
      if (plan.tensors[leaving].lastStep >= step) break;
      live.remove(start(leaving), leaving);
    }
    if (uses.donor[index] >= 0) live.remove(start(index), uses.donor[index]);
    enter(index);
  }
}

/** Largest sum over all steps of the live arena tensors, each rounded up to `alignment`; a shared place counts once. */
export function peakLiveBytes(plan: Plan, alignment: number): number {
  let peak = 0;
  const groups = tensorsByProgram(plan);
  for (const [name, program] of Object.entries(plan.programs)) {
    const change = new Float64Array(program.steps.length + 2);
    for (const index of groups.get(name)!) {
      const { firstStep, lastStep, policy, bytes } = plan.tensors[index];
      const size = Math.ceil(bytes / alignment) * alignment;
      change[policy === 'in-place' ? firstStep + 1 : firstStep] += size;
      change[lastStep + 1] -= size;
    }
    let live = 0;
    for (const bytes of change) {
      live += bytes;
      peak = Math.max(peak, live);
    }
  }
  return peak;
}
