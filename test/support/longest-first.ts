import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take about twenty seconds of a processor and more, the longest first. */
const LONGEST = [
  'test/budgets.test.ts',
  'test/examples/playground.test.ts',
  'test/agreement.test.ts',
  'test/codegen/wgsl.test.ts',
  'test/explain/pages.test.ts',
  'test/create/create.test.ts',
  'test/lower/wide-intermediates.test.ts',
  'test/random-models.test.ts',
  'test/cli/endings.test.ts',
  'test/frontend/mistakes.test.ts',
  'test/interchange/stablehlo.test.ts',
  'test/verify/verify.test.ts',
  'test/factorised-devices.test.ts',
  'test/contract/budget.test.ts',
  'test/driver/budget-range.test.ts',
  'test/frontend/namesakes.test.ts',
  'test/codegen/attention-values.test.ts',
  'test/codegen/dialect.test.ts',
  'test/node/checkpoint-file.test.ts',
  'test/load/kept-code.test.ts',
];

const place = ({ moduleId }: TestSpecification) =>
  LONGEST.findIndex((name) => moduleId.endsWith(name));

/** Begins with the longest files, so that no worker is left alone with one in the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files.filter((file) => place(file) < 0));
    const longest = files.filter((file) => place(file) >= 0);
    return [...longest.sort((a, b) => place(a) - place(b)), ...others];
  }
}
