import { DTYPES } from './dtypes.ts';
import { indexRangesError } from './index-range.ts';
import {
  type HostMemory,
  isPersistent,
  type Plan,
  type PlanBinding,
  type PlanProgram,
  type PlanStep,
  type PlanTensor,
} from './plan.ts';
import { contractionError } from './plan-contractions.ts';
import { planFormErrors } from './plan-form.ts';
import { hostMemory, snapshotOptionBytes, verifyHost } from './plan-host.ts';
import { peakLiveBytes, verifyLifetimes } from './plan-lifetimes.ts';
import { verifyPrediction } from './plan-prediction.ts';
import { verifySources } from './plan-sources.ts';
import { stagingBytes } from './plan-staging.ts';
import {
  tierBytes,
  verifyCopies,
  verifyCopiesMade,
  verifySlots,
  verifySwapForm,
} from './plan-swap.ts';
import { printable } from './printable.ts';
import { TARGET_NAMES, TARGET_RULES } from './targets.ts';
import { byteCount, sameShape } from './tensor.ts';

// The invariants of a plan. A plan that keeps them is safe to run wherever its code keeps to its bindings:
//
// form        every field is there, of its kind, and every number whole and in range (plan-form.ts);
// names       of tensors and kernels are unique; of inputs and outputs within their program; none is `__proto__`;
//             no text that people read has control characters, and the module's name leads into no folder;
// tensors     have bytes = shape · 4, lie within their slab at an aligned offset; `parameter`, `state` and `optimiser` are
//             persistent or on the host, and of no program, all others of one program;
// kernels     have WGSL (webgpu) or an export (wasm), never the other;
// steps       name a kernel and one tensor per binding of it: same dtype, of the step's program or persistent, with the
//             binding's range inside of it at an aligned offset, and none on the host; the bindings of one step are disjoint;
// interface   inputs and outputs agree with their tensors in program, role, dtype and shape; ranges of inputs (index-range.ts)
//             hold some value, their parts lie inside of the shape, defaults are in them, and counters have none;
// contractions (plan-contractions.ts) have an order that contracts every part of their equation once;
// prediction  (plan-prediction.ts) the seconds of a run are the sum of their parts;
// sources     (plan-sources.ts) indices of places and calls lead to entries, those of calls outwards;
// swap        (plan-swap.ts) transfers go between arena tensors and slots of their size, which hold what is read of them;
// copies      tensors that hold the value of another are swapped in or recomputed, by steps that update nothing;
// lifetimes   (plan-lifetimes.ts) every read follows a write; firstStep and lastStep are exact; no two tensors overlap while
//             both live, but for a handover in place;
// host        (plan-host.ts) snapshots and buffers are there where they are needed;
// totals      slabs, arenaBytes, persistentBytes, stagingBytes, deviceBytes, host memory, spillBytes, peakLiveBytes, gapBytes and
//             module.pages are what the tensors and slots say, and deviceBytes keeps the budget.

/** Offsets of bindings inside their tensors are multiples of this on every target. */
export const BINDING_ALIGNMENT = 256;

export type Report = (path: string, reason: string) => void;

function alignUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/**
 * Proves without running it that a plan is consistent; see the invariants above. Returns what is wrong, each as
 * `tensors[3].offset: reason`; empty for a valid plan. Never throws, whatever the value. Near-linear in the
 * size of the plan.
 */
export function verifyPlan(plan: Plan): string[] {
  const errors = planFormErrors(plan);
  if (errors.length > 0) return errors;
  const report: Report = (path, reason) => errors.push(printable(`${path}: ${reason}`));
  verifyNames(plan, report);
  verifyTensors(plan, report);
  verifyKernels(plan, report);
  for (const [name, program] of Object.entries(plan.programs)) {
    verifySteps(plan, name, program, report);
    verifyInterface(plan, name, program, report);
    verifyContractions(name, program, report);
    verifyPrediction(name, program, report);
  }
  verifySources(plan, report);
  verifyRoles(plan, report);
  verifySwapForm(plan, report);
  verifyCopies(plan, report);
  // Lifetimes and totals are sums over ranges and indices that must be sound first.
  if (errors.length > 0) return errors;
  verifyCopiesMade(plan, report);
  verifySlots(plan, report);
  verifyHost(plan, report);
  verifyLifetimes(plan, report);
  if (errors.length > 0) return errors;
  verifyTotals(plan, report);
  return errors;
}

/** Objects and safetensors files have a meaning for them. */
const FORBIDDEN_NAMES = ['__proto__', '__metadata__'];

