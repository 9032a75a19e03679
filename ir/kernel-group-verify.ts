import type { Access, KernelBuffer, Span } from './kernel.ts';
import { type BufferAccess, type ElementRange, kernelAccess } from './kernel-access.ts';
import type { GroupKernel } from './kernel-group.ts';
import { workingMemory } from './kernel-stage.ts';

// The invariants of kernels with parts that are listed in kernel.ts, beyond those of the parts themselves.

type Report = (place: string, reason: string) => void;

/** What is wrong with the form of a group: its parts are not looked into. */
export function verifyGroupForm(group: GroupKernel, report: Report): void {
  const { axes, nodes, stores, reductions, staging, scratch, parts, buffers, spans } = group;
  const own = axes.length + nodes.length + stores.length > 0 || reductions.length > 0;
  if (own || staging !== undefined || scratch !== undefined)
    report('parts', 'the kernel has a body of its own as well');
  if (parts.length < 2) report('parts', `${parts.length} of at least 2`);
  buffers.forEach(({ elements }, b) => {
    if (!(Number.isSafeInteger(elements) && elements > 0))
      report(`b${b}`, `the size ${elements} is not positive`);
  });
  if (spans) verifySpans(spans, buffers, report);
  parts.forEach(({ kernel, places }, p) => {
    const place = `part ${p}`;
    if (kernel.parts !== undefined) report(place, 'has parts itself');
    if (workingMemory(kernel).length > 0) report(place, 'has working memory in a buffer');
    if (places.length !== kernel.buffers.length)
      report(place, `${places.length} places for ${kernel.buffers.length} buffers`);
    places.forEach(({ buffer, start }, b) => {
      const [whole, own] = [buffers[buffer], kernel.buffers[b]];
      if (!whole) report(place, `there is no buffer b${buffer}`);
      if (!whole || !own) return;
      if (whole.dtype !== own.dtype)
        report(place, `b${b} is ${own.dtype}, b${buffer} ${whole.dtype}`);
      if (!(Number.isSafeInteger(start) && start >= 0) || start % 4 !== 0)
        report(place, `b${b} starts at ${start}, not at a multiple of 4`);
      else if (start + own.elements > whole.elements)
        report(place, `b${b} ends behind b${buffer}, which has ${whole.elements}`);
    });
  });
}

/** Bindings that hold several buffers hold each of them by itself. */
function verifySpans(spans: readonly Span[], buffers: readonly KernelBuffer[], report: Report) {
  if (spans.length === 0) report('spans', 'there is none');
  const seen = new Set<number>();
  spans.forEach((span, k) => {
    const place = `span ${k}`;
    if (span.length < 2) report(place, `${span.length} of at least 2 buffers`);
    let end = 0;
    span.forEach(({ buffer, start }, i) => {
      const own = buffers[buffer];
      if (!own) report(place, `there is no buffer b${buffer}`);
      else if (seen.has(buffer)) report(place, `b${buffer} has a place already`);
      else if (own.dtype !== buffers[span[0].buffer]?.dtype)
        report(place, `b${buffer} is ${own.dtype}, b${span[0].buffer} another type`);
      seen.add(buffer);
      if (i === 0 && start !== 0) report(place, `starts at ${start}, not at 0`);
      else if (!(Number.isSafeInteger(start) && start >= end) || start % 4 !== 0)
        report(place, `b${buffer} starts at ${start}, not at a multiple of 4 behind ${end}`);
      end = start + (own?.elements ?? 0);
    });
  });
}

/** What one part does to a buffer of the whole. */
interface Use {
  readonly part: number;
  readonly access: Access;
  readonly reads: ElementRange | null;
  readonly writes: readonly ElementRange[];
}

/** What is wrong with how valid parts share the buffers of a group whose form is sound. */
export function verifyGroupParts({ buffers, parts }: GroupKernel, report: Report): void {
  const uses = buffers.map((): Use[] => []);
  parts.forEach(({ kernel, places }, part) => {
    const access = kernelAccess(kernel);
    places.forEach(({ buffer, start }, b) => {
      uses[buffer].push({
        part,
        access: kernel.buffers[b].access,
        ...movedBy(access[b], start),
      });
    });
  });
  buffers.forEach(({ access }, b) => {
    const own = accessOf(uses[b]);
    if (own === null) report(`b${b}`, 'no part uses it');
    else if (own !== access)
      report(`b${b}`, `the access is '${access}', that of the parts '${own}'`);
    verifyApart(uses[b], (reason) => report(`b${b}`, reason));
  });
}

function movedBy({ read, written }: BufferAccess, start: number): Pick<Use, 'reads' | 'writes'> {
  const moved = (range: ElementRange) => ({ start: range.start + start, end: range.end + start });
  return { reads: read && moved(read), writes: written.map(moved) };
}

function accessOf(uses: readonly Use[]): Access | null {
  const own = new Set(uses.map(({ access }) => access));
  if (own.size > 1) return 'read_write';
  return [...own][0] ?? null;
}

/** One sweep over the ranges by their start: what is stored meets nothing that another use touches. */
function verifyApart(uses: readonly Use[], report: (reason: string) => void): void {
  const ranges = uses.flatMap(({ part, reads, writes }, use) => [
    ...(reads ? [{ ...reads, part, use, stores: false }] : []),
    ...writes.map((range) => ({ ...range, part, use, stores: true })),
  ]);
  ranges.sort((a, b) => a.start - b.start);
  const open: typeof ranges = [];
  for (const range of ranges) {
    for (let i = open.length - 1; i >= 0; i--) {
      const other = open[i];
      if (other.end <= range.start) open.splice(i, 1);
      else if (other.use !== range.use && (other.stores || range.stores)) {
        report(`part ${range.part} touches what part ${other.part} does, and one of them stores`);
        return;
      }
    }
    open.push(range);
  }
}
