import fc from 'fast-check';
import { groupVariant } from '../../compiler/codegen/gpu/group-variant.ts';
import type { GroupVariant, Variant } from '../../compiler/codegen/gpu/index.ts';
import { variantsOf } from '../../compiler/codegen/gpu/index.ts';
import type { Kernel, KernelBuffer, KernelPart, PartPlace, Span } from '../../ir/kernel.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { boundPlaces, spanEnd } from '../../ir/spans.ts';
import { KERNEL_FORMS, type KernelCase, kernelCases } from './random-kernel.ts';

type Data = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** Kernels that share a dispatch, what their buffers hold, and a way to make all of them. */
export interface GroupCase {
  readonly cases: readonly KernelCase[];
  readonly group: Kernel;
  readonly buffers: readonly Data[];
  readonly variant: GroupVariant;
}

/** A buffer begins at a multiple of four elements of the one that it is put into. */
const UNIT = 4;

/**
 * Two to four random kernels as parts of one, some of them three times. Buffers of one dtype and access lie alone or behind each other in one, which then has
 * parts that access it by vectors and others that do not.
 */
export function groupCases(forms = KERNEL_FORMS): fc.Arbitrary<GroupCase> {
  return fc
    .tuple(fc.array(kernelCases(forms), { minLength: 2, maxLength: 4 }), fc.gen())
    .map(([cases, draw]) => {
      const below = (limit: number) => draw(fc.nat, limit - 1);
      const repeated = cases.flatMap((one) =>
        new Array<KernelCase>(below(3) > 0 ? 1 : 3).fill(one),
      );
      return makeGroup(repeated, below);
    });
}

function makeGroup(cases: readonly KernelCase[], below: (limit: number) => number): GroupCase {
  const buffers: KernelBuffer[] = [];
  const contents: number[][] = [];
  const parts = cases.map(
    ({ kernel, buffers: data }): KernelPart => ({
      kernel,
      places: kernel.buffers.map((own, b): PartPlace => {
        const { dtype, access } = own;
        const accumulates = kernel.stores.some((store) => store.accumulate && store.buffer === b);
        let buffer = buffers.findIndex(
          (whole, w) =>
            whole.dtype === dtype && whole.access === access && contents[w].length < 4096,
        );
        if (accumulates || buffer < 0 || below(2) === 0)
          buffer = buffers.push({ dtype, access, elements: 0 }) - 1;
        contents[buffer] ??= [];
        // Nothing may join a buffer that is added to.
        if (accumulates) buffers[buffer] = { ...buffers[buffer], access: 'read_write' };
        const whole = contents[buffer];
        if (whole.length > 0) while (whole.length % UNIT !== 0) whole.push(0);
        const start = whole.length;
        for (const value of data[b]) whole.push(value);
        if (start > 0) while (whole.length % UNIT !== 0) whole.push(0);
        buffers[buffer] = { ...buffers[buffer], elements: whole.length };
        return { buffer, start };
      }),
    }),
  );
  const spans = spansOf(buffers, below);
  const group: Kernel = {
    ...{ name: 'group', axes: [], buffers, nodes: [], reductions: [], stores: [], parts },
    ...(spans.length > 0 ? { spans } : {}),
  };
  return {
    ...{ cases, group, variant: variantOf(cases, below) },
    buffers: buffers.map(({ dtype }, b) =>
      dtype === 'i32' ? Int32Array.from(contents[b]) : Float32Array.from(contents[b]),
    ),
  };
}

/** Some buffers of each type one behind the other in one binding, in any order and with gaps between. */
function spansOf(buffers: readonly KernelBuffer[], below: (limit: number) => number): Span[] {
  const types = [...new Set(buffers.map(({ dtype }) => dtype))];
  return types.flatMap((type) => {
    const left = buffers.flatMap(({ dtype }, b) => (dtype === type && below(3) > 0 ? [b] : []));
    const span: PartPlace[] = [];
    let start = 0;
    while (left.length > 0) {
      const [buffer] = left.splice(below(left.length), 1);
      span.push({ buffer, start });
      start += UNIT * (Math.ceil(buffers[buffer].elements / UNIT) + below(3));
    }
    return span.length > 1 ? [span] : [];
  });
}

/** Runs a group over what it binds: gives its buffers afterwards. What lies between them in a span must stay as it was. */
export async function throughBindings(
  { buffers: { length }, spans }: Kernel,
  buffers: readonly Data[],
  run: (bound: readonly Data[]) => readonly Data[] | Promise<readonly Data[]>,
): Promise<Data[]> {
  const { bindings, places } = boundPlaces(length, spans);
  const between = -12345;
  const bound = bindings.map((members) => {
    const elements = spanEnd(members, (buffer) => buffers[buffer].length, UNIT);
    const [{ buffer: first }] = members;
    const all =
      buffers[first] instanceof Int32Array ? new Int32Array(elements) : new Float32Array(elements);
    all.fill(between);
    for (const { buffer, start } of members) all.set(buffers[buffer], start);
    return all;
  });
  const results = await run(bound);
  bindings.forEach((members, binding) => {
    const left = results[binding].slice();
    for (const { buffer, start } of members)
      left.fill(between, start, start + buffers[buffer].length);
    if (left.some((value) => value !== between))
      throw new Error(`binding ${binding} was written between its buffers`);
  });
  return buffers.map(({ length: own }, buffer) => {
    const { binding, start } = places[buffer];
    return results[binding].slice(start, start + own) as Data;
  });
}

/** Any variants that share a dispatch; reductions and points by one invocation each always do. */
function variantOf(cases: readonly KernelCase[], below: (limit: number) => number): GroupVariant {
  const kernels = cases.map(({ kernel }) => kernel);
  const all = kernels.map((kernel) => variantsOf(kernel, WEBGPU_DEFAULT_LIMITS));
  for (let tries = 0; tries < 40; tries++) {
    const drawn = new Map(all.map((list, k) => [kernels[k], list[below(list.length)]]));
    const variants = kernels.map((kernel): Variant => drawn.get(kernel)!);
    const made = groupVariant(kernels, variants, WEBGPU_DEFAULT_LIMITS);
    if (made) return made;
  }
  // Stages of several sizes.
  const staged = all.map(
    (list) => list.find((one) => one.form !== 'staged' || one.workgroupSize === 64) ?? list[0],
  );
  return groupVariant(kernels, staged, WEBGPU_DEFAULT_LIMITS)!;
}