function verifyUnique(names: readonly string[], path: (i: number) => string, report: Report): void {
  const first = new Map<string, number>();
  names.forEach((name, i) => {
    if (FORBIDDEN_NAMES.includes(name)) report(path(i), `'${name}' is not allowed as a name`);
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, i);
    else
      report(path(i), `'${name}' is already the name of ${path(earlier).replace(/\.name$/, '')}`);
  });
}

function verifyNames(plan: Plan, report: Report): void {
  const names = (items: readonly { name: string }[]) => items.map((item) => item.name);
  verifyUnique(names(plan.tensors), (i) => `tensors[${i}].name`, report);
  verifyUnique(names(plan.kernels), (i) => `kernels[${i}].name`, report);
  verifyUnique(Object.keys(plan.programs), () => 'programs', report);
  for (const [name, { inputs, outputs }] of Object.entries(plan.programs)) {
    verifyUnique(names(inputs), (i) => `programs.${name}.inputs[${i}].name`, report);
    verifyUnique(names(outputs), (i) => `programs.${name}.outputs[${i}].name`, report);
  }
}

function verifyTensors(plan: Plan, report: Report): void {
  const alignment = TARGET_RULES[plan.target].offsetAlignment;
  plan.tensors.forEach((tensor, i) => {
    const path = `tensors[${i}]`;
    const { bytes, offset } = tensor;
    if (bytes !== byteCount(tensor))
      report(`${path}.bytes`, `${bytes}, but the shape takes ${byteCount(tensor)}`);
    if (offset % alignment !== 0)
      report(`${path}.offset`, `${offset} is not a multiple of ${alignment}`);
    const slab = tensor.slab === null ? null : plan.slabs[tensor.slab];
    if (slab === null) {
      if (offset !== 0) report(`${path}.offset`, `${offset}, but the tensor is on the host`);
    } else if (!slab) report(`${path}.slab`, `there is no slab ${tensor.slab}`);
    else if (offset + bytes > slab.bytes)
      report(
        `${path}.offset`,
        `the tensor ends at ${offset + bytes}, behind its slab's end at ${slab.bytes}`,
      );
    verifyKind(plan, tensor, path, report);
  });
}

function verifyKind(plan: Plan, tensor: PlanTensor, path: string, report: Report): void {
  const { role, policy, program, slab, dtype, initial } = tensor;
  const persistent = isPersistent(role);
  if (initial !== undefined && (!persistent || role === 'optimiser'))
    report(`${path}.initial`, `a tensor with role '${role}' has none`);
  else if (initial !== undefined && initial !== DTYPES[dtype].round(initial))
    report(`${path}.initial`, `${initial} is no ${dtype}`);
  if (persistent !== (policy === 'persistent' || policy === 'host'))
    report(`${path}.policy`, `a tensor with role '${role}' cannot be '${policy}'`);
  if ((slab === null) !== (policy === 'host'))
    report(`${path}.slab`, `${slab}, but the tensor is '${policy}'`);
  if (role === 'input' && policy === 'in-place')
    report(`${path}.policy`, 'an input is written by the caller, not in place');
  if (persistent !== (program === null))
    report(
      `${path}.program`,
      `a tensor with role '${role}' ${persistent ? 'has no' : 'needs a'} program`,
    );
  if (program !== null && !Object.hasOwn(plan.programs, program))
    report(`${path}.program`, `there is no program '${program}'`);
}

const CODE_FIELDS = [...new Set(TARGET_NAMES.map((target) => TARGET_RULES[target].code))];

const targetsWith = (rule: 'hasModule' | 'hasLimits') =>
  TARGET_NAMES.filter((target) => TARGET_RULES[target][rule]).join(' and ');

function verifyKernels(plan: Plan, report: Report): void {
  const wanted = TARGET_RULES[plan.target].code;
  const others = CODE_FIELDS.filter((field) => field !== wanted);
  plan.kernels.forEach((kernel, i) => {
    const path = `kernels[${i}]`;
    if (!kernel[wanted]) report(`${path}.${wanted}`, `missing, but the target is ${plan.target}`);
    for (const other of others)
      if (kernel[other] !== undefined) report(`${path}.${other}`, `not for target ${plan.target}`);
    kernel.bindings.forEach(({ dtype, bytes }, j) => {
      const unit = DTYPES[dtype].bytes;
      if (bytes === 0 || bytes % unit !== 0)
        report(`${path}.bindings[${j}].bytes`, `${bytes} is not a positive multiple of ${unit}`);
    });
  });
  const { hasModule, hasLimits } = TARGET_RULES[plan.target];
  if (hasModule !== (plan.module !== undefined))
    report(
      'module',
      hasModule
        ? `missing, but the target is ${plan.target}`
        : `only for ${targetsWith('hasModule')}`,
    );
  if (plan.limits && !hasLimits) report('limits', `only for ${targetsWith('hasLimits')}`);
}

