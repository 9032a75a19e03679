// Functions of the library in place of calls. A call leaves no register to its caller, and each reads its constants anew; in a loop,
// engines keep these in registers. `(inline $f x)` stands for a call of `$f` whose statements are written before the line it is in.

const MARK = '(inline $';

/** What stands for `(inline $name operand)`. */
export const inlineText = (name: string, operand: string): string => `${MARK}${name} ${operand})`;

/** Whether a text has a mark. */
export const hasInline = (text: string): boolean => text.includes(MARK);

/** A text around its first mark. */
export interface Marked {
  readonly before: string;
  readonly name: string;
  readonly operand: string;
  readonly after: string;
}

/** @param text with a mark */
export function firstMark(text: string): Marked {
  const at = text.indexOf(MARK);
  const start = text.indexOf(' ', at + MARK.length) + 1;
  const end = closing(text, start);
  return {
    before: text.slice(0, at),
    name: text.slice(at + MARK.length, start - 1),
    operand: text.slice(start, end),
    after: text.slice(end + 1),
  };
}

/** The body of a function from one vector to one vector, in locals that no other function has; calls are marks. */
export interface InlinedForm {
  readonly parameter: string;
  readonly locals: readonly string[];
  readonly statements: readonly string[];
  readonly value: string;
}

const FORM =
  /^\(func \$(\w+) \(param \$(\w+) v128\) \(result v128\)((?: \(local \$\w+ v128\))*)\s*([\s\S]*)\)$/;

/** Reads the functions of a library. */
export class Inliner {
  private readonly functions: Readonly<Record<string, string>>;
  private readonly known = new Map<string, InlinedForm>();

  constructor(functions: Readonly<Record<string, string>>) {
    this.functions = functions;
  }

  /** A function in locals of a strand: code of another strand may stand between its statements. */
  form(name: string, strand: number): InlinedForm {
    const key = `${name}.${strand}`;
    const form = this.known.get(key) ?? this.read(name, key);
    this.known.set(key, form);
    return form;
  }

  private read(name: string, prefix: string): InlinedForm {
    const match = FORM.exec(this.functions[name]);
    if (!match) throw new Error(`internal error: '${name}' is no function from vector to vector`);
    const [, , parameter, declared, body] = match;
    const own = (local: string) => `$${prefix}.${local}`;
    const renamed = body
      .replaceAll(/\(local\.(get|set) \$(\w+)/g, (_, how, local) => `(local.${how} ${own(local)}`)
      .replaceAll('(call $', MARK);
    const statements = statementsOf(renamed);
    return {
      parameter: own(parameter),
      locals: [parameter, ...(declared.match(/(?<=\$)\w+/g) ?? [])].map(own),
      statements: statements.slice(0, -1),
      value: statements[statements.length - 1],
    };
  }
}

function statementsOf(body: string): string[] {
  const statements: string[] = [];
  for (let at = body.indexOf('('); at >= 0; ) {
    const end = closing(body, at + 1) + 1;
    statements.push(body.slice(at, end));
    at = body.indexOf('(', end);
  }
  return statements;
}

/** Where the parenthesis closes that is open at a place of a text. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let at = from; ; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0) return at;
  }
}
