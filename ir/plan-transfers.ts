import { HOST_ALIGNMENT, type Plan, type PlanProgram } from './plan.ts';
import type { Report } from './plan-report.ts';
import { NO_SWAP, transferTime } from './plan-swap.ts';
import { TARGET_RULES } from './targets.ts';

// The part of `verifyPlan` about the form of transfers and their slots. What it proves:
//
// slots       lie at multiples of 64; a tensor with policy `host` has exactly one, its home slot, of its bytes; a home slot has
//             two copies exactly where some program copies to it (plan-slots.ts);
// transfers   stand in the order of time, `in` before and `out` after their step; each names a slot and an arena tensor of its
//             program and of the slot's bytes; an `in` is the first use of a tensor that says whose value it copies.
//
// plan-lifetimes.ts counts transfers as uses of their tensors in time.

/** The compiler makes two; more than a few would only take memory. */
const MOST_STAGING_BUFFERS = 16;

/** Indices, sizes and order of slots and transfers. */
export function verifySwapForm(plan: Plan, report: Report): void {
  const { staging, slots } = plan.swap ?? NO_SWAP;
  const homes = new Uint32Array(plan.tensors.length);
  slots.forEach(({ offset, bytes, tensor, copies }, i) => {
    const path = `swap.slots[${i}]`;
    if (offset % HOST_ALIGNMENT !== 0)
      report(`${path}.offset`, `${offset} is not a multiple of ${HOST_ALIGNMENT}`);
    if (tensor === null) {
      if (copies !== 1) report(`${path}.copies`, 'only a home slot has two copies');
      return;
    }
    const owner = plan.tensors[tensor];
    if (owner?.policy !== 'host' && owner?.policy !== 'persistent') {
      report(`${path}.tensor`, `${tensor} is no tensor with policy 'host' or 'persistent'`);
      return;
    }
    homes[tensor]++;
    if (bytes !== owner.bytes)
      report(`${path}.bytes`, `${bytes}, but tensor '${owner.name}' has ${owner.bytes}`);
  });
  plan.tensors.forEach(({ policy, name }, i) => {
    if (policy === 'host' && homes[i] !== 1)
      report(`tensors[${i}].policy`, `'host', but '${name}' has ${homes[i]} home slots`);
  });
  let outs = 0;
  for (const [name, program] of Object.entries(plan.programs)) {
    verifyTransferForm(plan, name, program, report);
    outs += (program.transfers ?? []).filter(({ kind }) => kind === 'out').length;
  }
  const { buffers, bytes } = staging;
  if (buffers === 0 ? bytes !== 0 : bytes === 0 || bytes % 16 !== 0)
    report('swap.staging.bytes', `${bytes} is no size of ${buffers} buffers`);
  if (
    TARGET_RULES[plan.target].readsDirectly
      ? buffers > 0
      : buffers > MOST_STAGING_BUFFERS || (outs > 0 && buffers === 0)
  )
    report('swap.staging.buffers', `${buffers} for ${outs} copies out on ${plan.target}`);
}

function verifyTransferForm(plan: Plan, name: string, program: PlanProgram, report: Report): void {
  const slots = plan.swap?.slots ?? [];
  let now = 0;
  program.transfers?.forEach((transfer, i) => {
    const path = `programs.${name}.transfers[${i}]`;
    if (transfer.step >= program.steps.length)
      report(`${path}.step`, `there is no step ${transfer.step}`);
    if (transferTime(transfer) < now) report(`${path}.step`, 'earlier than the transfer before it');
    now = transferTime(transfer);
    const tensor = plan.tensors[transfer.tensor];
    const slot = slots[transfer.slot];
    if (!slot) report(`${path}.slot`, `there is no slot ${transfer.slot}`);
    else if (slot.tensor !== null && plan.tensors[slot.tensor]?.policy === 'persistent')
      report(`${path}.slot`, `${transfer.slot} is a snapshot, which no transfer names`);
    if (!tensor || tensor.program !== name) {
      report(`${path}.tensor`, `${transfer.tensor} is no tensor of program '${name}'`);
      return;
    }
    if (slot && slot.bytes !== tensor.bytes)
      report(`${path}.slot`, `${slot.bytes} bytes, but '${tensor.name}' has ${tensor.bytes}`);
    if (transfer.kind === 'out') return;
    if (tensor.policy !== 'arena' || tensor.role === 'input')
      report(`${path}.tensor`, `'${tensor.name}' is written by the caller or in place`);
    if (tensor.copyOf?.by !== 'swap')
      report(`${path}.tensor`, `'${tensor.name}' does not say whose value it holds`);
  });
}
