/** An einsum equation taken apart: one string of letters per operand and one for the output. */
export interface Equation {
  readonly operands: readonly string[];
  readonly output: string;
}

/**
 * Parses `ab,bc->ac`. The arrow is mandatory: an implicit output hides mistakes. Any letter of one UTF-16 unit counts, upper
 * and lower case apart.
 */
export function parseEquation(text: string): Equation | { reason: string } {
  const compact = text.replace(/\s+/g, '');
  const arrow = compact.indexOf('->');
  if (arrow < 0) return { reason: "the equation has no '->'" };
  const output = compact.slice(arrow + 2);
  const operands = compact.slice(0, arrow).split(',');
  for (const term of [...operands, output]) {
    const bad = /[^\p{L}]|[\u{10000}-\u{10ffff}]/u.exec(term);
    if (bad) return { reason: `'${bad[0]}' is not a letter` };
  }
  for (let i = 0; i < output.length; i++) {
    if (output.indexOf(output[i]) !== i)
      return { reason: `letter '${output[i]}' stands twice in the output` };
  }
  return { operands, output };
}

/** The text of an equation, `ij,jk->ik`: inverse of {@link parseEquation}. */
export function formatEquation(equation: Equation): string {
  return `${equation.operands.join(',')}->${equation.output}`;
}

/** Extent of every letter, or the first letter whose extents disagree. */
export function letterExtents(
  equation: Equation,
  shapes: readonly (readonly number[])[],
): Map<string, number> | { letter: string; first: number; second: number; i: number; j: number } {
  const extents = new Map<string, number>();
  const owner = new Map<string, number>();
  for (let j = 0; j < shapes.length; j++) {
    const term = equation.operands[j];
    for (let axis = 0; axis < term.length; axis++) {
      const letter = term[axis];
      const first = extents.get(letter);
      if (first === undefined) {
        extents.set(letter, shapes[j][axis]);
        owner.set(letter, j);
      } else if (first !== shapes[j][axis]) {
        return { letter, first, second: shapes[j][axis], i: owner.get(letter)!, j };
      }
    }
  }
  return extents;
}
