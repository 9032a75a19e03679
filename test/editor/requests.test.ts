import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CancellationTokenSource } from 'vscode-jsonrpc/node';
import { type Editor, type Place, type Shown, startEditor } from './client.ts';
import { codes, model, placeIn, SOUND, textIn } from './models.ts';
import { workspace } from './workspace.ts';

// What editors ask for while text changes.

const MAIN = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url));

const { folder, write } = workspace('editor-requests-');

let editor: Editor;
beforeAll(async () => {
  editor = await startEditor(MAIN, {
    cwd: folder,
    initializationOptions: { inlayHints: { shapes: true }, timeLimit: 60 },
  });
});
afterAll(async () => {
  expect(await editor.end()).toBe(0);
});

const behind = ({ line, character }: Place, piece: string): Place => ({
  line,
  character: character + piece.length,
});

describe('edits by ranges', () => {
  // Four UTF-16 units, and 14 bytes of UTF-8.
  const SURROGATES = "const 𝑎 = '👩‍🔬𝕏🙂'; /* 🙂 */ ";
  const text = model(
    `${SURROGATES}const state = relu(hidden(x)); return { logits: output(state) };`,
  );

  test.each(['\n', '\r\n'])(
    'count UTF-16 units behind characters of two, in lines that end with %j',
    async (end) => {
      const own = text.replaceAll('\n', end);
      const file = write(`ranges${end.length}.ts`, own);
      editor.open(file, own);
      expect(codes(await editor.shown(file))).toEqual([]);
      const at = placeIn(own, 'output(state)');
      editor.edit(file, at, behind(at, 'output'), 'hidden');
      const wrong = own.replace('output(state)', 'hidden(state)');
      const { diagnostics } = await editor.shown(file);
      expect(codes({ diagnostics })).toEqual(['BTC2014']);
      expect(textIn(wrong, diagnostics[0].range)).toBe('hidden(state)');
      // A new line before it, with a character of two units, and back.
      editor.edit(
        file,
        placeIn(own, 'export default'),
        placeIn(own, 'export default'),
        `// 🙂${end}`,
      );
      const moved = await editor.shown(file);
      expect(moved.diagnostics[0].range.start.line).toBe(diagnostics[0].range.start.line + 1);
      editor.edit(
        file,
        { ...at, line: at.line + 1 },
        { ...behind(at, 'hidden'), line: at.line + 1 },
        'output',
      );
      expect(codes(await editor.shown(file))).toEqual([]);
      const now = own.replace('export default', `// 🙂${end}export default`);
      expect(await editor.hover(file, placeIn(now, 'relu(hidden'))).toContain('f32 [32, 16]');
      editor.close(file);
    },
  );
});

