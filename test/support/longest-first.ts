import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take a minute and more, the longest first. */
const LONGEST = [
  'test/budgets.test.ts',
  'test/frontend/recurrent-stack.test.ts',
  'test/memory/memory-actions.test.ts',
  'test/create/create.test.ts',
  'test/node/checkpoint-file.test.ts',
  'test/examples/playground.test.ts',
  'test/frontend/mistakes.test.ts',
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
