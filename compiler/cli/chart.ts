import { largest } from '../../ir/lists.ts';
import { formatBytes } from '../format.ts';
import { isBudgetInChart } from '../inspect/budget-line.ts';
import type { InspectedProgram } from '../inspect/index.ts';
import { style } from './style.ts';

const CHART_HEIGHT = 8;

/**
 * Live bytes over steps as columns of blocks, under a line at what the budget leaves for them. Several steps share a column when
 * the terminal is narrow, at their maximum.
 */
export function chart(
  { liveBytes, peakStep, roomBytes }: InspectedProgram,
  columns: number,
): string {
  const peak = largest(liveBytes, 1);
  const [label, room] = [peak, roomBytes ?? 0].map(formatBytes).map((text, _, all) => {
    return text.padStart(Math.max(...all.map(({ length }) => length)));
  });
  const width = Math.max(1, Math.min(liveBytes.length, columns - label.length - 4));
  const heights = Array.from({ length: width }, (_, column) => {
    const from = Math.floor((column * liveBytes.length) / width);
    const to = Math.max(from + 1, Math.floor(((column + 1) * liveBytes.length) / width));
    return (largest(liveBytes.slice(from, to)) / peak) * CHART_HEIGHT;
  });
  const repeat = Math.max(1, Math.min(6, Math.floor((columns - label.length - 4) / width)));
  const peakColumn = Math.min(width - 1, Math.floor((peakStep * width) / liveBytes.length));
  const lines: string[] = [];
  if (roomBytes !== null && isBudgetInChart(roomBytes, peak)) {
    lines.push(`  ${room} ${style.red('─'.repeat(width * repeat))} budget`);
    const between = Math.round(((roomBytes - peak) / peak) * CHART_HEIGHT);
    for (let row = 0; row < between; row++) lines.push('');
  }
  for (let row = CHART_HEIGHT - 1; row >= 0; row--) {
    const cells = heights.map((height, column) => {
      const cell = BLOCKS[Math.max(0, Math.min(8, Math.round((height - row) * 8)))].repeat(repeat);
      return column === peakColumn ? style.yellow(cell) : cell;
    });
    const axis = row === CHART_HEIGHT - 1 ? label : row === 0 ? '0 B' : '';
    lines.push(`  ${axis.padStart(label.length)} ${cells.join('')}`);
  }
  const marker = `${' '.repeat(label.length + 3 + peakColumn * repeat)}${style.yellow('^')} step ${peakStep}`;
  return [...lines, marker].join('\n');
}

const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
