import type { Plan, PlanFrame } from '../../ir/plan.ts';
import { formatOutermost, type SourceSpan } from '../../ir/source.ts';
import type { PlanPlace } from '../codegen/source-tables.ts';

/** The place that an index into a plan's sources stands for. */
export function placeOf(plan: Plan, index: number | null | undefined): PlanPlace {
  const source = plan.sources?.[index ?? -1];
  if (!source) return { span: null };
  const { frame, ...place } = source;
  return { ...place, span: frame === null ? null : spanOf(plan.frames ?? [], frame) };
}

function spanOf(frames: readonly PlanFrame[], index: number): SourceSpan {
  const path: PlanFrame[] = [];
  for (let at: number | undefined = index; at !== undefined; at = frames[at].from)
    path.push(frames[at]);
  const [outermost, ...inner] = path.reverse();
  const plain = ({ file, line, column }: PlanFrame): SourceSpan => ({ file, line, column });
  return inner.reduce((from, frame) => ({ ...plain(frame), from }), plain(outermost));
}

/** The innermost expression and the outermost call, as text; null where nothing is known. */
export function sourceText(plan: Plan, index: number | null | undefined): string | null {
  const { span } = placeOf(plan, index);
  return span ? formatOutermost(span) : null;
}

/** `stage4.block1.conv2 (gradient)`; empty for what belongs to no layer. */
export function scopeText({ scope, pass }: Pick<PlanPlace, 'scope' | 'pass'>): string {
  return [scope ?? '', pass ? `(${pass})` : ''].filter((text) => text !== '').join(' ');
}
