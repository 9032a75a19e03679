import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';

let validate: ReturnType<Ajv['compile']> | null = null;

/** Checks a plan against the published JSON Schema; one sentence per problem, with the field's path. */
export function checkSchema(plan: unknown): string[] {
  validate ??= new Ajv({ allErrors: true }).compile(
    JSON.parse(
      readFileSync(new URL('../../ir/plan.schema.json', import.meta.url), 'utf8'),
    ) as object,
  );
  if (validate(plan)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message }) => `${instancePath || '/'} ${message ?? 'is not valid'}`,
  );
}
