import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take about a minute and more, the longest first. */
const LONGEST = [
  'test/budgets.test.ts',
  'test/agreement.test.ts',
  'test/codegen/wgsl.test.ts',
  'test/explain/pages.test.ts',
  'test/frontend/namesakes.test.ts',
  'test/examples/playground.test.ts',
  'test/docs.test.ts',
  'test/codegen/assembler.test.ts',
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
