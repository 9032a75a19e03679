import type { PlanFrame, PlanSource } from '../../ir/plan.ts';
import { printable } from '../../ir/printable.ts';
import { formatChain, type SourceSpan } from '../../ir/source.ts';

/** A place in the user's file and in his model, as a plan's tables hold it. */
export interface PlanPlace {
  readonly span: SourceSpan | null;
  readonly scope?: string | undefined;
  readonly pass?: string | undefined;
}

/** Gathers the places of a plan in tables in which each call stands once, whatever it leads to. */
export class SourceTables {
  readonly sources: PlanSource[] = [];
  readonly frames: PlanFrame[] = [];
  private readonly internedSources = new Map<string, number>();
  private readonly internedFrames = new Map<string, number>();

  /** Index in `sources`; null for no place at all. */
  add({ span, scope, pass }: PlanPlace): number | null {
    if (!span && scope === undefined && pass === undefined) return null;
    const frame = span ? this.frame(span) : null;
    const key = `${frame}\0${scope ?? ''}\0${pass ?? ''}`;
    return intern(this.internedSources, key, this.sources, () => ({
      frame,
      ...(scope === undefined ? {} : { scope: printable(scope) }),
      ...(pass === undefined ? {} : { pass }),
    }));
  }

  private frame(span: SourceSpan): number {
    const { file, line, column, from } = span;
    const caller = from ? this.frame(from) : null;
    return intern(this.internedFrames, formatChain(span), this.frames, () => ({
      file: printable(file),
      line,
      column,
      ...(caller === null ? {} : { from: caller }),
    }));
  }
}

function intern<T>(known: Map<string, number>, key: string, list: T[], make: () => T): number {
  let index = known.get(key);
  if (index === undefined) {
    index = list.push(make()) - 1;
    known.set(key, index);
  }
  return index;
}
