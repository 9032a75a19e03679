import { type Kernel, pointCount } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import type { Dialect } from './dialect.ts';
import { newScope, storeLines } from './expression.ts';
import { assembleModule, axesOfKind, decompose, type GpuModule, gridOvershoots } from './module.ts';
import { TUNING } from './tuning.ts';
import { newWriter } from './writer.ts';

/** A kernel without reduction: one invocation per parallel point, looping over the sequential axes, if any, in order. */
export function emitElementwise(dialect: Dialect, kernel: Kernel, limits: TargetLimits): GpuModule {
  const writer = newWriter(dialect);
  const { point } = dialect.names;
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
  const parallel = decompose(dialect, kernel.axes, axesOfKind(kernel, 'parallel'), point);
  const names = [...parallel.names];
  const sequential = axesOfKind(kernel, 'sequential');
  for (const axis of sequential) names[axis] = `s${axis}`;
  const body = [
    dialect.constant('index', point, `group * ${workgroupSize} + local`),
    ...(exact ? [] : [`if (${point} >= ${points}) { return; }`]),
    ...parallel.lines,
    ...sequential.map((axis) =>
      dialect.loop({ name: `s${axis}`, first: '0', end: String(kernel.axes[axis].extent) }),
    ),
    ...storeLines(newScope(kernel, writer, names)),
    ...sequential.map(() => '}'),
  ];
  return assembleModule(kernel, writer, { body, workgroupSize, groups }, limits);
}
