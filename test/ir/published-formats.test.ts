import { expect, test } from 'vitest';
import { actionsDocument, passesDocument } from '../../scripts/format/catalogues.ts';
import { planDocument, planSchema, profileSchema } from '../../scripts/format/published.ts';

// `npm run schema` writes these files. Nobody else does.
test.each([
  ['ir/plan.schema.json', planSchema],
  ['compiler/profile/profile.schema.json', profileSchema],
  ['docs/plan-format.md', planDocument],
  ['docs/passes.md', passesDocument],
  ['docs/actions.md', actionsDocument],
])('%s is what the tables and their comments make', async (file, made) => {
  await expect(made()).toMatchFileSnapshot(`../../${file}`);
});
