import { type Kernel, pointCount } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { axesOfKind } from '../contraction-groups.ts';
import type { Dialect } from './dialect.ts';
import { newScope, storeLines } from './expression.ts';
import { assembleModule, decompose, type GpuModule, gridOvershoots } from './module.ts';
import { quadAccesses, quadBuffers, storePoints } from './points.ts';
import type { PointsVariant } from './variant.ts';
import { newWriter } from './writer.ts';

/**
 * A kernel without reduction: an invocation for a point, looping over the sequential axes, if any, in order, or for `width` points
 * that are neighbours along the innermost axis.
 */
export function emitElementwise(
  dialect: Dialect,
  kernel: Kernel,
  { width, workgroupSize }: PointsVariant,
  limits: TargetLimits,
): GpuModule {
  const axes = axesOfKind(kernel, 'parallel');
  const inner = axes.at(-1);
  const quads = pointVectors(kernel, width);
  const writer = newWriter(dialect, quads ? quadBuffers(kernel, quads) : new Set());
  const { point } = dialect.names;
  const units = pointCount(kernel, 'parallel') / width;
  const groups = Math.ceil(units / workgroupSize);
  const exact =
    units % workgroupSize === 0 && !gridOvershoots(groups, limits.maxWorkgroupsPerDimension);
  const parallel = decompose(dialect, unitAxes(kernel, inner, width), axes, point);
  const sequential = axesOfKind(kernel, 'sequential');
  const names = [...parallel.names];
  for (const axis of sequential) names[axis] = `s${axis}`;
  const shared: string[] = [];
  if (width > 1) {
    shared.push(dialect.constant('index', 'first', `${names[inner!]} * ${width}`));
    names[inner!] = 'first';
  }
  const points = Array.from({ length: width }, (_, c) => ({
    scope: newScope(
      kernel,
      writer,
      names.map((name, axis) =>
        axis === inner && width > 1 ? { outer: name, inner: null, shift: c } : name,
      ),
      width > 1 ? `_${c}` : '',
    ),
    at: kernel.axes.map((_, axis) => (axis === inner ? c : 0)),
  }));
  const body = [
    dialect.constant('index', point, `group * ${workgroupSize} + local`),
    ...(exact ? [] : [`if (${point} >= ${units}) { return; }`]),
    ...parallel.lines,
    ...shared,
    ...sequential.map((axis) =>
      dialect.loop({ name: `s${axis}`, first: '0', end: String(kernel.axes[axis].extent) }),
    ),
    ...(quads ? storePoints(points, quads) : storeLines(points[0].scope)),
    ...sequential.map(() => '}'),
  ];
  return assembleModule(kernel, writer, { body, workgroupSize, groups }, limits);
}

/** The vectors of kernels whose invocations have `width` points; null for one. */
export function pointVectors(kernel: Kernel, width: number) {
  return width === 1
    ? null
    : quadAccesses(
        kernel,
        axesOfKind(kernel, 'parallel').at(-1),
        kernel.nodes.keys(),
        kernel.stores,
      );
}

/** The axes in steps of an invocation's points. */
export function unitAxes(kernel: Kernel, inner: number | undefined, width: number): Kernel['axes'] {
  return kernel.axes.map((axis, k) =>
    k === inner ? { ...axis, extent: axis.extent / width } : axis,
  );
}
