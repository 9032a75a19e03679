import { DTYPES, isDType, STORAGE_TYPES, valueType } from './dtypes.ts';
import { indexRangesError } from './index-range.ts';
import { arrayBytes } from './kernel-arrays.ts';
import { kernelParts } from './kernel-group.ts';
import { verifyKernel } from './kernel-verify.ts';
import { isPersistent } from './plan.ts';
import {
  rangeAlignment,
  type Schedule,
  type ScheduleProgram,
  type ScheduleTensor,
  type TargetLimits,
} from './schedule.ts';
import { type Handover, verifyFlow } from './schedule-flow.ts';
import { bindingCount } from './spans.ts';
import { elementCount, formatType, sameShape } from './tensor.ts';

// The invariants of a schedule, behind every pass that makes one:
//
// tensors     have a known dtype and whole positive extents; `parameter`, `state` and `optimiser` are of no program, all others of
//             one; only the former are on the host; names of persistent ones are unique, for checkpoints are keyed by them;
// copies      a copy has the dtype and shape of the one that it names, which is of its program or
//             persistent; the links end;
// kernels     keep the invariants in kernel.ts, have names of their own and no more buffers, and stages no larger arrays, than
//             the target has;
// interface   names of programs are unique, names of inputs and outputs within their program; a tensor with role `input` is one
//             input of its program, one with role `output` an output; ranges and defaults of inputs are sound;
// steps       name a kernel and one tensor per buffer of it: same dtype, of the step's program or persistent, on the device, with
//             the buffer's range inside of it at an aligned element; two ranges of one tensor are disjoint; no step writes an input;
// slots       are the home slot of one host-resident tensor each, with two copies exactly where a program writes it, or hold values of
//             one size with one copy;
// flow        (schedule-flow.ts) every range is written before it is read; outputs are written; transfers and rematerialised
//             values are what they say; tensors that take over a place may.
//
// What `verifyPlan` proves of plans is alike, but neither uses the other on purpose: a plan may come from a stranger, and what one
// overlooks the other may see.

/** What a schedule is held against beyond itself. */
export interface ScheduleChecks {
  readonly limits?: Pick<TargetLimits, 'maxStorageBuffers' | 'maxWorkgroupBytes'>;
  /** Which tensors take over the places of others, in the order of their steps; behind the pass that merges their buffers. */
  readonly handovers?: readonly Handover[];
}

export type Report = (place: string, reason: string) => void;

/**
 * Checks the invariants of a schedule and returns what is broken, one sentence each: `train, step 3 'add': reads elements 0 to
 * 99 of 'a' before a step has written them`. Empty for a valid schedule. Near-linear in its size; a kernel object is verified once.
 */
export function verifySchedule(schedule: Schedule, checks: ScheduleChecks = {}): string[] {
  const errors: string[] = [];
  const report: Report = (place, reason) => errors.push(`${place}: ${reason}`);
  verifyTensors(schedule, report);
  verifyCopies(schedule, report);
  verifyKernels(schedule, checks, report);
  verifyNames(schedule, report);
  for (const [index, program] of schedule.programs.entries()) {
    verifyInterface(schedule, index, program, report);
    for (let s = 0; s < program.steps.length; s++) verifyStep(schedule, index, s, report);
  }
  verifyRoles(schedule, report);
  verifySlots(schedule, report);
  // What follows looks things up by index, and trusts what kernels say that they touch.
  if (errors.length > 0) return errors;
  verifyFlow(schedule, checks.handovers ?? [], report);
  return errors;
}

/** `train, step 3 'add'`. */
export function placeOf({ name, steps }: ScheduleProgram, step: number): string {
  return `${name}, step ${step} '${steps[step]?.label}'`;
}

/** `tensor 'a'`. */
const called = ({ name }: ScheduleTensor) => `tensor '${name}'`;

const isIndex = (value: number, count: number) =>
  Number.isInteger(value) && value >= 0 && value < count;

function verifyTensors({ tensors, programs }: Schedule, report: Report): void {
  for (const tensor of tensors) {
    const { dtype, shape, role, program, hostResident } = tensor;
    if (!Object.hasOwn(STORAGE_TYPES, dtype))
      report(called(tensor), `there is no dtype '${dtype}'`);
    else if (role !== 'activation' && role !== 'state' && !isDType(dtype))
      report(
        called(tensor),
        `has role '${role}' and is ${dtype}, which only activations and states are`,
      );
    if (!shape.every((extent) => Number.isSafeInteger(extent) && extent > 0))
      report(called(tensor), `${formatType(tensor)} has an extent that is not a positive integer`);
    else if (!Number.isSafeInteger(elementCount(shape)))
      report(called(tensor), `${formatType(tensor)} has too many elements to count`);
    const persistent = isPersistent(role);
    if (persistent !== (program === null))
      report(
        called(tensor),
        `has role '${role}' and ${persistent ? 'belongs to a' : 'belongs to no'} program`,
      );
    if (program !== null && !isIndex(program, programs.length))
      report(called(tensor), `there is no program ${program}`);
    if (hostResident && !persistent)
      report(called(tensor), `is on the host, but has role '${role}'`);
  }
}

