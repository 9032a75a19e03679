import type { Kernel, NodeIndex } from '../../../ir/kernel.ts';
import { nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import { axisDependence } from '../contraction-groups.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import { newScope, type Scope } from './expression.ts';
import { evaluatePoints, placesOf } from './points.ts';
import { passesOf } from './rescale.ts';
import type { Writer } from './writer.ts';

/** How many points of each axis one invocation computes together; a divisor of the axis's extent. */
export type RegisterTile = readonly number[];

/** Points along one axis of a tile. */
const SIDES = [1, 2, 4];
/** What a load costs, in multiply-adds. */
const LOAD = 4;

/** A way to compute some points by invocations, each of which has a tile of them. */
export interface TiledPoints {
  readonly tile: RegisterTile;
  /** Number of tiles. */
  readonly units: number;
  /** Time of an invocation for one tile, in multiply-adds. */
  readonly unitTime: number;
}

/** Tiles over at most two of `axes`, which are parallel: the ways to compute a kernel's points, of so many `terms`; `vectors` are loads of four. */
export function registerTiles(
  kernel: Kernel,
  axes: readonly number[],
  terms: number,
  vectors: Pick<ReadonlySet<NodeIndex>, 'has'> = new Set(),
): TiledPoints[] {
  const depends = axisDependence(kernel);
  const under = nodesUnderReduction(kernel);
  const loads = kernel.nodes.flatMap((node, index) =>
    node.kind === 'load' && (under[index] || kernel.reductions.length === 0)
      ? [{ axesOfLoad: depends[index], each: vectors.has(index) ? VECTOR_WIDTH : 1 }]
      : [],
  );
  const points = axes.reduce((product, axis) => product * kernel.axes[axis].extent, 1);
  const sums = Math.max(1, kernel.reductions.length);
  const none = kernel.axes.map(() => 1);
  const sides = (axis: number) => SIDES.filter((side) => kernel.axes[axis].extent % side === 0);
  const tiles = axes.flatMap((a, k) =>
    sides(a).flatMap((sideA) =>
      axes.slice(k + 1).flatMap((b) => sides(b).map((sideB) => none.with(a, sideA).with(b, sideB))),
    ),
  );
  const single = axes.flatMap((a) => sides(a).map((side) => none.with(a, side)));
  return [none, ...single, ...tiles].map((tile) => {
    const size = tile.reduce((product, side) => product * side, 1);
    const loaded = loads.reduce(
      (sum, { axesOfLoad, each }) =>
        sum +
        tile.reduce((product, side, axis) => product * (axesOfLoad[axis] ? side : 1), 1) / each,
      0,
    );
    return {
      tile,
      units: points / size,
      unitTime: terms * (sums * size + LOAD * loaded * passesOf(kernel)),
    };
  });
}

/** The points of a tile, each a number of steps along every axis. */
export function tilePoints(tile: RegisterTile): number[][] {
  return placesOf(tile, [...tile.keys()]);
}

/**
 * A scope for each point of a tile. `names` are those of the first point; the points along an axis are as far apart as
 * there are tiles along it, so that neighbouring invocations have neighbouring points.
 */
export function tileScopes(
  kernel: Kernel,
  writer: Writer,
  tile: RegisterTile,
  names: readonly (string | null)[],
): Scope[] {
  return tilePoints(tile).map((point, k) => {
    const axes = names.map((name, axis) =>
      point[axis] === 0
        ? name
        : `(${name} + ${(point[axis] * kernel.axes[axis].extent) / tile[axis]})`,
    );
    return newScope(kernel, writer, axes, `_${k}`);
  });
}

/** As `evaluate` in each scope of a tile, but a node is computed once for all points that agree on its axes. */
export function evaluateTile(
  scopes: readonly Scope[],
  tile: RegisterTile,
  roots: readonly number[],
): string[] {
  const points = tilePoints(tile);
  return evaluatePoints(
    scopes.map((scope, k) => ({ scope, at: points[k] })),
    roots,
  );
}
