import type { Kernel } from '../../../ir/kernel.ts';
import { type ColumnPlan, planColumns } from './columns.ts';
import type { PanelPlan } from './panel-form.ts';
import { planPanels } from './panel-plan.ts';
import { nestTime } from './plan-nest.ts';

/** In which form a kernel without stages is the fastest: in panels or row by row, which takes working memory, or else in loops alone. */
export interface WorkingForm {
  readonly cost: number;
  readonly panels: PanelPlan | null;
  readonly columns: ColumnPlan | null;
}

/** The form of a kernel, the same before it is given working memory and behind that. */
export function workingForm(kernel: Kernel): WorkingForm {
  const cost = nestTime(kernel);
  const panels = planPanels(kernel);
  if (panels && panels.cost < cost) return { cost: panels.cost, panels, columns: null };
  const columns = planColumns(kernel);
  if (columns) return { cost: Math.min(cost, columns.cost), panels: null, columns };
  return { cost, panels: null, columns: null };
}
