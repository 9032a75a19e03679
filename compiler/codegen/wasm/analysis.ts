import { STORAGE_TYPES } from '../../../ir/dtypes.ts';
import type { AxisKind, Kernel } from '../../../ir/kernel.ts';
import { nodeOperands, nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import { type Forms, formsOf } from './windows.ts';

/** What code generation needs to know of each node of a kernel. */
export interface Analysis {
  /** For each node, 1 at every axis that its value depends on. */
  readonly depends: readonly Uint8Array[];
  /** What decides the value of nodes that windows share; null where the kernel has no windows. */
  readonly forms: Forms | null;
  /** 1 at every axis, and 0. */
  readonly all: Uint8Array;
  readonly none: Uint8Array;
  /** 1 for nodes that the reduced value needs. */
  readonly under: Uint8Array;
  /** 1 for nodes that some store or the reduction needs. */
  readonly alive: Uint8Array;
  /** Nodes that use each node; a store or the reduction counts as -1. */
  readonly users: readonly (readonly number[])[];
  /** Axes of each kind. */
  readonly axes: Readonly<Record<AxisKind, readonly number[]>>;
  /** One entry per buffer and way to walk through it. */
  readonly walks: readonly Walk[];
}

/** How addresses grow along axes, by so many bytes, the smallest steps first; those that do not are left out. */
export interface Walk {
  readonly buffer: number;
  readonly steps: readonly { readonly axis: number; readonly bytes: number }[];
  readonly elementBytes: number;
}

/** @param tileAxes the first axes, at each point of which others fill what the kernel loads and does not read alone */
export function analyse(kernel: Kernel, tileAxes = 0): Analysis {
  const users = usersOf(kernel);
  const alive = new Uint8Array(kernel.nodes.length);
  for (let node = kernel.nodes.length - 1; node >= 0; node--)
    if (users[node].some((user) => user < 0 || alive[user])) alive[node] = 1;
  const axesOfKind = (wanted: AxisKind) =>
    kernel.axes.flatMap(({ kind }, axis) => (kind === wanted ? [axis] : []));
  const depends = axisDependence(kernel, tileAxes);
  return {
    depends,
    forms: formsOf(kernel, depends),
    all: new Uint8Array(kernel.axes.length).fill(1),
    none: new Uint8Array(kernel.axes.length),
    under: nodesUnderReduction(kernel),
    alive,
    users,
    axes: {
      parallel: axesOfKind('parallel'),
      reduced: axesOfKind('reduced'),
      sequential: axesOfKind('sequential'),
    },
    walks: walksOf(kernel, alive),
  };
}

function walksOf(kernel: Kernel, alive: Uint8Array): Walk[] {
  const found = new Map<string, Walk>();
  const add = (buffer: number, coefficients: readonly number[]) => {
    const elementBytes = STORAGE_TYPES[kernel.buffers[buffer].dtype].bytes;
    const steps = coefficients
      .map((coefficient, axis) => ({ axis, bytes: elementBytes * Math.abs(coefficient) }))
      .filter(({ bytes }) => bytes > 0)
      .sort((a, b) => a.bytes - b.bytes);
    found.set(`${buffer}:${coefficients.join()}`, { buffer, steps, elementBytes });
  };
  kernel.nodes.forEach((node, i) => {
    if (node.kind === 'load' && alive[i]) add(node.buffer, node.index.coefficients);
  });
  for (const { buffer, index } of kernel.stores) add(buffer, index.coefficients);
  return [...found.values()];
}

function usersOf(kernel: Kernel): number[][] {
  const users: number[][] = kernel.nodes.map(() => []);
  kernel.nodes.forEach((node, user) => {
    for (const operand of nodeOperands(node)) users[operand].push(user);
  });
  for (const { value } of kernel.reductions) users[value].push(-1);
  for (const store of kernel.stores) {
    users[store.value].push(-1);
    if (store.indirect) users[store.indirect.node].push(-1);
  }
  return users;
}

function axisDependence(kernel: Kernel, tileAxes: number): Uint8Array[] {
  const stored = new Set(kernel.stores.map((store) => store.buffer));
  const sequential = kernel.axes.some((axis) => axis.kind === 'sequential');
  const depends: Uint8Array[] = [];
  for (const node of kernel.nodes) {
    const own = new Uint8Array(kernel.axes.length);
    const add = (weights: ArrayLike<number>) => {
      for (let axis = 0; axis < own.length; axis++) if (weights[axis] !== 0) own[axis] = 1;
    };
    for (const operand of nodeOperands(node)) add(depends[operand]);
    if (node.kind === 'load' || node.kind === 'index') add(node.index.coefficients);
    if (node.kind === 'random') add(node.counter.coefficients);
    if (node.kind === 'load' || node.kind === 'inBounds')
      for (const bound of node.bounds) add(bound.index.coefficients);
    // Stores at earlier sequential points change what is loaded.
    if (node.kind === 'load' && sequential && stored.has(node.buffer)) own.fill(1);
    // So do other parts of a staged kernel, from tile to tile.
    if (node.kind === 'load' && kernel.buffers[node.buffer].access !== 'read')
      own.fill(1, 0, tileAxes);
    if (node.kind === 'accumulator')
      kernel.axes.forEach(({ kind }, axis) => {
        if (kind !== 'reduced') own[axis] = 1;
      });
    depends.push(own);
  }
  return depends;
}
