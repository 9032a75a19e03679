import type { FormNode } from '../../ir/form.ts';
import type { NamedForm } from './named-forms.ts';

/** Every object of a form as a section with a table of its fields, the root first, in the order in which they are referred to. */
export function fieldTables(root: FormNode, forms: ReadonlyMap<FormNode, NamedForm>): string {
  const order: NamedForm[] = [];
  const visit = (form: FormNode): void => {
    const known = forms.get(form);
    if (known && order.includes(known)) return;
    if (known) order.push(known);
    for (const part of partsOf(form)) visit(part);
  };
  visit(root);
  const objects = order.filter(({ form }) => form.kind === 'object');
  const scalars = order.filter(({ form }) => form.kind !== 'object');
  const type = (form: FormNode) => typeText(form, forms);
  return [
    ...objects.map(({ name, docs, form }) =>
      [
        `### ${name}\n`,
        `${docs.comment}\n`,
        ...table(['field', 'value', 'meaning'], fieldRows(form, docs.fields, type)),
      ].join('\n'),
    ),
    [
      '### Kinds of values\n',
      ...table(
        ['name', 'value', 'meaning'],
        scalars.map(({ name, docs, form }) => [
          `<a id="${name.toLowerCase()}"></a>\`${name}\``,
          ownText(form, type),
          docs.comment,
        ]),
      ),
    ].join('\n'),
  ].join('\n\n');
}

function fieldRows(
  form: FormNode,
  comments: ReadonlyMap<string, string>,
  type: (form: FormNode) => string,
): string[][] {
  if (form.kind !== 'object') return [];
  const rows = (fields: Readonly<Record<string, FormNode>>, mark: string) =>
    Object.entries(fields).map(([name, field]) => [
      `\`${name}\`${mark}`,
      type(field),
      comments.get(name) ?? '',
    ]);
  return [...rows(form.fields, ''), ...rows(form.optional, '?')];
}

function partsOf(form: FormNode): FormNode[] {
  switch (form.kind) {
    case 'object':
      return Object.values({ ...form.fields, ...form.optional });
    case 'list':
      return [form.item];
    case 'record':
      return [form.key, form.item];
    case 'nullable':
      return [form.form];
    default:
      return [];
  }
}

function typeText(form: FormNode, forms: ReadonlyMap<FormNode, NamedForm>): string {
  const known = forms.get(form);
  if (known) return `[${known.name}](#${known.name.toLowerCase()})`;
  return ownText(form, (part) => typeText(part, forms));
}

function ownText(form: FormNode, type: (form: FormNode) => string): string {
  switch (form.kind) {
    case 'text':
      return form.wanted.replace(/^a string$/, 'string');
    case 'number':
      return `${form.isWhole ? 'whole number' : 'number'}${rangeText(form)}`;
    case 'flag':
      return 'true or false';
    case 'choice':
      return form.values.map((value) => `\`${JSON.stringify(value)}\``).join(', ');
    case 'nullable':
      return `${type(form.form)} or null`;
    case 'list':
      return form.least === form.most
        ? `list of ${form.least}: ${type(form.item)}`
        : `list${form.least > 0 ? ` (${form.least} or more)` : ''}: ${type(form.item)}`;
    case 'record':
      return `by ${form.key.wanted.replace(/^an? /, '')}: ${type(form.item)}`;
    case 'object':
      return 'object';
  }
}

function rangeText({ least, most }: { readonly least: number; readonly most: number }): string {
  const [from, to] = [limitText(least), limitText(most)];
  if (from === '' && to === '') return '';
  return to === '' ? `, at least ${from}` : `, ${from} to ${to}`;
}

function limitText(limit: number): string {
  if (Math.abs(limit) === Infinity || limit === Number.MIN_SAFE_INTEGER) return '';
  if (limit === Number.MAX_SAFE_INTEGER) return '';
  return limit === 2 ** 32 - 1 ? '2³² - 1' : String(limit);
}

export const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map(
    (row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
  );
