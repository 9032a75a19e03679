import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';

const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(
  JSON.parse(readFileSync(new URL('../../ir/plan.schema.json', import.meta.url), 'utf8')) as object,
);

/** What is wrong with a plan by the published JSON Schema, as a tool that knows JSON Schema alone finds it. */
export function checkSchema(plan: unknown): string[] {
  if (validate(plan)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message }) => `${instancePath || '/'} ${message ?? 'is not valid'}`,
  );
}
