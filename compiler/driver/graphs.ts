import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { MACS } from '../contract/objective.ts';
import { traceModel } from '../frontend/trace.ts';
import { codeModel } from '../profile/code-model.ts';
import { TARGETS } from '../targets/index.ts';
import { Driver } from './driver.ts';
import type { ModuleState } from './module-state.ts';
import type { PassOptions } from './pass.ts';
import { stageModel } from './stage-model.ts';

/** A driver for who goes no further than graphs: nothing that it makes depends on a device. */
export function graphDriver(options: Pick<PassOptions, 'precision' | 'isUnverified'> = {}): Driver {
  const { profile } = TARGETS.webgpu;
  return new Driver({
    ...{ target: 'webgpu', limits: WEBGPU_DEFAULT_LIMITS, objective: MACS, traceOf: traceModel },
    ...{ variants: codeModel(profile), groups: null },
    stages: stageModel('webgpu', WEBGPU_DEFAULT_LIMITS, profile),
    ...options,
  });
}

/** A module behind gradients, and behind what becomes of them; that is null where a gradient cannot be taken. */
export interface ThroughGradients {
  readonly differentiated: ModuleState;
  readonly optimised: ModuleState | null;
}

/** The passes from a traced module to one that trains. Mistakes that they find are among the diagnostics of what they make. */
export function throughGradients(driver: Driver, traced: ModuleState): ThroughGradients {
  const ordered = driver.run('contract', driver.run('simplify', traced), null);
  const differentiated: ModuleState = driver.run('gradient', ordered);
  const failed = differentiated.diagnostics.some(({ category }) => category === 'error');
  return { differentiated, optimised: failed ? null : driver.run('optimise', differentiated) };
}
