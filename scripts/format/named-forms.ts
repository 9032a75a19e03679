import type { FormNode } from '../../ir/form.ts';
import type { ConstantDocs, FieldDocs } from './field-docs.ts';

/** A form that has a name of its own: others refer to it. */
export interface NamedForm {
  readonly name: string;
  readonly form: FormNode;
  readonly docs: ConstantDocs;
}

/** The forms among a module's exports, each by the name of its type or, where it has none, of its constant. */
export function namedForms(
  exports: Readonly<Record<string, unknown>>,
  { constants }: FieldDocs,
): Map<FormNode, NamedForm> {
  const forms = new Map<FormNode, NamedForm>();
  for (const [constant, value] of Object.entries(exports)) {
    const docs = constants.get(constant);
    if (!docs || !isForm(value)) continue;
    forms.set(value, { name: docs.type ?? camelCase(constant), form: value, docs });
  }
  return forms;
}

const isForm = (value: unknown): value is FormNode =>
  typeof value === 'object' && value !== null && 'kind' in value;

/** `NAME_KEY` as `nameKey`. */
const camelCase = (constant: string) =>
  constant.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
