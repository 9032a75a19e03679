import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MESSAGES, type MessageNumber } from '../../compiler/diagnostics.ts';
import { NUMBERS, type Page } from '../../compiler/explain/page.ts';
import { endCalls, runCall, typeErrorsOf } from '../../scripts/explain/calls.ts';
import type { RunExample } from '../../scripts/explain/example.ts';
import { EXPLANATIONS } from '../../scripts/explain/explanations.ts';
import { examplesOf, formattedFiles, shownExample } from '../../scripts/explain/pages.ts';
import {
  exampleFolder,
  type Outcome,
  runCommand,
  runEditor,
  runModel,
} from '../../scripts/explain/run.ts';
import { createProject, type Project } from '../support/project.ts';

// What a page shows is run as it stands there: the wrong example gives that message, the right one gives none of it, and both are of the
// types that they should be. `npm run explain` writes compiler/explain/pages.json, which `btc explain` and the site read.

/** Mistakes that TypeScript finds too: pages show what it says. */
const TYPE_ERRORS: readonly MessageNumber[] = [
  1004, 1011, 1017, 1020, 1021, 1023, 1026, 1027, 2056, 4006,
];

const files = formattedFiles();
const pages: Partial<Record<MessageNumber, Page>> = {};
let project: Project;
let alone: Project;
let types: Awaited<ReturnType<typeof typeErrorsOf>>;

beforeAll(async () => {
  project = exampleFolder();
  alone = createProject();
  const calls = NUMBERS.flatMap((number) => Object.values(examplesOf(number) as object)).filter(
    (example: RunExample) => example.kind === 'call',
  );
  types = await typeErrorsOf(calls.map(({ text }) => files.get(text)!));
});
afterAll(async () => {
  project.remove();
  alone.remove();
  await endCalls();
});

async function run(example: RunExample): Promise<Outcome> {
  if (example.kind === 'command') return runCommand(project, example);
  const file = files.get(example.text)!;
  if (example.kind === 'editor') return runEditor(alone, file, example);
  if (example.kind === 'call') return runCall(file, types.get(file)!.own);
  return runModel(alone, file, example);
}

test('every message has a page, and no other number', () => {
  expect(Object.keys(EXPLANATIONS)).toEqual(Object.keys(MESSAGES).sort());
  for (const { title, means } of Object.values(EXPLANATIONS)) {
    expect(title).toMatch(/^[^.]{5,50}$/);
    expect(means, title).toMatch(/^(['A-Z`-]|btc ).{30,}[.]$/s);
  }
});

/** Texts of the message that no argument replaces. */
const fixedTexts = (number: MessageNumber) => MESSAGES[number].split(/\{\w+\}/);

describe('the examples of', () => {
  test.each(NUMBERS)('BTC%i', async (number) => {
    const { wrong, right } = examplesOf(number);
    const code = `BTC${number}`;
    const made = await run(wrong);
    const line = made.lines.find((one) => one.includes(`${code}: `));
    expect(line, [...made.typeErrors, ...made.lines].join('\n')).toBeDefined();
    for (const text of fixedTexts(number)) expect(line).toContain(text.trimEnd());
    const isOfTypes = TYPE_ERRORS.includes(number);
    expect(made.typeErrors.length > 0, made.typeErrors.join('\n')).toBe(isOfTypes);
    const good = await run(right);
    expect(good.codes).not.toContain(code);
    expect(good.failed, good.lines.join('\n')).toBe(false);
    expect(good.typeErrors).toEqual([]);
    if (right.kind === 'call') expect(types.get(files.get(right.text)!)!.given).toEqual([]);
    const { title, means } = EXPLANATIONS[number];
    pages[number] = {
      ...{ title, means, wrong: shownExample(wrong, files) },
      prints: [...made.typeErrors, line].join('\n'),
      right: shownExample(right, files),
    };
  });
});

test('compiler/explain/pages.json has what they gave', async () => {
  await expect(`${JSON.stringify(pages, null, 1)}\n`).toMatchFileSnapshot(
    fileURLToPath(new URL('../../compiler/explain/pages.json', import.meta.url)),
  );
});
