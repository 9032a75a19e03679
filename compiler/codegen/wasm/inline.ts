// Functions of the library in place of calls. A call leaves no register to its caller, and each reads its constants anew; in a loop,
// engines keep these in registers. `(inline $f x)` stands for the body of `$f`, whose locals become those of the function around it.

const MARK = '(inline $';

/** What stands for `(inline $name operand)`. */
export const inlineText = (name: string, operand: string): string => `${MARK}${name} ${operand})`;

/** The body of a function from one vector to one vector, in names that no other function has, and without marks. */
interface InlinedForm {
  readonly parameter: string;
  readonly locals: ReadonlySet<string>;
  readonly body: string;
}

const FORM =
  /^\(func \$(\w+) \(param \$(\w+) v128\) \(result v128\)((?: \(local \$\w+ v128\))*)\s*([\s\S]*)\)$/;

/** Writes functions of a library in place. */
export class Inliner {
  private readonly functions: Readonly<Record<string, string>>;
  private readonly known = new Map<string, InlinedForm>();

  constructor(functions: Readonly<Record<string, string>>) {
    this.functions = functions;
  }

  /** A text with the bodies of the functions that it marks; `locals` takes the names of what these need. */
  expand(text: string, locals: Set<string>): string {
    const parts: string[] = [];
    let from = 0;
    for (let at = text.indexOf(MARK); at >= 0; at = text.indexOf(MARK, from)) {
      const start = text.indexOf(' ', at + MARK.length) + 1;
      const end = closing(text, start);
      const form = this.formOf(text.slice(at + MARK.length, start - 1));
      for (const local of form.locals) locals.add(local);
      const operand = this.expand(text.slice(start, end), locals);
      parts.push(
        text.slice(from, at),
        `(block (result v128) (local.set ${form.parameter} ${operand}) ${form.body})`,
      );
      from = end + 1;
    }
    parts.push(text.slice(from));
    return parts.join('');
  }

  private formOf(name: string): InlinedForm {
    const form = this.known.get(name) ?? this.read(name);
    this.known.set(name, form);
    return form;
  }

  private read(name: string): InlinedForm {
    const match = FORM.exec(this.functions[name]);
    if (!match) throw new Error(`internal error: '${name}' is no function from vector to vector`);
    const [, , parameter, declared, body] = match;
    const own = (local: string) => `$${name}.${local}`;
    const locals = new Set([parameter, ...(declared.match(/(?<=\$)\w+/g) ?? [])].map(own));
    const renamed = body
      .replaceAll(/\(local\.(get|set) \$(\w+)/g, (_, how, local) => `(local.${how} ${own(local)}`)
      .replaceAll('(call $', MARK);
    return { parameter: own(parameter), locals, body: this.expand(renamed, locals) };
  }
}

/** Where the parenthesis closes that is open at a place of a text. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let at = from; ; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0) return at;
  }
}
