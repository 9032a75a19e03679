import { expect, test } from 'vitest';
import { inkOn, THEMES } from '../../view/page/theme.ts';

/** Relative luminance of `#rrggbb`, by WCAG 2. */
function luminance(colour: string): number {
  const part = (at: number) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

/** What WCAG asks of text, and of what else is to be told apart. */
const [TEXT, GRAPHICS] = [4.5, 3];

test.each(Object.entries(THEMES))('%s: texts are readable, and colours stand out', (_, theme) => {
  const low: string[] = [];
  const check = (name: string, colour: string, ground: string, least: number) => {
    const found = contrast(colour, ground);
    if (found < least) low.push(`${name}: ${colour} on ${ground} is ${found.toFixed(2)}`);
  };
  for (const name of ['text', 'muted', 'accent', 'budget'] as const)
    for (const ground of ['background', 'surface'] as const)
      check(`${name} on ${ground}`, theme[name], theme[ground], TEXT);
  for (const [kind, colour] of Object.entries(theme.memory)) {
    check(kind, colour, theme.surface, GRAPHICS);
    check(`a name on ${kind}`, inkOn(colour), colour, TEXT);
  }
  for (const [kind, colour] of Object.entries(theme.steps))
    check(kind, colour, theme.surface, GRAPHICS);
  for (const name of ['moveIn', 'moveOut', 'wait', 'measured', 'device'] as const)
    check(name, theme[name], theme.surface, GRAPHICS);
  expect(low).toEqual([]);
});
