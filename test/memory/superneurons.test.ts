import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Blocks, liveBytes } from '../../compiler/liveness/events.ts';
import {
  type AppliedProgram,
  applyDecisions,
  isInfeasible,
} from '../../compiler/plan-search/apply.ts';
import { liveCurve } from '../../compiler/plan-search/curve.ts';
import type { Decisions } from '../../compiler/plan-search/decisions.ts';
import { type ActionSet, namedDecisions } from '../../compiler/plan-search/memory-actions.ts';
import type { ValueProgram } from '../../compiler/plan-search/program.ts';
import { ModuleSearch } from '../../compiler/plan-search/sequence/module-search.ts';
import { layerProgram, mebibytes } from '../support/layer-list.ts';
import { alexNet, resNet } from '../support/paper-networks.ts';

// The tables of SuperNeurons (PPoPP 2018), from the code that real builds use: liveness, memory actions and their live bytes.

const PAPER = JSON.parse(readFileSync(new URL('./superneurons.json', import.meta.url), 'utf8'));

const NETWORKS: Readonly<Record<string, (batch: number) => ValueProgram>> = {
  AlexNet: (batch) => layerProgram(alexNet(batch), [batch, 3, 227, 227]),
  ResNet50: (batch) => layerProgram(resNet([3, 4, 6, 3], batch), [batch, 3, 224, 224]),
  ResNet101: (batch) => layerProgram(resNet([3, 4, 23, 3], batch), [batch, 3, 224, 224]),
};
const nowhere = () => false;

function outcome(program: ValueProgram, decisions: Decisions) {
  const result = applyDecisions(program, decisions, nowhere);
  if (isInfeasible(result))
    throw new Error(`no sequence: step ${result.step} lacks ${result.value}`);
  return outcomeOf(program, result);
}

function outcomeOf(program: ValueProgram, result: AppliedProgram) {
  const bytesMoved = result.ops.map((op) =>
    op.kind === 'step' ? 0 : program.values[result.versions[op.version].value].bytes,
  );
  const { live, peak } = liveCurve(program, result, nowhere);
  return {
    live,
    peak,
    recomputed: result.ops.filter((op) => op.kind === 'step' && op.recomputed).length,
    moved: bytesMoved.reduce((sum, bytes) => sum + bytes, 0),
  };
}

const pull = (program: ValueProgram, set: ActionSet, roomBytes = Number.POSITIVE_INFINITY) =>
  outcome(program, namedDecisions(program, set, roomBytes));

describe('AlexNet, batch 200', () => {
  const program = NETWORKS.AlexNet(200);

  test('takes the sum of its tensors with nothing', () => {
    const { values } = program;
    expect(values.length).toBe(PAPER.baselineTensors);
    const bytes = values.reduce((sum, value) => sum + value.bytes, 0);
    expect(mebibytes(bytes)).toBeCloseTo(PAPER.baselineTotal, 3);
  });

  test('follows the curve of liveness at all 46 steps', () => {
    const blocks = (bytesOf: (bytes: number) => number): Blocks => ({
      bytes: Float64Array.from(program.values, ({ bytes }) => bytesOf(bytes)),
      first: Int32Array.from(program.values, ({ uses }) => uses[0]),
      last: Int32Array.from(program.values, ({ uses }) => uses[uses.length - 1]),
    });
    const live = liveBytes(blocks((bytes) => bytes));
    live.forEach((bytes, step) => {
      expect(mebibytes(bytes)).toBeCloseTo(PAPER.liveness[step], 3);
    });
    expect(live.length).toBe(PAPER.liveness.length);
    expect([...liveBytes(blocks(() => 1))]).toEqual(PAPER.livenessLiveTensorCount);
    const { live: kept, peak } = pull(program, { recompute: 'none', swap: 'none' });
    expect(kept).toEqual(live);
    expect(mebibytes(peak)).toBeCloseTo(1489.355, 3);
    expect(live.indexOf(peak) + 1).toBe(32);
  });
});

describe('recompute as in Table 1', () => {
  const strategies = ['speed', 'memory', 'cost'] as const;
  const column = { speed: 'speed', memory: 'memory', cost: 'costAware' } as const;

  test.each(strategies)('%s: extra steps', (recompute) => {
    for (const [name, network] of Object.entries(NETWORKS)) {
      const { recomputed } = pull(network(32), { recompute, swap: 'none' });
      expect([name, recomputed]).toEqual([name, PAPER.table1[name][column[recompute]][0]]);
    }
  });

  // Its peaks of residual networks are with offload.
  test.each(strategies)('%s: peak of AlexNet', (recompute) => {
    const { peak } = pull(NETWORKS.AlexNet(200), { recompute, swap: 'none' });
    expect(mebibytes(peak)).toBeCloseTo(PAPER.table1.AlexNet[column[recompute]][1], 2);
  });
});

describe('traffic of AlexNet', () => {
  // The table is of a device of 12 GiB, with weights, the batch and workspaces that it does not list. Any room between 6672
  // and 7625 MiB for what is managed has its zeros.
  const room = 7 * 2 ** 30;
  const batches = [256, 384, 512, 640, 896, 1024];
  const costs = {
    deviceToHostBytesPerSecond: 8e9,
    hostToDeviceBytesPerSecond: 8e9,
    transferSeconds: 1e-5,
    overlap: 1,
  };
  const moved = (program: ValueProgram, swap: 'conv' | 'lru') =>
    pull(program, { recompute: 'none', swap }, room).moved;

  function movedByAuto(program: ValueProgram): number {
    const module = {
      programs: [program],
      persistentOf: [new Int32Array(program.values.length).fill(-1)],
      persistentBytes: new Float64Array(),
    };
    const ways = { mayRecompute: false, mayCopy: true };
    const choice = new ModuleSearch(module, costs).choose(ways, room);
    expect(choice.bytes).toBeLessThanOrEqual(room);
    return outcomeOf(program, choice.applied(0)).moved;
  }

  test.each(batches)('batch %i: none with the cache as long as there is room', (batch) => {
    const program = NETWORKS.AlexNet(batch);
    const cached = moved(program, 'lru');
    expect(cached > 0).toBe(batch > 896);
    expect(cached).toBeLessThan(moved(program, 'conv'));
    expect(movedByAuto(program)).toBeLessThanOrEqual(cached);
    const { peak } = pull(program, { recompute: 'none', swap: 'lru' }, room);
    expect(peak).toBeLessThanOrEqual(room);
  });

  test.each([1152, 1280, 1408])('batch %i: no more by auto than by the cache', (batch) => {
    const program = NETWORKS.AlexNet(batch);
    expect(movedByAuto(program)).toBeLessThanOrEqual(moved(program, 'lru'));
  });
});
