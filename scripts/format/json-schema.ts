import type { FormNode } from '../../ir/form.ts';
import type { NamedForm } from './named-forms.ts';

type Schema = Readonly<Record<string, unknown>>;

/** The JSON Schema (draft 7) of a form, whose named parts become definitions. */
export function jsonSchema(
  root: FormNode,
  forms: ReadonlyMap<FormNode, NamedForm>,
  head: { readonly id: string; readonly title: string },
): string {
  const definitions = new Map<string, Schema>();
  const refer = (form: FormNode): Schema => {
    const known = forms.get(form);
    if (!known) return schemaOf(form);
    if (!definitions.has(known.name)) {
      definitions.set(known.name, {});
      definitions.set(known.name, { description: known.docs.comment, ...schemaOf(form) });
    }
    return { $ref: `#/definitions/${known.name}` };
  };
  const schemaOf = (form: FormNode): Schema => {
    switch (form.kind) {
      case 'text':
        return { type: 'string', ...patternOf(form.pattern) };
      case 'number':
        return {
          type: form.isWhole ? 'integer' : 'number',
          ...(form.least > -Infinity ? { minimum: form.least } : {}),
          ...(form.most < Infinity ? { maximum: form.most } : {}),
        };
      case 'flag':
        return { type: 'boolean' };
      case 'choice':
        return form.values.length === 1 ? { const: form.values[0] } : { enum: form.values };
      case 'nullable':
        return { anyOf: [refer(form.form), { type: 'null' }] };
      case 'list':
        return {
          type: 'array',
          ...(form.least > 0 ? { minItems: form.least } : {}),
          ...(form.most < 2 ** 32 - 1 ? { maxItems: form.most } : {}),
          items: refer(form.item),
        };
      case 'record':
        return {
          type: 'object',
          propertyNames: patternOf(form.key.pattern),
          additionalProperties: refer(form.item),
        };
      case 'object': {
        const comments = forms.get(form)?.docs.fields;
        return {
          type: 'object',
          additionalProperties: false,
          required: Object.keys(form.fields),
          properties: Object.fromEntries(
            Object.entries({ ...form.fields, ...form.optional }).map(([name, field]) => [
              name,
              { description: comments?.get(name), ...refer(field) },
            ]),
          ),
        };
      }
    }
  };
  const { docs } = forms.get(root)!;
  const body = { description: docs.comment, ...schemaOf(root) };
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: head.id,
    title: head.title,
    ...body,
    definitions: Object.fromEntries(definitions),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

const patternOf = (pattern: RegExp | undefined) =>
  pattern
    ? {
        pattern: pattern.source
          .replaceAll('\\/', '/')
          .replace(/^\.$/, pattern.flags.includes('s') ? '[^]' : '.'),
      }
    : {};
