import { describe, expect, it } from 'vitest';
import { planMemory } from '../../compiler/plan-search/index.ts';
import { type TargetLimits, WASM_LIMITS, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { parseSchedule, printSchedule } from '../../ir/schedule-text.ts';
import { type Case, testCases } from '../support/cases.ts';

/** The stages of the memory passes as text: order and in-place as programs, allocation in full. */
function planned({ input, options }: Pick<Case, 'input' | 'options'>): string {
  const target = options.target === 'wasm' ? 'wasm' : 'webgpu';
  const limits: TargetLimits = { ...(target === 'wasm' ? WASM_LIMITS : WEBGPU_DEFAULT_LIMITS) };
  const slab = options.slab ? { maxBufferBytes: Number(options.slab) } : {};
  const plan = planMemory(parseSchedule(input), { ...limits, ...slab }, { target });
  if (!plan.schedule) {
    return plan.errors
      .map((error) =>
        error.kind === 'binding'
          ? `error: ${error.tensor.name} takes ${error.bytes} of ${error.limit}`
          : `error: ${error.bytes} of ${error.kind === 'host' ? error.budget.hostBytes : error.limit} addressable`,
      )
      .join('\n');
  }
  const { peak, schedule } = plan;
  const names = peak?.tensors.map((tensor) => schedule.tensors[tensor].name).join(' ');
  const program = peak && schedule.programs[peak.program].name;
  return `${printSchedule(schedule)}# device ${plan.deviceBytes}, peak ${peak?.liveBytes} at step ${peak?.step} of ${program}: ${names}`;
}

describe('planMemory', () => {
  testCases('memory', 'plan', (example) => {
    expect(printSchedule(parseSchedule(example.input))).toBe(example.input);
    const text = planned(example);
    if (text.startsWith('error')) return text;
    const schedule = text.slice(0, text.indexOf('# device'));
    expect(printSchedule(parseSchedule(schedule))).toBe(schedule);
    return text;
  });
});

describe('parseSchedule', () => {
  it.each([
    ['schedule a\nnonsense', "line 2: 'nonsense' is not a line of a schedule"],
    ['schedule a\ntensor t1 x: f32[] parameter', 'line 2: expected tensor t0, not t1'],
    ['schedule a\ntensor t0 x: f64[] parameter', "line 2: 'f64[]' is not a tensor type"],
    ['schedule a\ntensor t0 x: f32[] input of p', "tensor 'x' is of 'p', which is no program"],
    ['schedule a\ninput x = t0', 'line 2: this line belongs into a program'],
    ['schedule a\nprogram p\n  step 1: k0() "x"', 'line 3: expected step 0, not 1'],
    ['schedule a\nkernel k {\n  nonsense\n}', "line 3: 'nonsense' is not a line of a kernel"],
    ['program p', "the text has no 'schedule' line"],
  ])('names the line of %j', (text, message) => {
    expect(() => parseSchedule(text)).toThrow(message);
  });
});
