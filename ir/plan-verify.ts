import type { Plan } from './plan.ts';
import { verifyBounds } from './plan-bounds.ts';
import { verifyCopies, verifyCopiesMade } from './plan-copies.ts';
import { planFormErrors } from './plan-form.ts';
import { verifyHost } from './plan-host.ts';
import { verifyContractions, verifyInterface } from './plan-interface.ts';
import { verifyLifetimes } from './plan-lifetimes.ts';
import { verifyNames } from './plan-names.ts';
import { verifyPrediction } from './plan-prediction.ts';
import type { Report } from './plan-report.ts';
import { verifySlots } from './plan-slots.ts';
import { verifySources } from './plan-sources.ts';
import { verifyKernels, verifySteps } from './plan-steps.ts';
import { verifyRoles, verifyTensors } from './plan-tensors.ts';
import { verifyTotals } from './plan-totals.ts';
import { verifySwapForm } from './plan-transfers.ts';
import { ADDED, type AddedField, currentPlan } from './plan-version.ts';
import { printable } from './printable.ts';

// The invariants of a plan. A plan that keeps them is safe to run wherever its code keeps to its bindings:
//
// version     the plan is of a version that is read (plan-version.ts);
// form        every field is there, of its kind, and every number whole and in range (plan-form.ts);
// names       (plan-names.ts) of tensors and kernels are unique; of inputs and outputs within their program; none is `__proto__`;
//             no text that people read has control characters, and the module's name leads into no folder;
// tensors     (plan-tensors.ts) have bytes = shape · those of an element in whole words, lie within their slab at an aligned offset; `parameter`, `state` and `optimiser` are
//             persistent or on the host, and of no program, all others of one program;
// kernels     (plan-steps.ts) have WGSL (webgpu) or an export (wasm), never the other;
// steps       (plan-steps.ts) name a kernel and one tensor per binding of it: same dtype, of the step's program or persistent, with the
//             binding's range inside of it at an aligned offset, and none on the host; the bindings of one step are disjoint;
// interface   (plan-interface.ts) inputs and outputs agree with their tensors in program, role, dtype and shape; ranges of inputs (index-range.ts)
//             hold some value, their parts lie inside of the shape, defaults are in them, and counters have none;
// contractions (plan-contractions.ts) have an order that contracts every part of their equation once;
// prediction  (plan-prediction.ts) the seconds of a run are the sum of their parts;
// sources     (plan-sources.ts) indices of places and calls lead to entries, those of calls outwards;
// swap        (plan-transfers.ts, plan-slots.ts) transfers go between arena tensors and slots of their size, which hold what is read of them;
// copies      (plan-copies.ts) tensors that hold the value of another are swapped in or recomputed, by steps that update nothing;
// lifetimes   (plan-lifetimes.ts) every read follows a write; firstStep and lastStep are exact; no two tensors overlap while
//             both live, but for a handover in place;
// host        (plan-host.ts) snapshots and buffers are there where they are needed;
// totals      (plan-totals.ts) slabs, arenaBytes, persistentBytes, stagingBytes, deviceBytes, host memory, spillBytes, peakLiveBytes, gapBytes and
//             module.pages are what the tensors and slots say, and deviceBytes keeps the budget.
// bounds      (plan-bounds.ts) are at most the figures that they are of, with the gaps that they say.
//
// Nothing of it is shared with compiler/liveness, which the compiler plans by: see plan-lifetimes.ts.

/**
 * Reads what should be a plan: any version that this btc-compiler reads, brought up to the newest, and verified. Everyone who runs
 * or shows a plan from elsewhere starts here. Never throws, whatever the value. `added` is for tests.
 */
export function readPlan(value: unknown, added: readonly AddedField[] = ADDED): PlanRead {
  const current = currentPlan(value, added);
  if ('problem' in current) return { problems: [current.problem] };
  const plan = current.plan as Plan;
  const problems = verifyCurrent(plan);
  return problems.length > 0 ? { problems } : { plan };
}

/** A plan that can be relied on, or what is wrong with it, each as `tensors[3].offset: reason`. */
export type PlanRead = { readonly plan: Plan } | { readonly problems: readonly string[] };

/**
 * Proves without running it that a plan is consistent; see the invariants above. Returns what is wrong, each as
 * `tensors[3].offset: reason`; empty for a valid plan. Never throws, whatever the value. Near-linear in the
 * size of the plan.
 */
export function verifyPlan(plan: Plan): readonly string[] {
  const read = readPlan(plan);
  return 'plan' in read ? [] : read.problems;
}

function verifyCurrent(plan: Plan): string[] {
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
  verifyBounds(plan, report);
  return errors;
}
