import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const COLUMNS = ['id', 'lower', 'upper', 'size'];

/** Buffers of a CSV file as blocks over the stretches between their times. @throws Error with one line that says what is wrong where */
export function readInstance(path) {
  const name = basename(path);
  const [head, ...rows] = linesOf(path, name);
  if (!head) throw new Error(`${name}: the file is empty`);
  const columns = head.text.split(',').map((column) => column.trim());
  const at = COLUMNS.map((column) => columns.indexOf(column));
  const missing = COLUMNS.filter((_, i) => at[i] < 0);
  if (missing.length > 0)
    throw new Error(
      `${name}: line ${head.line}: no column ${missing.map((c) => `'${c}'`).join(', ')} in the head`,
    );
  if (rows.length === 0) throw new Error(`${name}: no buffers`);
  const ids = new Map();
  const lives = rows.map(({ text, line }) => {
    const fields = text.split(',').map((field) => field.trim());
    const wrong = (what) => new Error(`${name}: line ${line}: ${what}`);
    if (fields.length !== columns.length)
      throw wrong(`${fields.length} fields, and the head has ${columns.length}`);
    const id = fields[at[0]];
    if (id === '') throw wrong('the id is empty');
    if (ids.has(id)) throw wrong(`id '${id}' is that of line ${ids.get(id)} too`);
    ids.set(id, line);
    const [lower, upper, size] = at.slice(1).map((column, i) => {
      const value = fields[column] === '' ? Number.NaN : Number(fields[column]);
      if (!Number.isSafeInteger(value))
        throw wrong(`${COLUMNS[i + 1]} '${fields[column]}' is not a whole number`);
      return value;
    });
    if (lower >= upper) throw wrong(`lower ${lower} is not below upper ${upper}`);
    if (size < 0) throw wrong(`size ${size} is negative`);
    return { lower, upper, size };
  });
  const total = lives.reduce((sum, { size }) => sum + size, 0);
  if (!Number.isSafeInteger(total)) throw new Error(`${name}: the sizes add up to more than 2^53`);
  return { ids: [...ids.keys()], blocks: blocksOf(lives) };
}

function linesOf(path, name) {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const why = {
      ENOENT: 'there is no such file',
      EISDIR: 'it is a folder',
      EACCES: 'it may not be read',
    };
    throw new Error(`${name}: ${why[error.code] ?? error.message}`);
  }
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map((line, i) => ({ text: line, line: i + 1 }))
    .filter(({ text }) => text.trim() !== '');
}

/** Only the order of times counts. */
function blocksOf(lives) {
  const times = Float64Array.from(
    new Set(lives.flatMap(({ lower, upper }) => [lower, upper])),
  ).sort();
  const step = new Map(Array.from(times, (time, index) => [time, index]));
  return {
    bytes: Float64Array.from(lives, ({ size }) => size),
    first: Int32Array.from(lives, ({ lower }) => step.get(lower)),
    last: Int32Array.from(lives, ({ upper }) => step.get(upper) - 1),
  };
}