/** Copies have the type of what they copy, and copies of copies lead to an original. */
function verifyCopies({ tensors }: Schedule, report: Report): void {
  /** 0: not seen; 1: on the path of links that is followed; 2: its links end. */
  const seen = new Uint8Array(tensors.length);
  tensors.forEach((tensor, index) => {
    const { copyOf } = tensor;
    if (!copyOf) return;
    const of = tensors[copyOf.tensor];
    if (!of) {
      report(called(tensor), `there is no tensor ${copyOf.tensor} that it could be a copy of`);
      return;
    }
    if (of.dtype !== tensor.dtype || !sameShape(of.shape, tensor.shape))
      report(
        called(tensor),
        `is ${formatType(tensor)}, but a copy of '${of.name}', which is ${formatType(of)}`,
      );
    if (tensor.program === null || (of.program !== null && of.program !== tensor.program))
      report(called(tensor), `is a copy of '${of.name}' of another program`);
    const followed: number[] = [];
    let at: number | undefined = index;
    for (; at !== undefined && seen[at] === 0; at = tensors[at]?.copyOf?.tensor) {
      seen[at] = 1;
      followed.push(at);
    }
    if (at !== undefined && seen[at] === 1)
      report(called(tensor), 'is, in the end, a copy of itself');
    for (const link of followed) seen[link] = 2;
  });
}

function verifyKernels({ kernels }: Schedule, { limits }: ScheduleChecks, report: Report): void {
  for (const kernel of kernels) {
    const place = `kernel '${kernel.name}'`;
    for (const reason of verifyKernel(kernel)) report(place, reason);
    if (!limits) continue;
    const { buffers, scratch, spans } = kernel;
    // A target that wants scratch memory has no limit that it would break; it bounds how far kernels are fused.
    const count = bindingCount(buffers.length, spans) - (scratch === undefined ? 0 : 1);
    if (count > limits.maxStorageBuffers)
      report(
        place,
        `has ${count} ${spans ? 'bindings' : 'buffers'} of at most ${limits.maxStorageBuffers}`,
      );
    const bytes = Math.max(...kernelParts(kernel).map(arrayBytes));
    if (bytes > limits.maxWorkgroupBytes)
      report(place, `its stages fill ${bytes} bytes of at most ${limits.maxWorkgroupBytes}`);
  }
}

function verifyNames({ tensors, kernels, programs }: Schedule, report: Report): void {
  const unique = (what: string, items: readonly { readonly name: string }[]) => {
    const names = new Set<string>();
    for (const { name } of items) {
      if (names.has(name)) report(`${what} '${name}'`, 'stands twice');
      names.add(name);
    }
  };
  const persistent = tensors.filter(({ program }) => program === null);
  unique('tensor', persistent);
  unique('kernel', kernels);
  unique('program', programs);
  for (const { name, inputs, outputs } of programs) {
    unique(`${name}, input`, inputs);
    unique(`${name}, output`, outputs);
  }
}

function verifyInterface(
  { tensors }: Schedule,
  index: number,
  { name: program, inputs, outputs }: ScheduleProgram,
  report: Report,
): void {
  const verify = (place: string, tensor: ScheduleTensor | undefined, role: string) => {
    if (!tensor) {
      report(place, 'there is no such tensor');
      return;
    }
    if (tensor.role !== role) report(place, `'${tensor.name}' has role '${tensor.role}'`);
    if (tensor.program !== index) report(place, `'${tensor.name}' is of another program`);
  };
  for (const input of inputs) {
    const place = `${program}, input '${input.name}'`;
    const tensor = tensors[input.tensor];
    verify(place, tensor, 'input');
    if (!tensor) continue;
    if (input.default !== null && !DTYPES[valueType(tensor.dtype)].accepts(input.default))
      report(place, `the default ${input.default} is not an i32`);
    const wrong = indexRangesError({ ...input, shape: tensor.shape });
    if (wrong) report(place, `range ${wrong[0]}: ${wrong[1]}`);
  }
  for (const { name, tensor } of outputs)
    verify(`${program}, output '${name}'`, tensors[tensor], 'output');
}

