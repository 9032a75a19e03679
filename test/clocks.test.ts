import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const CLOCKS = /\b(?:performance\.now|Date\.now|process\.(?:hrtime|uptime|cpuUsage))\b/;

// What a test takes depends on what else the machine does: tests count work instead. `test/bench` is no test.
test('no test reads a clock', () => {
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter(
    (file) => /\.(?:ts|mjs)$/.test(file) && !/^(?:bench|clocks\.test)/.test(file),
  );
  const readers = files.filter((file) => CLOCKS.test(readFileSync(`${FOLDER}/${file}`, 'utf8')));
  expect(files.length).toBeGreaterThan(100);
  expect(readers).toEqual([]);
});
