import { KEEP } from '../decisions.ts';
import type { ScheduleAction } from './action.ts';

export const keep: ScheduleAction = {
  name: 'keep',
  level: 'schedule',
  method: KEEP,
  exact: true,
  option: null,
  summary: 'A value stays in device memory until its next use.',
  apply: () => {},
  leastSeconds: () => 0,
};
