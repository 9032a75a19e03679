import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const CLOCKS = /\b(?:performance\.now|Date\.now|process\.(?:hrtime|uptime|cpuUsage))\b/;

const textOf = (file: string) => readFileSync(`${FOLDER}/${file}`, 'utf8');

// What a test takes depends on what else the machine does: tests count work instead. `test/bench` is no test.
test('no test reads a clock', () => {
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter(
    (file) => /\.(?:ts|mjs)$/.test(file) && !/^(?:bench|clocks\.test)/.test(file),
  );
  const readers = files.filter((file) => CLOCKS.test(textOf(file)));
  expect(files.length).toBeGreaterThan(100);
  expect(readers).toEqual([]);
});

test('no test gives itself less time than a busy machine takes', () => {
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /^(?!.*node_modules).*\.(?:test|tools)\.ts$/.test(file),
  );
  const hasty = files.filter((file) =>
    /^\s*\}, [1-9][\d_]*\);$|waitFor\w+\([^;]*timeout:/m.test(textOf(file)),
  );
  expect(hasty).toEqual([]);
});

test('tests that replace modules have modules of their own', () => {
  const configuration = readFileSync(`${FOLDER}/../vitest.config.ts`, 'utf8');
  const mocking = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.test.ts') && /^vi\.(?:mock|doMock)\(/m.test(textOf(file)),
  );
  expect(mocking.length).toBeGreaterThan(0);
  for (const file of mocking) expect(configuration).toContain(`'test/${file}'`);
});
