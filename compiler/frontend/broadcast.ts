import type { Shape } from '../../ir/tensor.ts';

/** The shape that numpy's rules give for two shapes (aligned at the last axis, extent 1 stretches), or null. */
export function broadcastShapes(a: Shape, b: Shape): Shape | null {
  const rank = Math.max(a.length, b.length);
  const result: number[] = [];
  for (let k = 0; k < rank; k++) {
    const left = a[a.length - rank + k] ?? 1;
    const right = b[b.length - rank + k] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return null;
    result.push(left === 1 ? right : left);
  }
  return result;
}