/** A tensor with role `input` is one input of its program, and one with role `output` an output. */
function verifyRoles({ tensors, programs }: Schedule, report: Report): void {
  const uses = new Uint32Array(tensors.length);
  for (const { inputs, outputs } of programs) {
    for (const { tensor } of inputs) uses[tensor]++;
    for (const { tensor } of outputs) uses[tensor]++;
  }
  tensors.forEach((tensor, i) => {
    const { role } = tensor;
    if (role === 'input' && uses[i] !== 1) report(called(tensor), `is ${uses[i]} inputs, not one`);
    if (role === 'output' && uses[i] === 0) report(called(tensor), 'is no output of its program');
  });
}

function verifyStep(
  { tensors, kernels, programs }: Schedule,
  program: number,
  step: number,
  reportAt: Report,
): void {
  const { kernel: index, operands, offsets } = programs[program].steps[step];
  const report = (reason: string) => reportAt(placeOf(programs[program], step), reason);
  const kernel = kernels[index];
  if (!kernel) {
    report(`there is no kernel ${index}`);
    return;
  }
  const { buffers } = kernel;
  const [said, parts] = [programs[program].steps[step].parts, kernel.parts];
  if (said?.length !== parts?.length)
    report(`is of ${said?.length ?? 'no'} parts, '${kernel.name}' of ${parts?.length ?? 'none'}`);
  if (operands.length !== buffers.length || (offsets && offsets.length !== buffers.length)) {
    const given = operands.length !== buffers.length ? operands.length : offsets?.length;
    report(`${given} tensors for the ${buffers.length} buffers of '${kernel.name}'`);
    return;
  }
  for (let b = 0; b < buffers.length; b++) {
    const tensor = tensors[operands[b]];
    const start = offsets?.[b] ?? 0;
    if (!tensor) {
      report(`there is no tensor ${operands[b]}`);
      return;
    }
    const { name, role, dtype } = tensor;
    const { access, elements, dtype: wanted } = buffers[b];
    if (tensor.program !== null && tensor.program !== program)
      report(`'${name}' is of another program`);
    if (tensor.hostResident) report(`'${name}' is on the host`);
    if (dtype !== wanted) report(`'${name}' is ${dtype}, b${b} of '${kernel.name}' ${wanted}`);
    // A dtype that is none is told of where the tensor is.
    const unit = Object.hasOwn(STORAGE_TYPES, dtype) ? rangeAlignment(dtype) : 1;
    if (!Number.isSafeInteger(start) || start < 0 || start % unit !== 0)
      report(`the range of '${name}' starts at ${start}, not at a multiple of ${unit}`);
    const count = elementCount(tensor.shape);
    if (start + elements > count)
      report(`binds elements ${start} to ${start + elements - 1} of '${name}', which has ${count}`);
    if (role === 'input' && access !== 'read') report(`writes the input '${name}'`);
    for (let other = 0; other < b; other++) {
      const from = offsets?.[other] ?? 0;
      if (operands[other] !== operands[b]) continue;
      if (from < start + elements && start < from + buffers[other].elements)
        report(`binds elements of '${name}' twice, as b${other} and as b${b}`);
    }
  }
}

/** Slots and who they are for; what they hold when is a matter of the flow. */
function verifySlots({ tensors, slots = [], programs }: Schedule, report: Report): void {
  const homes = new Uint32Array(tensors.length);
  const written = new Uint8Array(slots.length);
  const user = new Map<number, { readonly program: string; readonly elements: number }>();
  for (const { name: program, transfers = [] } of programs)
    for (const { kind, slot, tensor } of transfers) {
      if (kind === 'out') written[slot] = 1;
      if (!tensors[tensor] || !slots[slot] || slots[slot].tensor !== null) continue;
      const elements = elementCount(tensors[tensor].shape);
      const first = user.get(slot);
      if (!first) user.set(slot, { program, elements });
      else if (first.program !== program)
        report(`slot ${slot}`, `is used by ${first.program} and by ${program}`);
      else if (first.elements !== elements)
        report(
          `slot ${slot}`,
          `holds ${first.elements} elements, but '${tensors[tensor].name}' has ${elements}`,
        );
    }
  slots.forEach(({ tensor: index, copies }, i) => {
    const place = `slot ${i}`;
    if (index === null) {
      if (copies !== 1) report(place, 'only a home slot has two copies');
      return;
    }
    const tensor = tensors[index];
    if (!tensor?.hostResident) report(place, `tensor ${index} is not on the host`);
    else if (copies !== 1 + written[i])
      report(
        place,
        `the home slot of '${tensor.name}' has ${copies} copies, but ${written[i] ? 'a' : 'no'} program writes it`,
      );
    homes[index]++;
  });
  tensors.forEach((tensor, i) => {
    if (tensor.hostResident && homes[i] !== 1)
      report(called(tensor), `is host-resident, but has ${homes[i]} home slots`);
  });
}
