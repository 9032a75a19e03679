import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { liveCurve } from '../../compiler/memory/levers/curve.ts';
import { type LeverSet, namedDecisions } from '../../compiler/memory/levers/index.ts';
import type { LeverProgram } from '../../compiler/memory/levers/program.ts';
import { isRefusal, realise } from '../../compiler/memory/levers/realise.ts';
import { type Blocks, liveBytes } from '../../compiler/memory/liveness.ts';
import { layerProgram, mebibytes } from '../support/layer-list.ts';
import { alexNet, resNet } from '../support/paper-networks.ts';

const ORACLE = JSON.parse(readFileSync(new URL('./superneurons.json', import.meta.url), 'utf8'));
const nowhere = () => false;
const NETWORKS: Readonly<Record<string, (batch: number) => LeverProgram>> = {
  AlexNet: (batch) => layerProgram(alexNet(batch), [batch, 3, 227, 227]),
  ResNet50: (batch) => layerProgram(resNet([3, 4, 6, 3], batch), [batch, 3, 224, 224]),
  ResNet101: (batch) => layerProgram(resNet([3, 4, 23, 3], batch), [batch, 3, 224, 224]),
};

function blocksOf({ values }: LeverProgram): Blocks {
  return {
    bytes: Float64Array.from(values, ({ bytes }) => bytes),
    first: Int32Array.from(values, ({ uses }) => uses[0]),
    last: Int32Array.from(values, ({ uses }) => uses.at(-1)!),
  };
}

/** What a set of levers makes of a program that has `roomBytes`. */
function pulled(program: LeverProgram, set: LeverSet, roomBytes = Number.POSITIVE_INFINITY) {
  const result = realise(program, namedDecisions(program, set, roomBytes), nowhere);
  if (isRefusal(result)) throw new Error('refused');
  const { live, peak } = liveCurve(program, result, nowhere);
  const again = result.ops.filter((op) => op.kind === 'step' && op.again).length;
  const moved = result.ops.reduce(
    (sum, op) =>
      sum + (op.kind === 'step' ? 0 : program.values[result.versions[op.version].value].bytes),
    0,
  );
  return { live, peak: mebibytes(peak), again, moved };
}
const none: LeverSet = { recompute: 'none', swap: 'none' };

test('x', () => {
  const p = NETWORKS.AlexNet(200);
  console.log(p.values.length, mebibytes(p.values.reduce((s, v) => s + v.bytes, 0)));
  const b = blocksOf(p);
  const live = liveBytes(b);
  live.forEach((x, i) => {
    if (Math.abs(mebibytes(x) - ORACLE.liveness[i]) > 1e-3)
      console.log(i + 1, mebibytes(x), ORACLE.liveness[i]);
  });
  for (const [n, f] of Object.entries(NETWORKS)) {
    const batch = n === 'AlexNet' ? 200 : 32;
    const q = f(batch);
    for (const recompute of ['none', 'speed', 'memory', 'cost'] as const) {
      const r = pulled(q, { recompute, swap: 'none' });
      console.log(n, recompute, r.again, r.peak);
    }
    const c = pulled(q, { recompute: 'none', swap: 'conv' });
    console.log(n, 'conv', c.peak, c.moved / 1e9);
  }
  for (const batch of [256, 640, 896, 1024, 1408, 1792])
    console.log(
      batch,
      pulled(NETWORKS.AlexNet(batch), { recompute: 'none', swap: 'lru' }, 12 * 2 ** 30).moved / 1e9,
      pulled(NETWORKS.AlexNet(batch), { recompute: 'none', swap: 'conv' }, 12 * 2 ** 30).moved /
        1e9,
    );
});