function verifySteps(plan: Plan, name: string, program: PlanProgram, report: Report): void {
  program.steps.forEach((step, s) => {
    const path = `programs.${name}.steps[${s}]`;
    if (!TARGET_RULES[plan.target].hasGrid && step.grid.some((extent) => extent !== 1))
      report(`${path}.grid`, `must be [1, 1, 1] on ${plan.target}`);
    const kernel = plan.kernels[step.kernel];
    if (!kernel) {
      report(`${path}.kernel`, `there is no kernel ${step.kernel}`);
      return;
    }
    if (step.bindings.length !== kernel.bindings.length) {
      report(
        `${path}.bindings`,
        `kernel '${kernel.name}' has ${kernel.bindings.length} bindings, not ${step.bindings.length}`,
      );
      return;
    }
    if (step.offsets && step.offsets.length !== step.bindings.length) {
      report(`${path}.offsets`, `${step.offsets.length} for ${step.bindings.length} bindings`);
      return;
    }
    step.bindings.forEach((index, b) => {
      const tensor = plan.tensors[index];
      const reason = tensor
        ? bindingError(tensor, kernel.bindings[b], step.offsets?.[b] ?? 0, name)
        : `there is no tensor ${index}`;
      if (reason) report(`${path}.bindings[${b}]`, reason);
    });
    verifyDisjoint(plan, step, path, report);
  });
}

function bindingError(
  tensor: PlanTensor,
  binding: PlanBinding,
  offset: number,
  program: string,
): string | null {
  if (tensor.program !== null && tensor.program !== program)
    return `tensor '${tensor.name}' belongs to program '${tensor.program}'`;
  if (tensor.policy === 'host') return `tensor '${tensor.name}' is on the host`;
  if (tensor.dtype !== binding.dtype)
    return `tensor '${tensor.name}' is ${tensor.dtype}, the kernel wants ${binding.dtype}`;
  if (offset % BINDING_ALIGNMENT !== 0)
    return `the offset ${offset} is not a multiple of ${BINDING_ALIGNMENT}`;
  if (tensor.bytes < offset + binding.bytes)
    return `tensor '${tensor.name}' has ${tensor.bytes} bytes, the kernel wants ${binding.bytes}${offset > 0 ? ` from ${offset}` : ''}`;
  return null;
}

/** Two bindings of one place would make a kernel's result depend on its timing. */
function verifyDisjoint(plan: Plan, step: PlanStep, path: string, report: Report): void {
  const ranges = plan.kernels[step.kernel].bindings.flatMap(({ bytes }, b) => {
    const tensor = plan.tensors[step.bindings[b]];
    if (!tensor || tensor.slab === null) return [];
    const start = tensor.offset + (step.offsets?.[b] ?? 0);
    return [{ name: tensor.name, slab: tensor.slab, start, end: start + bytes }];
  });
  ranges.sort((a, b) => a.slab - b.slab || a.start - b.start);
  for (let i = 1; i < ranges.length; i++) {
    const [before, after] = [ranges[i - 1], ranges[i]];
    if (before.slab === after.slab && before.end > after.start)
      report(`${path}.bindings`, `'${before.name}' and '${after.name}' are in the same memory`);
  }
}

function verifyInterface(plan: Plan, name: string, program: PlanProgram, report: Report): void {
  for (const kind of ['inputs', 'outputs'] as const) {
    program[kind].forEach((entry, i) => {
      const path = `programs.${name}.${kind}[${i}]`;
      const tensor = plan.tensors[entry.tensor];
      if (!tensor) {
        report(`${path}.tensor`, `there is no tensor ${entry.tensor}`);
        return;
      }
      if (kind === 'inputs' && tensor.role !== 'input')
        report(`${path}.tensor`, `tensor '${tensor.name}' has role '${tensor.role}'`);
      if (kind === 'outputs' && tensor.role === 'activation')
        report(`${path}.tensor`, `tensor '${tensor.name}' has role 'activation'`);
      if (tensor.program !== null && tensor.program !== name)
        report(`${path}.tensor`, `tensor '${tensor.name}' belongs to program '${tensor.program}'`);
      if (tensor.dtype !== entry.dtype)
        report(`${path}.dtype`, `${entry.dtype}, but tensor '${tensor.name}' is ${tensor.dtype}`);
      if (!sameShape(tensor.shape, entry.shape))
        report(
          `${path}.shape`,
          `[${entry.shape}], but tensor '${tensor.name}' has [${tensor.shape}]`,
        );
    });
  }
  program.inputs.forEach((input, i) => {
    const path = `programs.${name}.inputs[${i}].default`;
    if (input.default !== null && !DTYPES[input.dtype].accepts(input.default))
      report(path, `${input.default} is not an i32`);
    const problem = indexRangesError(input);
    if (problem) report(`programs.${name}.inputs[${i}].ranges[${problem[0]}]`, problem[1]);
  });
}

