import { type ParseError, parse } from '@babel/parser';
import type { Node } from './tree.ts';

/** A file as a tree, or what keeps it from being one. */
export interface Parsed {
  readonly program: Node | null;
  readonly problems: readonly SyntaxProblem[];
}

export interface SyntaxProblem {
  readonly offset: number;
  readonly reason: string;
}

/** What the parser reports although it could go on: the code as it runs says the same, in places of its own. */
interface Positioned {
  readonly pos: number;
  readonly message: string;
}

/** Parses TypeScript, or JavaScript by the name of the file. After a mistake it goes on where it can, and gives all of them. */
export function parseSource(file: string, text: string): Parsed {
  const isTypeScript = !/\.[cm]?js$/.test(file);
  try {
    const tree = parse(text, {
      sourceType: 'module',
      errorRecovery: true,
      createImportExpressions: true,
      plugins: isTypeScript ? ['typescript'] : [],
    });
    const problems = (tree.errors ?? []).map((error) => problemOf(error as unknown as Positioned));
    return { program: problems.length > 0 ? null : (tree.program as unknown as Node), problems };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { program: null, problems: [problemOf(error as ParseError & Positioned)] };
  }
}

/** The message without the place that stands behind it. */
function problemOf({ pos, message }: Positioned): SyntaxProblem {
  return { offset: pos, reason: message.replace(/ \(\d+:\d+\)$/, '') };
}
