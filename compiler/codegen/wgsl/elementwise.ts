import { type Kernel, pointCount } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { newScope, storeLines } from './expression.ts';
import type { Helper } from './helpers.ts';
import {
  assembleModule,
  axesOfKind,
  decompose,
  gridOvershoots,
  type WgslModule,
} from './module.ts';
import { TUNING } from './tuning.ts';

/** A kernel without reduction: one invocation per parallel point, looping over the sequential axes, if any, in order. */
export function emitElementwise(kernel: Kernel, limits: TargetLimits): WgslModule {
  const helpers = new Set<Helper>();
  const points = pointCount(kernel, 'parallel');
  const workgroupSize = Math.min(
    limits.maxWorkgroupInvocations,
    points >= TUNING.elementwise.manyPoints
      ? TUNING.elementwise.workgroupSize
      : TUNING.elementwise.fewPointsWorkgroupSize,
  );
  const groups = Math.ceil(points / workgroupSize);
  const exact =
    points % workgroupSize === 0 && !gridOvershoots(groups, limits.maxWorkgroupsPerDimension);
  const parallel = decompose(kernel.axes, axesOfKind(kernel, 'parallel'), 'point');
  const names = [...parallel.names];
  const sequential = axesOfKind(kernel, 'sequential');
  for (const axis of sequential) names[axis] = `s${axis}`;
  const body = [
    `let point = group * ${workgroupSize} + local;`,
    ...(exact ? [] : [`if (point >= ${points}) { return; }`]),
    ...parallel.lines,
    ...sequential.map(
      (axis) => `for (var s${axis} = 0; s${axis} < ${kernel.axes[axis].extent}; s${axis}++) {`,
    ),
    ...storeLines(newScope(kernel, helpers, names)),
    ...sequential.map(() => '}'),
  ];
  return assembleModule(kernel, helpers, { body, workgroupSize, groups }, limits);
}