test('a hover that nobody waits for any more is answered while the model still runs', async () => {
  const file = write('cancelled.ts', SOUND);
  editor.open(file, SOUND);
  await editor.shown(file);
  await editor.hover(file, { line: 0, character: 0 });
  // What runs is waited for, and this does not end of itself.
  editor.type(file, SOUND.replace('const state', 'for (;;);\n    const state'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const source = new CancellationTokenSource();
  const asked = editor.connection.sendRequest(
    'textDocument/hover',
    {
      textDocument: { uri: pathToFileURL(file).href },
      position: placeIn(SOUND, 'relu(hidden'),
    },
    source.token,
  );
  // Cancelling what has not been begun is another matter.
  await new Promise((resolve) => setTimeout(resolve, 50));
  source.cancel();
  await expect(asked).rejects.toMatchObject({ code: -32800 });
  editor.type(file, SOUND);
  expect(codes(await editor.shown(file))).toEqual([]);
  editor.close(file);
});

test('hints are switched off and on while the server runs', async () => {
  const file = write('switched.ts', SOUND);
  editor.open(file, SOUND);
  await editor.shown(file);
  const configure = (settings: unknown) =>
    editor.connection.sendNotification('workspace/didChangeConfiguration', { settings });
  const count = async () => (await editor.hints(file)).length;
  expect(await count()).toBe(5);
  await configure({ btc: { inlayHints: { shapes: false } } });
  expect(await count()).toBe(0);
  // What makes no sense changes nothing.
  await configure({ btc: { inlayHints: { shapes: 'yes' }, timeLimit: -1 } });
  await configure(null);
  expect(await count()).toBe(0);
  await configure({ inlayHints: { shapes: true } });
  expect(await count()).toBe(5);
  editor.close(file);
});

test('hints stay while a syntax error is typed, and move with the text', async () => {
  const file = write('typing.ts', SOUND);
  editor.open(file, SOUND);
  await editor.shown(file);
  const labelled = async (text: string) => {
    const lines = text.split('\n');
    return (await editor.hints(file)).map(
      ({ position: { line, character }, label }) =>
        `${lines[line].slice(0, character).trim()} ${label}`,
    );
  };
  const before = await labelled(SOUND);
  const at = placeIn(SOUND, 'const hidden');
  editor.edit(file, at, at, 'const broken = (\n');
  const broken = SOUND.replace('const hidden', 'const broken = (\nconst hidden');
  expect((await editor.shown(file)).diagnostics[0].code).toMatch(/^TS1\d{3}$/);
  expect(await labelled(broken)).toEqual(before);
  editor.type(file, SOUND);
  expect(codes(await editor.shown(file))).toEqual([]);
  expect(await labelled(SOUND)).toEqual(before);
  editor.close(file);
});

describe('what was meant', () => {
  const edited = (text: string, { start, end }: Shown['range'], by: string) => {
    const lines = text.split('\n');
    const { line } = start;
    lines[line] = lines[line].slice(0, start.character) + by + lines[line].slice(end.character);
    return lines.join('\n');
  };

  test.each([
    ['a dtype', SOUND.replace("'i32'", "'i33'")],
    ['an input', SOUND.replace('{ label })', '{ labels: label })')],
    ['an import', SOUND.replace('adam,', 'adem as adam,')],
    ['an option', SOUND.replace('adam()', "adam(), precison: 'f32'")],
  ])('makes the file right where it is put in: of %s', async (what, wrong) => {
    const file = write(`meant-${what.replaceAll(' ', '-')}.ts`, wrong);
    editor.open(file, wrong);
    const { diagnostics } = await editor.shown(file, (shown) => shown.diagnostics.length > 0);
    const [action, ...others] = await editor.actions(file, diagnostics);
    expect(others).toEqual([]);
    const edits = Object.values(action.edit.changes).flat();
    expect(edits).toHaveLength(1);
    editor.type(file, edited(wrong, edits[0].range, edits[0].newText));
    expect(codes(await editor.shown(file))).toEqual([]);
    editor.close(file);
  });
});

test('an editor that shuts the server down gets its answer, and no more answers behind that', async () => {
  const other = await startEditor(MAIN, { cwd: folder });
  const file = write('shut.ts', SOUND);
  other.open(file, SOUND.replace('const state', 'for (;;);\n    const state'));
  // A model runs that would never end.
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await other.connection.sendRequest('shutdown')).toBeNull();
  await expect(
    other.connection.sendRequest('textDocument/hover', {
      textDocument: { uri: pathToFileURL(file).href },
      position: { line: 0, character: 0 },
    }),
  ).rejects.toMatchObject({ code: -32600 });
  const ended = new Promise((resolve) => other.child.on('exit', resolve));
  await other.connection.sendNotification('exit');
  expect(await ended).toBe(0);
});

test('an exit without a shutdown is one with an error', async () => {
  const other = await startEditor(MAIN, { cwd: folder });
  const ended = new Promise((resolve) => other.child.on('exit', resolve));
  await other.connection.sendNotification('exit');
  expect(await ended).toBe(1);
});
