import { MACS } from '../../compiler/contract/objective.ts';
import { throughGraphs } from '../../compiler/driver/attempt.ts';
import { Driver } from '../../compiler/driver/driver.ts';
import type { ModuleState } from '../../compiler/driver/module-state.ts';
import { stageModel } from '../../compiler/driver/stage-model.ts';
import type { Model } from '../../compiler/frontend/model.ts';
import { type TracedModel, traceModel } from '../../compiler/frontend/trace.ts';
import { NO_KNOBS } from '../../compiler/plan-search/knobs.ts';
import { codeModel } from '../../compiler/profile/code-model.ts';
import { TARGETS } from '../../compiler/targets/index.ts';
import type { Target } from '../../ir/plan.ts';
import { type TargetLimits, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';

/** A driver with the plain count of multiply-adds as its objective. */
export function driverOf(
  target: Target = 'webgpu',
  limits: TargetLimits = WEBGPU_DEFAULT_LIMITS,
  traceOf: (model: Model) => TracedModel = traceModel,
): Driver {
  return new Driver({
    target,
    limits,
    objective: MACS,
    stages: stageModel(target, limits),
    variants: codeModel(TARGETS[target].profile),
    groups: null,
    traceOf,
  });
}

/** A model behind the passes over graphs. */
export function graphsOf(model: Model, driver = driverOf()): ModuleState {
  return throughGraphs(driver, driver.run('trace', model), NO_KNOBS, false);
}