/** Every tensor with role `input` is one input of its program, every `output` at least one output. */
function verifyContractions(
  name: string,
  { contractions = [] }: PlanProgram,
  report: Report,
): void {
  contractions.forEach((contraction, i) => {
    const error = contractionError(contraction);
    if (error) report(`programs.${name}.contractions[${i}].${error[0]}`, error[1]);
  });
}

function verifyRoles(plan: Plan, report: Report): void {
  const inputs = new Uint32Array(plan.tensors.length);
  const outputs = new Uint32Array(plan.tensors.length);
  for (const program of Object.values(plan.programs)) {
    for (const { tensor } of program.inputs) inputs[tensor]++;
    for (const { tensor } of program.outputs) outputs[tensor]++;
  }
  plan.tensors.forEach(({ role, program }, i) => {
    if (role === 'input' && inputs[i] !== 1)
      report(
        `tensors[${i}].role`,
        `'input', but it is ${inputs[i]} inputs of program '${program}'`,
      );
    if (role === 'output' && outputs[i] === 0)
      report(`tensors[${i}].role`, `'output', but it is no output of program '${program}'`);
  });
}

interface Totals {
  arenaBytes: number;
  persistentBytes: number;
  slabBytes: number[];
}

/** Extents by slab: persistent tensors first, the arena behind them. */
function measure(plan: Plan): Totals {
  const alignment = TARGET_RULES[plan.target].offsetAlignment;
  const persistentEnd = new Array<number>(plan.slabs.length).fill(0);
  const end = persistentEnd.slice();
  let persistentBytes = 0;
  for (const { slab, offset, bytes, policy } of plan.tensors) {
    if (slab === null) continue;
    const size = alignUp(bytes, alignment);
    end[slab] = Math.max(end[slab], offset + size);
    if (policy !== 'persistent') continue;
    persistentEnd[slab] = Math.max(persistentEnd[slab], offset + size);
    persistentBytes += size;
  }
  return {
    arenaBytes: end.reduce((sum, bytes, slab) => sum + bytes - persistentEnd[slab], 0),
    persistentBytes,
    slabBytes: end.map((bytes) => alignUp(bytes, TARGET_RULES[plan.target].slabAlignment)),
  };
}

function verifyTotals(plan: Plan, report: Report): void {
  const { memory } = plan;
  const totals = measure(plan);
  const staging = stagingBytes(plan);
  const slabs = totals.slabBytes.reduce((sum, bytes) => sum + bytes, 0);
  const equal = (path: string, given: number, true_: number) => {
    if (given !== true_) report(path, `${given}, but it is ${true_}`);
  };
  plan.slabs.forEach(({ bytes }, i) => {
    equal(`slabs[${i}].bytes`, bytes, totals.slabBytes[i]);
  });
  equal('memory.arenaBytes', memory.arenaBytes, totals.arenaBytes);
  equal('memory.persistentBytes', memory.persistentBytes, totals.persistentBytes);
  equal('memory.stagingBytes', memory.stagingBytes, staging);
  const slots = plan.swap?.slots ?? [];
  const host = hostMemory(plan);
  for (const key of Object.keys(host) as (keyof HostMemory)[])
    equal(`memory.host.${key}`, memory.host[key], host[key]);
  const hostBytes = Object.values(host).reduce((sum, bytes) => sum + bytes, 0);
  equal('memory.hostBytes', memory.hostBytes, hostBytes);
  equal('memory.snapshotOptionBytes', memory.snapshotOptionBytes, snapshotOptionBytes(plan));
  equal('memory.spillBytes', memory.spillBytes, tierBytes(slots, 'file'));
  equal('memory.deviceBytes', memory.deviceBytes, slabs + staging);
  const peak = peakLiveBytes(plan, TARGET_RULES[plan.target].offsetAlignment);
  equal('memory.peakLiveBytes', memory.peakLiveBytes, peak);
  equal('memory.packing.gapBytes', memory.packing.gapBytes, memory.arenaBytes - peak);
  if (memory.budgetBytes !== null && memory.deviceBytes > memory.budgetBytes)
    report(
      'memory.deviceBytes',
      `${memory.deviceBytes} is over the budget of ${memory.budgetBytes}`,
    );
  if (plan.module)
    equal('module.pages', plan.module.pages, slabs / TARGET_RULES[plan.target].slabAlignment);
}
