import { storedBytes } from './dtypes.ts';
import type { Plan, PlanBinding, PlanKernel, PlanProgram, PlanStep, PlanTensor } from './plan.ts';
import { BINDING_ALIGNMENT } from './plan-alignment.ts';
import { planFeatures } from './plan-features.ts';
import type { Report } from './plan-report.ts';
import { boundRanges } from './plan-spans.ts';
import type { Members } from './spans.ts';
import { TARGET_NAMES, TARGET_RULES } from './targets.ts';

const CODE_FIELDS = [...new Set(TARGET_NAMES.map((target) => TARGET_RULES[target].code))];

const targetsWith = (rule: 'hasModule' | 'hasLimits') =>
  TARGET_NAMES.filter((target) => TARGET_RULES[target][rule]).join(' and ');

export function verifyKernels(plan: Plan, report: Report): void {
  const { code: wanted, hasModule, hasLimits } = TARGET_RULES[plan.target];
  const others = CODE_FIELDS.filter((field) => field !== wanted);
  plan.kernels.forEach((kernel, i) => {
    const path = `kernels[${i}]`;
    if (!kernel[wanted]) report(`${path}.${wanted}`, `missing, but the target is ${plan.target}`);
    for (const other of others)
      if (kernel[other] !== undefined) report(`${path}.${other}`, `not for target ${plan.target}`);
    kernel.bindings.forEach(({ dtype, bytes }, j) => {
      const unit = storedBytes(dtype, 1);
      if (bytes === 0 || bytes % unit !== 0)
        report(`${path}.bindings[${j}].bytes`, `${bytes} is not a positive multiple of ${unit}`);
    });
    if (kernel.spans && !hasLimits) report(`${path}.spans`, `not for target ${plan.target}`);
    verifySpans(kernel, path, report);
  });
  if (hasModule !== (plan.module !== undefined))
    report(
      'module',
      hasModule
        ? `missing, but the target is ${plan.target}`
        : `only for ${targetsWith('hasModule')}`,
    );
  const [given, needed] = [plan.features ?? [], planFeatures(plan)];
  if (given.join() !== needed.join())
    report('features', `[${given}], but the kernels need [${needed}]`);
  if (plan.limits && !hasLimits) report('limits', `only for ${targetsWith('hasLimits')}`);
}

export function verifySteps(plan: Plan, name: string, program: PlanProgram, report: Report): void {
  program.steps.forEach((step, s) => {
    const path = `programs.${name}.steps[${s}]`;
    if (!TARGET_RULES[plan.target].hasGrid && step.grid.some((extent) => extent !== 1))
      report(`${path}.grid`, `must be [1, 1, 1] on ${plan.target}`);
    for (const field of ['flops', 'bytesMoved'] as const) {
      const sum = step.parts?.reduce((total, part) => total + part[field], 0) ?? step[field];
      if (sum !== step[field])
        report(`${path}.parts`, `their ${field} are ${sum}, not ${step[field]}`);
    }
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
    const places = (kernel.spans ?? []).flat();
    if (
      step.bindings.every((index) => plan.tensors[index]) &&
      places.every(({ binding }) => kernel.bindings[binding])
    )
      verifyBound(plan, step, path, report);
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
  if (tensor.data !== undefined && binding.access !== 'read')
    return `tensor '${tensor.name}' is a constant, which nothing writes`;
  if (tensor.dtype !== binding.dtype)
    return `tensor '${tensor.name}' is ${tensor.dtype}, the kernel wants ${binding.dtype}`;
  if (offset % BINDING_ALIGNMENT !== 0)
    return `the offset ${offset} is not a multiple of ${BINDING_ALIGNMENT}`;
  if (tensor.bytes < offset + binding.bytes)
    return `tensor '${tensor.name}' has ${tensor.bytes} bytes, the kernel wants ${binding.bytes}${offset > 0 ? ` from ${offset}` : ''}`;
  return null;
}

/** What a step binds is apart: two bindings of one place would make a kernel's result depend on its timing. */
function verifyBound(plan: Plan, step: PlanStep, path: string, report: Report): void {
  const ranges = boundRanges(plan, step).flatMap(({ members, slab, offset, bytes }) => {
    for (const { buffer, start } of members) {
      const tensor = plan.tensors[step.bindings[buffer]];
      const own = tensor.offset + (step.offsets?.[buffer] ?? 0);
      if (tensor.slab !== slab || own !== offset + start)
        report(
          `${path}.bindings[${buffer}]`,
          `'${tensor.name}' does not lie ${start} bytes behind '${nameOf(plan, step, members)}'`,
        );
    }
    if (slab === null) return [];
    if (members.length > 1 && offset + bytes > (plan.slabs[slab]?.bytes ?? 0))
      report(
        `${path}.bindings`,
        `the range from '${nameOf(plan, step, members)}' on ends behind its slab`,
      );
    return [{ name: nameOf(plan, step, members), slab, start: offset, end: offset + bytes }];
  });
  ranges.sort((a, b) => a.slab - b.slab || a.start - b.start);
  for (let i = 1; i < ranges.length; i++) {
    const [before, after] = [ranges[i - 1], ranges[i]];
    if (before.slab === after.slab && before.end > after.start)
      report(`${path}.bindings`, `'${before.name}' and '${after.name}' are in the same memory`);
  }
}

const nameOf = ({ tensors }: Plan, { bindings }: PlanStep, [{ buffer }]: Members) =>
  tensors[bindings[buffer]].name;

/** A span holds several bindings of one type, one behind the other, and no binding is in two. */
function verifySpans({ spans = [], bindings }: PlanKernel, path: string, report: Report): void {
  const seen = new Set<number>();
  spans.forEach((span, k) => {
    let end = 0;
    span.forEach(({ binding, start }, i) => {
      const place = `${path}.spans[${k}][${i}]`;
      const own = bindings[binding];
      if (!own) report(`${place}.binding`, `there is no binding ${binding}`);
      else if (seen.has(binding))
        report(`${place}.binding`, `binding ${binding} is in a span already`);
      else if (own.dtype !== bindings[span[0].binding]?.dtype || own.scratch)
        report(`${place}.binding`, 'holds another type, or scratch memory');
      seen.add(binding);
      if (i === 0 ? start !== 0 : start < end || start % BINDING_ALIGNMENT !== 0)
        report(
          `${place}.start`,
          `${start} is not a multiple of ${BINDING_ALIGNMENT} from ${end} on, or 0 for the first`,
        );
      end = start + (own?.bytes ?? 0);
    });
  });
}
