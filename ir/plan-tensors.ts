import { fromBase64 } from './base64.ts';
import { DTYPES, isDType, valueType } from './dtypes.ts';
import { isPersistent, type Plan, type PlanTensor } from './plan.ts';
import type { Report } from './plan-report.ts';
import { TARGET_RULES } from './targets.ts';
import { byteCount, elementCount } from './tensor.ts';

export function verifyTensors(plan: Plan, report: Report): void {
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
    verifyData(tensor, path, report);
  });
}

function verifyData(tensor: PlanTensor, path: string, report: Report): void {
  const { data, role, dtype, shape, initial } = tensor;
  if (data === undefined) return;
  if (role !== 'state' || !isDType(dtype))
    report(`${path}.data`, `a ${dtype} tensor with role '${role}' has none`);
  else if (initial !== undefined) report(`${path}.data`, "it stands beside 'initial'");
  else if (!fromBase64(data, dtype, elementCount(shape)))
    report(`${path}.data`, `it is not the base64 of ${elementCount(shape)} elements`);
}

function verifyKind(plan: Plan, tensor: PlanTensor, path: string, report: Report): void {
  const { role, policy, program, slab, dtype, initial } = tensor;
  const persistent = isPersistent(role);
  if (initial !== undefined && (!persistent || role === 'optimiser'))
    report(`${path}.initial`, `a tensor with role '${role}' has none`);
  else if (initial !== undefined && initial !== DTYPES[valueType(dtype)].round(initial))
    report(`${path}.initial`, `${initial} is no ${dtype}`);
  if (role !== 'activation' && !isDType(dtype))
    report(`${path}.dtype`, `a tensor with role '${role}' cannot be ${dtype}`);
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

/** Every tensor with role `input` is one input of its program, every `output` at least one output. */
export function verifyRoles(plan: Plan, report: Report): void {
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
