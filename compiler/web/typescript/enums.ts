import type { Edit } from './edits.ts';
import { type Node, nameOf, nodesIn, walk } from './tree.ts';

/**
 * An enum as TypeScript emits it: names lead to values, numbers lead back to names. Members that later ones compute with are constants
 * inside. What members are initialised by stays where it is, and may hold types of its own.
 */
export function enumEdits(node: Node): {
  readonly edits: readonly Edit[];
  readonly inside: Node[];
} {
  const name = nameOf(nodesIn(node.id)[0]);
  const [body] = nodesIn(node.body);
  const members = nodesIn(node.members ?? body?.members);
  const initializers = members.flatMap((member) => nodesIn(member.initializer));
  const used = namesIn(initializers);
  const texts = new Set<string>();
  const edits: Edit[] = [];
  let start = node.start;
  let text = `var ${name} = ((${name}) => { `;
  let previous: string | null = null;
  for (const member of members) {
    const key = nameOf(nodesIn(member.id)[0]);
    const [initializer] = nodesIn(member.initializer);
    const place = `${name}[${JSON.stringify(key)}]`;
    const leadsBack = !isText(initializer, texts);
    if (!leadsBack) texts.add(key);
    text += leadsBack ? `${name}[${place} = ` : `${place} = `;
    if (initializer) {
      edits.push({ start, end: initializer.start, text });
      start = initializer.end;
      text = '';
    } else text += previous === null ? '0' : `${previous} + 1`;
    text += leadsBack ? `] = ${JSON.stringify(key)}; ` : '; ';
    if (used.has(key)) text += `const ${key} = ${place}; `;
    previous = place;
  }
  edits.push({ start, end: node.end, text: `${text}return ${name}; })(${name} || {});` });
  return { edits, inside: initializers };
}

function namesIn(expressions: readonly Node[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const expression of expressions)
    walk(expression, (inner) => {
      if (inner.type === 'Identifier') names.add(nameOf(inner));
      return true;
    });
  return names;
}

/**
 * Whether a value is text, which leads nowhere back, as TypeScript sees it without looking at types: text by itself, joined to something,
 * or the name of a member that is text. Behind a cast it sees nothing.
 */
function isText(initializer: Node | undefined, texts: ReadonlySet<string>): boolean {
  const waiting = nodesIn(initializer);
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (node.type === 'StringLiteral' || node.type === 'TemplateLiteral') return true;
    if (node.type === 'Identifier' && texts.has(nameOf(node))) return true;
    if (node.type === 'BinaryExpression' && node.operator === '+')
      waiting.push(...nodesIn([node.left, node.right]));
  }
  return false;
}
