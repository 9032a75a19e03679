import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MESSAGES, type MessageNumber } from '../../compiler/diagnostics.ts';
import { NUMBERS, type Page } from '../../compiler/explain/page.ts';
import type { RunExample } from '../../scripts/explain/example.ts';
import { EXPLANATIONS } from '../../scripts/explain/explanations.ts';
import { examplesOf, formattedModels, shownExample } from '../../scripts/explain/pages.ts';
import {
  exampleFolder,
  type Outcome,
  runCall,
  runCommand,
  runModel,
} from '../../scripts/explain/run.ts';
import type { Project } from '../support/project.ts';

// What a page shows is run as it stands there: the wrong example gives that message, the right one gives none of it. `npm run explain`
// writes compiler/explain/pages.json, which `btc explain` and the site read.

const models = formattedModels();
const pages: Partial<Record<MessageNumber, Page>> = {};
let project: Project;

beforeAll(() => {
  project = exampleFolder();
});
afterAll(() => project.remove());

async function run(example: RunExample): Promise<Outcome> {
  if (example.kind === 'command') return runCommand(project, example);
  if (example.kind === 'call') return runCall(example.text);
  return runModel(models.get(example.text)!, example);
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
    const made =
      wrong.kind === 'shown' ? { codes: [code], prints: wrong.message } : await run(wrong);
    expect(made.codes).toContain(code);
    expect(made.prints).toContain(`${code}: `);
    for (const text of fixedTexts(number)) expect(made.prints).toContain(text.trimEnd());
    const good = await run(right);
    expect(good.codes).not.toContain(code);
    expect(good.failed, good.prints).toBe(false);
    const { title, means } = EXPLANATIONS[number];
    pages[number] = {
      ...{ title, means, wrong: shownExample(wrong, models), prints: made.prints },
      right: shownExample(right, models),
    };
  });
});

test('compiler/explain/pages.json has what they gave', async () => {
  await expect(`${JSON.stringify(pages, null, 1)}\n`).toMatchFileSnapshot(
    fileURLToPath(new URL('../../compiler/explain/pages.json', import.meta.url)),
  );
});
