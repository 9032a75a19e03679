import type { Kernel } from '../../ir/kernel.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import type { Schedule, ScheduleStep, ScheduleTensor } from '../../ir/schedule.ts';

/** A reproducible stream of whole numbers below a limit (mulberry32). */
export function randomBelow(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

const add = (size: number) =>
  parseKernel(`kernel add_${size} {
    axis a0 parallel ${size}
    buffer b0 read f32 ${size}
    buffer b1 read f32 ${size}
    buffer b2 write f32 ${size}
    n0: f32 = load b0[a0]
    n1: f32 = load b1[a0]
    n2: f32 = add n0, n1
    store b2[a0] = n2
  }`);

const double = (size: number) =>
  parseKernel(`kernel double_${size} {
    axis a0 parallel ${size}
    buffer b0 read f32 ${size}
    buffer b1 write f32 ${size}
    n0: f32 = load b0[a0]
    n1: f32 = add n0, n0
    store b1[a0] = n1
  }`);

/** Reads all of one tensor for each element of another, so that it is never in place. */
const spread = (from: number, to: number) =>
  parseKernel(`kernel spread_${from}_${to} {
    axis a0 parallel ${to}
    axis a1 reduced ${from}
    buffer b0 read f32 ${from}
    buffer b1 write f32 ${to}
    n0: f32 = load b0[a1]
    reduce sum n0
    n1: f32 = accumulator
    store b1[a0] = n1
  }`);

/** Writes one half of a tensor. */
const half = (size: number, offset: number) =>
  parseKernel(`kernel half_${size}_${offset} {
    axis a0 parallel ${size}
    buffer b0 read f32 ${size}
    buffer b1 write f32 ${2 * size}
    n0: f32 = load b0[a0]
    store b1[${offset === 0 ? '' : `${offset} + `}a0] = n0
  }`);

const descend = (size: number) =>
  parseKernel(`kernel descend_${size} {
    axis a0 parallel ${size}
    buffer b0 read_write f32 ${size}
    buffer b1 read f32 ${size}
    n0: f32 = load b0[a0]
    n1: f32 = load b1[a0]
    n2: f32 = sub n0, n1
    store b0[a0] = n2
  }`);

export const SIZES = [1, 16, 64, 100, 1000];

/**
 * A correct schedule of one or two programs: inputs, elementwise steps, reductions, tensors written in two halves,
 * updates of parameters in place, and outputs. Some tensors are never read.
 */
export function randomSchedule(seed: number, stepCount: number, programCount = 2): Schedule {
  const below = randomBelow(seed);
  const kernels: Kernel[] = [];
  const kernelIndex = new Map<string, number>();
  const tensors: ScheduleTensor[] = [];
  const use = (kernel: Kernel) => {
    const known = kernelIndex.get(kernel.name);
    if (known !== undefined) return known;
    kernelIndex.set(kernel.name, kernels.length);
    return kernels.push(kernel) - 1;
  };
  const tensor = (role: ScheduleTensor['role'], size: number, program: number | null) =>
    tensors.push({
      name: `v${tensors.length}`,
      dtype: 'f32',
      shape: [size],
      role,
      program,
      source: null,
    }) - 1;
  const parameters = SIZES.map((size) => tensor('parameter', size, null));

  const programs = Array.from({ length: programCount }, (_, program) => {
    const steps: ScheduleStep[] = [];
    const values: number[] = [];
    const sizeOf = (index: number) => tensors[index].shape[0];
    const step = (kernel: Kernel, ...operands: number[]) =>
      steps.push({ kernel: use(kernel), operands, label: kernel.name, source: null });
    const value = (size: number) => {
      const index = tensor('activation', size, program);
      values.push(index);
      return index;
    };
    const recent = () =>
      values[Math.max(0, values.length - 1 - below(below(4) === 0 ? values.length : 4))];
    const inputs = SIZES.slice(0, 2 + below(3)).map((size, i) => {
      const index = tensor('input', size, program);
      values.push(index);
      return { name: `x${i}`, tensor: index, default: null, counter: false };
    });
    const forms: ((from: number, size: number) => void)[] = [
      (from, size) => step(double(size), from, value(size)),
      (from, size) => {
        const others = values.filter((other) => other !== from && sizeOf(other) === size);
        if (others.length === 0) step(double(size), from, value(size));
        else step(add(size), from, others[below(others.length)], value(size));
      },
      (from, size) => {
        const to = SIZES[below(SIZES.length)];
        step(spread(size, to), from, value(to));
      },
      (from, size) => {
        if (size > 500) return;
        const whole = tensor('activation', 2 * size, program);
        step(half(size, 0), from, whole);
        step(half(size, size), from, whole);
        const to = value(SIZES[below(SIZES.length)]);
        step(spread(2 * size, sizeOf(to)), whole, to);
      },
      (from, size) => step(descend(size), parameters[SIZES.indexOf(size)], from),
    ];
    while (steps.length < stepCount) {
      const from = recent();
      forms[below(forms.length)](from, sizeOf(from));
    }
    const outputs = [0, 1].slice(0, 1 + below(2)).map((i) => {
      const from = recent();
      const index = tensor('output', sizeOf(from), program);
      step(double(sizeOf(from)), from, index);
      return { name: `y${i}`, tensor: index };
    });
    return { name: `p${program}`, steps, inputs, outputs };
  });
  return { name: 'random', tensors, kernels, programs };
}
