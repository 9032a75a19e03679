/** Two spaces more for each open brace. */
export function indent(lines: readonly string[], depth = 1): string {
  let level = depth;
  const out: string[] = [];
  for (const line of lines.flatMap((text) => text.split('\n'))) {
    if (line.startsWith('}')) level--;
    out.push('  '.repeat(level) + line);
    if (line.endsWith('{')) level++;
  }
  return out.join('\n');
}
