import { DTYPES } from '../../../ir/dtypes.ts';
import { combinerIdentity, type Kernel, type NodeIndex, pointCount } from '../../../ir/kernel.ts';
import { nodeOperands, nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { cascade } from '../cascade.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import type { Dialect } from './dialect.ts';
import { evaluate, innerScope, newScope, storeLines } from './expression.ts';
import { assembleModule, axesOfKind, decompose, type GpuModule, gridOvershoots } from './module.ts';
import { TUNING } from './tuning.ts';
import { combineText, literalText, newWriter } from './writer.ts';

/**
 * How a workgroup divides a reduction: `outputs` x `reducers` invocations. Reducer r sums the terms r, r + reducers, …
 * in blocks; the partial results are combined in a tree, so that the order never changes from run to run.
 */
interface Division {
  readonly outputs: number;
  readonly reducers: number;
  /** Neighbouring invocations are reducers of one output, not neighbouring outputs. */
  readonly reducersFirst: boolean;
}

/** A kernel with a reduction of any kind. */
export function emitReduction(dialect: Dialect, kernel: Kernel, limits: TargetLimits): GpuModule {
  const writer = newWriter(dialect);
  const { combiner, value } = kernel.reduction!;
  const { dtype } = kernel.nodes[value];
  const points = pointCount(kernel, 'parallel');
  const terms = pointCount(kernel, 'reduced');
  const { outputs, reducers, reducersFirst } = divideReduction(kernel, limits);
  const groups = Math.ceil(points / outputs);
  const exact = points % outputs === 0 && !gridOvershoots(groups, limits.maxWorkgroupsPerDimension);

  const parallel = decompose(
    dialect,
    kernel.axes,
    axesOfKind(kernel, 'parallel'),
    dialect.names.point,
  );
  const reduced = decompose(dialect, kernel.axes, axesOfKind(kernel, 'reduced'), 'term');
  const scope = newScope(kernel, writer, parallel.names);
  const invariant = evaluate(scope, loopInvariants(kernel));
  const loop = innerScope(scope, reduced.names);
  const loopBody = evaluate(loop, [value]);
  const identity = literalText(writer, dtype, combinerIdentity(combiner, dtype));
  const combine = (other: string) => combineText(writer, combiner, dtype, 'total', other);

  const blocks = cascade(kernel, [Math.ceil(terms / reducers)]);
  const sums = new BlockSums(dialect, ['total'], dtype, blocks);

  const final = innerScope(scope);
  kernel.nodes.forEach((node, index) => {
    if (node.kind === 'accumulator') final.names.set(index, 'total');
  });
  const stores = storeLines(final);
  const workgroupSize = outputs * reducers;
  const point = `group * ${outputs} + ${localOutput(dialect, outputs, reducers, reducersFirst)}`;
  // Every invocation must reach the barriers, so those behind the end repeat the last point.
  const clamped = exact ? point : dialect.smaller(point, String(points - 1));
  const mine = exact ? '' : `${point} < ${points}`;
  const first = reducers === 1 ? '' : 'reducer == 0';
  const guard = [mine, first].filter((condition) => condition !== '').join(' && ');
  const body = [
    dialect.constant('index', dialect.names.point, clamped),
    ...(reducers === 1
      ? []
      : [
          dialect.constant(
            'index',
            'reducer',
            reducersFirst ? `local % ${reducers}` : dialect.quotient('local', outputs),
          ),
        ]),
    ...parallel.lines,
    ...invariant,
    dialect.variable(dtype, 'total', identity),
    ...sums.declarations(),
    ...blockedLoop(
      dialect,
      { name: 'term', first: reducers === 1 ? '0' : 'reducer', end: terms, step: reducers },
      blocks.cuts[0],
      (level) => sums.flush(level),
      [...reduced.lines, ...loopBody, `total = ${combine(loop.names.get(value)!)};`],
    ),
    ...sums.totals(),
    ...(reducers === 1 ? [] : treeLines(dialect, reducers, reducersFirst ? 1 : outputs, combine)),
    ...(guard === '' ? stores : [`if (${guard}) {`, ...stores, '}']),
  ];
  const workgroupArrays =
    reducers === 1 ? [] : [{ name: 'partial', type: dtype, length: workgroupSize }];
  return assembleModule(kernel, writer, { body, workgroupArrays, workgroupSize, groups }, limits);
}

function localOutput(
  { quotient }: Dialect,
  outputs: number,
  reducers: number,
  reducersFirst: boolean,
): string {
  if (reducers === 1) return 'local';
  if (outputs === 1) return '0';
  return reducersFirst ? quotient('local', reducers) : `local % ${outputs}`;
}

function treeLines(
  { barrier, halving, names: { half } }: Dialect,
  reducers: number,
  stride: number,
  combine: (other: string) => string,
): string[] {
  return [
    'partial[local] = total;',
    halving(half, reducers / 2),
    barrier,
    `if (reducer < ${half}) {`,
    `total = ${combine(`partial[local + ${half} * ${stride}]`)};`,
    'partial[local] = total;',
    '}',
    '}',
  ];
}

/** Nodes that the loop needs and that no reduced axis changes. */
export function loopInvariants(kernel: Kernel): NodeIndex[] {
  const reduced = axesOfKind(kernel, 'reduced');
  const varies = (coefficients: readonly number[]) => reduced.some((a) => coefficients[a] !== 0);
  const changes = new Uint8Array(kernel.nodes.length);
  kernel.nodes.forEach((node, index) => {
    changes[index] = Number(
      node.kind === 'accumulator' ||
        nodeOperands(node).some((operand) => changes[operand]) ||
        ((node.kind === 'load' || node.kind === 'index') && varies(node.index.coefficients)) ||
        (node.kind === 'random' && varies(node.counter.coefficients)) ||
        ((node.kind === 'load' || node.kind === 'inBounds') &&
          node.bounds.some((bound) => varies(bound.index.coefficients))),
    );
  });
  const needed = nodesUnderReduction(kernel);
  return kernel.nodes.flatMap((_, index) => (needed[index] && !changes[index] ? [index] : []));
}

export function divideReduction(kernel: Kernel, limits: TargetLimits): Division {
  const { workgroupSize, fewWorkgroupSize, leastTerms, contiguousReducers } = TUNING.reduction;
  const points = pointCount(kernel, 'parallel');
  const terms = pointCount(kernel, 'reduced');
  const along = readsAlong(kernel);
  const most = floorPower(Math.min(workgroupSize, limits.maxWorkgroupInvocations));
  // Dividing takes workgroup memory for one partial result per invocation.
  const divides =
    limits.maxWorkgroupBytes >= most * DTYPES[kernel.nodes[kernel.reduction!.value].dtype].bytes;
  const divisible = !divides ? 1 : Math.min(most, floorPower(Math.max(1, terms / leastTerms)));
  const wanted = ceilPower(TUNING.wantedInvocations / points);
  const least = along === 'reduced' ? Math.min(contiguousReducers, divisible) : 1;
  const reducers = Math.max(least, Math.min(wanted, divisible));
  const size = points * reducers < most * 64 ? Math.min(most, fewWorkgroupSize) : most;
  const outputs = Math.max(1, Math.min(size / reducers, ceilPower(points)));
  return { outputs, reducers, reducersFirst: along === 'reduced' };
}

/** Which axis neighbouring invocations should walk so that they read neighbouring elements. */
function readsAlong(kernel: Kernel): 'reduced' | 'parallel' {
  const innermost = (kind: 'parallel' | 'reduced') => axesOfKind(kernel, kind).at(-1);
  const [parallel, reduced] = [innermost('parallel'), innermost('reduced')];
  if (reduced === undefined) return 'parallel';
  if (parallel === undefined) return 'reduced';
  const under = nodesUnderReduction(kernel);
  let balance = 0;
  kernel.nodes.forEach((node, index) => {
    if (!under[index] || node.kind !== 'load') return;
    const { coefficients } = node.index;
    balance += Number(Math.abs(coefficients[reduced]) === 1);
    balance -= Number(Math.abs(coefficients[parallel]) === 1);
  });
  return balance > 0 ? 'reduced' : 'parallel';
}

const floorPower = (value: number) => 2 ** Math.floor(Math.log2(value));
const ceilPower = (value: number) => 2 ** Math.ceil(Math.log2(Math.max(1, value)));
