import { expect, test } from 'vitest';
import { planDocument, planSchema, profileSchema } from '../../scripts/format/published.ts';

// `npm run schema` writes these files. Nobody else does.
test.each([
  ['ir/plan.schema.json', planSchema],
  ['compiler/profile/profile.schema.json', profileSchema],
  ['docs/plan-format.md', planDocument],
])('%s is what the forms and their comments make', async (file, made) => {
  await expect(made()).toMatchFileSnapshot(`../../${file}`);
});
