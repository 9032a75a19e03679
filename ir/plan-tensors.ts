import { fromBase64 } from './base64.ts';
import { DTYPES, isDType, STORAGE_TYPES, scaleName, valueType } from './dtypes.ts';
import { isPersistent, type Plan, type PlanTensor } from './plan.ts';
import type { Report } from './plan-report.ts';
import { TARGET_RULES } from './targets.ts';
import { byteCount, elementCount, sameShape } from './tensor.ts';

export function verifyTensors(plan: Plan, report: Report): void {
  const alignment = TARGET_RULES[plan.target].offsetAlignment;
  const named = new Map(plan.tensors.map((tensor) => [tensor.name, tensor]));
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
    // A copy is of its original's type, and counts by the scales of that.
    if (STORAGE_TYPES[tensor.dtype].isScaled && !tensor.copyOf)
      verifyScales(named, tensor, path, report);
    verifyPart(tensor, path, report);
    verifyData(tensor, path, report);
  });
}

/** Parts of attention whose last axis is heads. */
const HEADED = /^(?:query|key|value)\.(?:weight|bias)$/;

/** What a tensor is to its layer, and of which whole it is a part. */
function verifyPart(
  { name, shape, role, layer, pieceOf }: PlanTensor,
  path: string,
  report: Report,
) {
  const isModel = isPersistent(role) && role !== 'optimiser';
  if ((layer || pieceOf) && !isModel) report(path, `a tensor with role '${role}' is of no layer`);
  if (pieceOf) {
    const { part, parts } = pieceOf;
    if (shape.length === 0) report(`${path}.pieceOf`, 'a scalar has no parts');
    if (part >= parts) report(`${path}.pieceOf.part`, `${part}, but there are ${parts}`);
  }
  const whole = pieceOf ? shape.with(0, shape[0] * pieceOf.parts) : shape;
  const of = pieceOf?.name ?? name;
  if (layer && !(of === layer.part || of.endsWith(`.${layer.part}`)))
    report(`${path}.layer.part`, `'${of}' does not end with '${layer.part}'`);
  if (layer?.heads !== undefined && HEADED.test(layer.part) && whole.at(-1)! % layer.heads !== 0)
    report(`${path}.layer.heads`, `${layer.heads} do not divide the last axis of ${whole.at(-1)}`);
  layer?.flattened?.forEach(({ axis, extents }, k) => {
    const at = `${path}.layer.flattened[${k}]`;
    if (!(axis < whole.length)) report(`${at}.axis`, `there is no axis ${axis}`);
    else if (elementCount(extents) !== whole[axis])
      report(
        `${at}.extents`,
        `they multiply to ${elementCount(extents)}, the axis has ${whole[axis]}`,
      );
    if (layer.flattened!.findIndex((other) => other.axis === axis) !== k)
      report(`${at}.axis`, `axis ${axis} stands twice`);
  });
}

/** What counts by scales is a state, and so are they: one for each index of its last axis. */
function verifyScales(
  named: ReadonlyMap<string, PlanTensor>,
  { name, role, dtype, shape }: PlanTensor,
  path: string,
  report: Report,
): void {
  const scales = named.get(scaleName(name));
  const isState = role === 'state' && scales?.role === 'state' && shape.length > 0;
  if (!isState || scales.dtype !== valueType(dtype) || !sameShape(scales.shape, shape.slice(-1)))
    report(`${path}.dtype`, `${dtype} is for states with a state '${scaleName(name)}' beside`);
}

/** The elements of a constant. */
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
  if (role !== 'activation' && role !== 'state' && !isDType(dtype))
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
