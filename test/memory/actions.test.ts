import { describe, expect, it } from 'vitest';
import { type Allocation, allocate } from '../../compiler/memory/allocate.ts';
import { UNLIMITED_HOST } from '../../compiler/memory/host-slots.ts';
import { shareInPlace } from '../../compiler/memory/in-place.ts';
import { applyDecisions, isInfeasible } from '../../compiler/plan-search/apply.ts';
import {
  type Decisions,
  KEEP,
  noDecisions,
  RECOMPUTE,
  SWAP,
} from '../../compiler/plan-search/decisions.ts';
import { ScheduleEmitter } from '../../compiler/plan-search/emit.ts';
import {
  planMemory,
  RECOMPUTE_STRATEGIES,
  SWAP_POLICIES,
} from '../../compiler/plan-search/index.ts';
import type { ActionSet } from '../../compiler/plan-search/memory-actions.ts';
import { plainPasses } from '../../compiler/plan-search/placement.ts';
import { type NamedValueProgram, valueProgram } from '../../compiler/plan-search/program.ts';
import { type Schedule, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { parseSchedule, printSchedule } from '../../ir/schedule-text.ts';
import { type Case, readCases, testCases } from '../support/cases.ts';
import { scheduleResults } from '../support/schedule-results.ts';

const ALIGNMENT = WEBGPU_DEFAULT_LIMITS.offsetAlignment;
const METHODS: Readonly<Record<string, number>> = { keep: KEEP, recompute: RECOMPUTE, swap: SWAP };
/** Every step takes a second, and so does a copy of 512 bytes; with `overlap=1` copies run beside steps. */
const costs = (options: Case['options']) => ({
  deviceToHostBytesPerSecond: 512,
  hostToDeviceBytesPerSecond: 512,
  transferSeconds: 0,
  overlap: Number(options.overlap ?? 0),
});

/** The schedule without its kernels, which no memory action changes. */
const withoutKernels = (text: string) => text.replaceAll(/^kernel [^}]*\}\n/gm, '');

/**
 * What the title decides: `a/1=recompute` or `swap` for what becomes of value `a` before its use number 1 (0 writes it), with
 * `+evict` where it is not held when it is rematerialised inside of that gap for another value; `w=host` for a parameter whose home is the
 * host.
 */
function decide(program: NamedValueProgram, { options }: Case): Decisions {
  const decisions = noDecisions(program);
  for (const [key, decision] of Object.entries(options)) {
    const [name, use] = key.split('/');
    const value = program.values.findIndex((one) => one.name === name);
    if (use === undefined || value < 0) continue;
    expect(Number(use)).toBeLessThan(program.values[value].uses.length);
    const gap = decisions.gapOffsets[value] + Number(use);
    const [method, evict] = decision.split('+');
    decisions.method[gap] = METHODS[method];
    decisions.release[gap] = Number(evict === 'evict');
  }
  return decisions;
}

function applied(example: Case): string {
  const { input, options } = example;
  const schedule = parseSchedule(input);
  expect(printSchedule(schedule)).toBe(input);
  const programs = schedule.programs.map((_, index) =>
    valueProgram(schedule, index, ALIGNMENT, () => 1),
  );
  const isHome = (tensor: number) => options[schedule.tensors[tensor].name] === 'host';
  const written = new Set(
    programs.flatMap(({ values, tensors }) =>
      tensors.filter((_, value) => values[value].writers.length > 0),
    ),
  );
  const emitter = new ScheduleEmitter(schedule, isHome, (tensor) => written.has(tensor));
  for (const [index, program] of programs.entries()) {
    const onHost = (value: number) => isHome(program.tensors[value]);
    const result = applyDecisions(program, decide(program, example), onHost);
    if (isInfeasible(result))
      return `infeasible: ${program.values[result.value].name} cannot come back before step ${result.step} of ${program.name}`;
    emitter.add(index, program, result);
  }
  const emitted = emitter.finish();
  expect(parseSchedule(printSchedule(emitted))).toEqual(emitted);
  expect(scheduleResults(placed(emitted))).toEqual(scheduleResults(placed(schedule)));
  return withoutKernels(printSchedule(emitted));
}

function placed(schedule: Schedule) {
  return allocate(shareInPlace(schedule), WEBGPU_DEFAULT_LIMITS, {
    target: 'webgpu',
    host: UNLIMITED_HOST,
    swapStagingBytes: 0,
  }).allocated;
}

describe('decisions that are applied', () => testCases('memory', 'actions', applied));

/** `recompute` and `swap` by name, `budget` in bytes: the schedule that is chosen, and what the plan takes. */
function chosen({ input, options }: Case): string {
  const schedule = parseSchedule(input);
  expect(printSchedule(schedule)).toBe(input);
  const passes = plainPasses('webgpu', WEBGPU_DEFAULT_LIMITS);
  let acted = schedule;
  const texts = new Map<Allocation, string>();
  const plan = planMemory(
    schedule,
    WEBGPU_DEFAULT_LIMITS,
    {
      target: 'webgpu',
      actions: {
        recompute: (options.recompute ?? 'none') as ActionSet['recompute'],
        swap: (options.swap ?? 'none') as ActionSet['swap'],
        budgetBytes: Number(options.budget ?? Number.POSITIVE_INFINITY),
        secondsOf: () => 1,
        costs: costs(options),
        ...(options.host ? { host: { hostBytes: Number(options.host), spillBytes: 0 } } : {}),
      },
    },
    {
      ...passes,
      inPlace: (given) => {
        acted = given;
        return passes.inPlace(given);
      },
      allocate: (merged, placement) => {
        const allocation = passes.allocate(merged, placement);
        texts.set(allocation, printSchedule(acted));
        return allocation;
      },
    },
  );
  if (!plan.schedule)
    return plan.errors
      .map((error) => (error.kind === 'host' ? `infeasible: host ${error.bytes}` : error.kind))
      .join('\n');
  const floors = (plan.floors?.() ?? []).map(
    ({ actions, bytes }) => `# recompute ${actions.recompute}, swap ${actions.swap}: ${bytes}\n`,
  );
  if (floors.length > 0) return `infeasible: ${plan.deviceBytes} bytes\n${floors.join('')}`;
  expect(scheduleResults(plan.schedule)).toEqual(scheduleResults(placed(schedule)));
  return `${withoutKernels(texts.get(plan.allocation)!)}# device ${plan.deviceBytes}`;
}

describe('actions that a budget chooses', () => testCases('memory', 'budget', chosen));

describe('every action stands in a case', () => {
  const named = (option: string) =>
    new Set(readCases('memory', 'budget').map(({ options }) => options[option] ?? 'none'));

  it('of the strategies and policies', () => {
    expect([...named('recompute')].sort()).toEqual([...RECOMPUTE_STRATEGIES].sort());
    expect([...named('swap')].sort()).toEqual([...SWAP_POLICIES].sort());
  });

  it('of the decisions', () => {
    const decided = readCases('memory', 'actions').flatMap(({ options }) =>
      Object.values(options).map((decision) => decision.split('+')[0]),
    );
    for (const method of Object.keys(METHODS)) expect(decided).toContain(method);
  });
});
