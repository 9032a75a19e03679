// Writes runtime/plan-validator.js and its types from ir/plan.schema.json: the check of a plan's form as plain
// code, so that the runtime needs no schema library and evaluates nothing (no `eval`, no `new Function`).
import { readFileSync, writeFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import standalone from 'ajv/dist/standalone/index.js';

const path = (relative) => new URL(`../${relative}`, import.meta.url);
// Descriptions are for people and for editors: left out, they halve the generated code.
const withoutDescriptions = (key, value) =>
  key === 'description' || key === 'title' ? undefined : value;
const schema = JSON.parse(readFileSync(path('ir/plan.schema.json'), 'utf8'), withoutDescriptions);

const ajv = new Ajv({
  code: { source: true, esm: true, lines: true },
  strict: true,
  allowUnionTypes: true,
});
const code = standalone.default(ajv, ajv.compile(schema));
const forbidden = /\brequire\s*\(|^import\b|\beval\s*\(|new Function\b/m.exec(code);
if (forbidden)
  throw new Error(`the generated validator contains '${forbidden[0]}'; simplify the schema`);

const notice =
  '// Generated from ir/plan.schema.json by scripts/generate-plan-validator.mjs. Do not edit.\n';
writeFileSync(path('runtime/plan-validator.js'), notice + code);
writeFileSync(
  path('runtime/plan-validator.d.ts'),
  `${notice}
export interface PlanFormError {
  /** JSON pointer to the value: \`/tensors/3/offset\`. */
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Whether \`data\` has the form of a plan. After a refusal \`errors\` says why; it is overwritten by the next call. */
export declare function validate(data: unknown): boolean;
export declare namespace validate {
  let errors: readonly PlanFormError[] | null | undefined;
}
export default validate;
`,
);
