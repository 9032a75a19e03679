const [QUOTE, BACKSLASH, COLON, OPEN, CLOSE] = ['"', '\\', ':', '{', '}'].map((c) =>
  c.charCodeAt(0),
);
const SPACES: readonly number[] = [...' \t\n\r'].map((c) => c.charCodeAt(0));

/** The first key that an object of a JSON text has twice, or null: `JSON.parse` takes the last one without a word. */
export function duplicateKey(json: string): string | null {
  const objects: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === OPEN) objects.push(new Set());
    else if (code === CLOSE) objects.pop();
    if (code !== QUOTE) continue;
    const start = at++;
    while (json.charCodeAt(at) !== QUOTE) at += json.charCodeAt(at) === BACKSLASH ? 2 : 1;
    let next = at + 1;
    while (SPACES.includes(json.charCodeAt(next))) next++;
    if (json.charCodeAt(next) !== COLON) continue;
    const key = JSON.parse(json.slice(start, at + 1)) as string;
    const keys = objects[objects.length - 1];
    if (keys.has(key)) return key;
    keys.add(key);
  }
  return null;
}
