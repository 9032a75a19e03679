import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Editor, startEditor } from './client.ts';
import { codes, HEAD, model, placeIn, SOUND, textIn } from './models.ts';
import { workspace } from './workspace.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist/compiler/cli/main.js');

const { folder, write } = workspace('editor-');

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

describe('diagnostics', () => {
  test('come at the expression while it is typed, and go when it is mended', async () => {
    const file = write('typed.ts', SOUND);
    editor.open(file, SOUND);
    expect(codes(await editor.shown(file))).toEqual([]);
    const at = placeIn(SOUND, 'output(state)');
    editor.edit(file, at, { ...at, character: at.character + 6 }, 'hidden');
    const wrong = await editor.shown(file);
    const text = SOUND.replace('output(state)', 'hidden(state)');
    expect(wrong.diagnostics).toMatchObject([
      {
        code: 'BTC2014',
        severity: 1,
        message:
          "'linear': the input has 16 features, the layer was made for 8\nin 'hidden'\nbtc explain 2014",
      },
    ]);
    expect(textIn(text, wrong.diagnostics[0].range)).toBe('hidden(state)');
    editor.type(file, SOUND);
    expect(codes(await editor.shown(file))).toEqual([]);
  });

  test('name calls of a chain apart, and underline each to the end of its line', async () => {
    const text = model(
      'return { logits: output(relu(hidden(x)).reshape([4, 4]).matmul(hidden(x))) };',
    );
    const file = write('chain.ts', text);
    editor.open(file, text);
    const { diagnostics } = await editor.shown(file);
    expect(diagnostics.map(({ code }) => code)).toEqual(['BTC2008']);
    expect(textIn(text, diagnostics[0].range)).toBe('relu(hidden(x)).reshape([4, 4])');
  });

  test('count UTF-16 units, with characters of two, in lines that end with CRLF', async () => {
    const text = model(
      "const 𝑎 = '👩‍🔬𝕏'; /* 🙂🙂 */ return { logits: hidden(relu(hidden(x))) };",
    ).replaceAll('\n', '\r\n');
    const file = write('astral.ts', text);
    editor.open(file, text);
    const { diagnostics } = await editor.shown(file);
    expect(diagnostics).toHaveLength(1);
    expect(textIn(text, diagnostics[0].range)).toBe('hidden(relu(hidden(x)))');
    expect(await editor.hover(file, placeIn(text, 'relu(hidden'))).toContain('f32 [32, 16]');
  });

  test('of gradients are found as well', async () => {
    const file = write('gradient.ts', SOUND);
    const own = SOUND.replace(
      '({ logits }, { label }) => crossEntropy(logits, label)',
      '(_, { label }) => crossEntropy(zeros([32, 4]), label)',
    ).replace('export default', "import { zeros } from 'btc-compiler';\nexport default");
    editor.open(file, own);
    const shown = await editor.shown(file, ({ diagnostics }) => diagnostics.length > 0);
    expect(codes(shown)).toEqual(['BTC3002']);
  });

  test('of the syntax are told, and keep what was known', async () => {
    const file = write('syntax.ts', SOUND);
    editor.open(file, SOUND);
    await editor.shown(file);
    // Waits for all that there is to know.
    await editor.hover(file, placeIn(SOUND, 'relu(hidden'));
    const broken = SOUND.replace('output(state)', 'output(state');
    editor.type(file, broken);
    const { diagnostics } = await editor.shown(file);
    expect(diagnostics.length).toBeGreaterThan(0);
    expect(diagnostics[0].code).toMatch(/^TS1\d{3}$/);
    expect(await editor.hover(file, placeIn(broken, 'relu(hidden'))).toContain('f32 [32, 16]');
  });

  test('types are not checked: that is for the server of TypeScript', async () => {
    const text = SOUND.replace('const state', "const wrong: number = 'text';\n    const state");
    const file = write('types.ts', text);
    editor.open(file, text);
    expect(codes(await editor.shown(file))).toEqual([]);
  });

  test('say of exceptions, of the end of the process and of endless waiting what they are', async () => {
    const file = write('ends.ts', SOUND);
    editor.open(file, SOUND);
    await editor.shown(file);
    for (const [statement, code] of [
      ["throw new RangeError('mine');", 'BTC1002'],
      ['process.exit(3);', 'BTC1030'],
    ]) {
      editor.type(file, SOUND.replace('const state', `${statement}\n    const state`));
      expect(codes(await editor.shown(file))).toEqual([code]);
    }
    editor.type(file, `${SOUND}\nawait new Promise(() => {});\n`);
    expect(codes(await editor.shown(file))).toEqual(['BTC1031']);
    // Each of these has cost the thread its life.
    editor.type(file, SOUND);
    expect(codes(await editor.shown(file))).toEqual([]);
  });

  test('name an import that btc has not by the name that it is imported by', async () => {
    const text = SOUND.replace('relu, tensor', 'relu, tensor, nothingOfTheKind').replace(
      'relu(hidden',
      'nothingOfTheKind(hidden',
    );
    const file = write('lacking.ts', text);
    editor.open(file, text);
    const { diagnostics } = await editor.shown(file);
    expect(diagnostics.map(({ code }) => code)).toEqual(['BTC5204']);
    expect(diagnostics[0].message).toMatch(/^'btc-compiler' has no export 'nothingOfTheKind'/);
    expect(textIn(text, diagnostics[0].range)).toBe('nothingOfTheKind');
  });

  test('files that are no models are left alone, and are not run', async () => {
    const mark = join(folder, 'ran.txt');
    const run = `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(mark)}, '');\n`;
    const helper = write(
      'helper-only.ts',
      `${run}export const half = (x: number) => x / 2;\nconst ;\n`,
    );
    const configuration = write('tool.config.ts', `${run}export default { plugins: [] };\n`);
    for (const file of [helper, configuration]) editor.open(file, readFileSync(file, 'utf8'));
    const file = write('after.ts', SOUND);
    editor.open(file, SOUND);
    await editor.shown(file);
    await editor.hover(configuration, { line: 0, character: 0 });
    expect([helper, configuration].map((one) => editor.count(one))).toEqual([0, 0]);
    expect(readdirSync(folder)).not.toContain('ran.txt');
  });
});

describe('files that a model imports', () => {
  const BLOCK = `import { linear, relu, type Tensor } from 'btc-compiler';
import { type Width, width } from './width.ts';
const inner = linear(8, width, { name: 'inner' });
export const block = (x: Tensor): Tensor => relu(inner(x));
export type { Width };
`;
  const text = model(
    'return { logits: output(block(x)) };',
    `${HEAD}import { block } from './block.ts';\n`,
  );

  test('are taken as the editor has them, and mistakes are shown at them', async () => {
    const width = write('width.ts', 'export type Width = number;\nexport const width = 16;\n');
    const block = write('block.ts', BLOCK);
    const file = write('importing.ts', text);
    editor.open(file, text);
    expect(codes(await editor.shown(file))).toEqual([]);
    // Not saved: on the disk it is sound.
    const wrong = BLOCK.replace('relu(inner(x))', 'relu(inner(inner(x)))');
    editor.open(block, wrong);
    const shown = await editor.shown(block, ({ diagnostics }) => diagnostics.length > 0);
    expect(codes(shown)).toEqual(['BTC2014']);
    expect(textIn(wrong, shown.diagnostics[0].range)).toBe('inner(inner(x))');
    expect(shown.diagnostics[0].relatedInformation?.map(({ message }) => message)).toEqual([
      'called from here',
    ]);
    expect(await editor.hover(block, placeIn(wrong, 'inner(x)'))).toContain('f32 [32, 16]');
    editor.type(block, BLOCK);
    await editor.shown(block, ({ diagnostics }) => diagnostics.length === 0);
    // A file that is not open, on the disk.
    writeFileSync(width, 'export type Width = number;\nexport const width = 12;\n');
    const narrow = await editor.shown(file, ({ diagnostics }) => diagnostics.length > 0);
    expect(narrow.diagnostics[0].message).toContain('the input has 12 features');
    editor.close(file);
    await editor.shown(file, ({ diagnostics }) => diagnostics.length === 0);
  });
});

describe('hovers', () => {
  test('say shape, bytes, programs, what is kept, and parameters with what training adds', async () => {
    const file = write('hovered.ts', SOUND);
    editor.open(file, SOUND);
    await editor.shown(file);
    const at = (piece: string, nth?: number) => editor.hover(file, placeIn(SOUND, piece, nth));
    // 32·16 f32 are 2 KiB; relu's gradient reads what it gave, the second layer's gradient its input.
    expect(await at('relu(hidden')).toMatch(
      /^`f32 \[32, 16\]` · 2\.00 KiB {2}\n`relu` in `build`|`predict`, `train` {2}\nkept for the backward pass: read by .*`output\.weight\.grad`/,
    );
    // 8·16 + 16 numbers of 4 bytes; Adam keeps two for each.
    const layer = await at('hidden = linear');
    expect(layer).toContain('144 parameters: 576 B, gradients 576 B, optimiser 1.13 KiB');
    expect(layer).toContain('`hidden.weight` `f32 [8, 16]`');
    expect(await at('hidden(x)')).toContain('not kept for the backward pass');
    expect(await at('state)')).toBe(await at('relu(hidden'));
    expect(await at('x }) {')).toContain('input `x` `f32 [32, 8]` · 1.00 KiB');
    // 144 + 16·4 + 4 numbers.
    expect(await at('defineModel({')).toContain('212 parameters, 848 B; gradients 848 B');
    expect(await at('8, 16')).toBeNull();
  });

  test('tell the first few of several calls', async () => {
    const text = model(
      'let h = hidden(x);\n    for (let k = 0; k < 6; k++) h = relu(linear(16, 16)(h));\n    return { logits: output(h) };',
    );
    const file = write('several.ts', text);
    editor.open(file, text);
    await editor.shown(file);
    const told = await editor.hover(file, placeIn(text, 'relu(linear'));
    expect(told).toMatch(/^6 values:/);
    expect(told).toContain('- and 2 more');
  });
});

test('shapes stand in the text where they are asked for', async () => {
  const file = write('hinted.ts', SOUND);
  editor.open(file, SOUND);
  await editor.shown(file);
  const lines = SOUND.split('\n');
  const hints = (await editor.hints(file)).map(
    ({ position, label }) => `${lines[position.line].slice(0, position.character).trim()} ${label}`,
  );
  expect(hints).toEqual([
    'inputs: { x: tensor([32, 8]) [32, 8]',
    "inputs: { x: tensor([32, 8]), label: tensor([32], 'i32') [32]",
    'const state = relu(hidden(x)) [32, 16]',
    'return { logits: output(state) [32, 4]',
    'train: { loss: ({ logits }, { label }) => crossEntropy(logits, label) []',
  ]);
  const quiet = await startEditor(MAIN, { cwd: folder });
  quiet.open(file, SOUND);
  await quiet.shown(file);
  expect(await quiet.hints(file)).toEqual([]);
  expect(await quiet.end()).toBe(0);
});

test('settings are asked for where the editor has them', async () => {
  const asking = await startEditor(MAIN, {
    cwd: folder,
    capabilities: { workspace: { configuration: true } },
    configuration: () => ({ inlayHints: { shapes: true } }),
  });
  const file = write('set.ts', SOUND);
  asking.open(file, SOUND);
  await asking.shown(file);
  expect((await asking.hints(file)).length).toBe(5);
  expect(await asking.end()).toBe(0);
});

describe('what was meant', () => {
  const applied = async (name: string, text: string) => {
    const file = write(name, text);
    editor.open(file, text);
    const { diagnostics } = await editor.shown(file, (one) => one.diagnostics.length > 0);
    const actions = await editor.actions(file, diagnostics);
    const edits = actions.flatMap(({ edit }) => Object.values(edit.changes).flat());
    const lines = text.split('\n');
    for (const { range, newText } of edits) {
      const line = lines[range.start.line];
      lines[range.start.line] =
        line.slice(0, range.start.character) + newText + line.slice(range.end.character);
    }
    return { titles: actions.map(({ title }) => title), text: lines.join('\n') };
  };

  test('is put in place of the name: of a string, a property, and one that is a variable too', async () => {
    const dtype = await applied('dtype.ts', SOUND.replace("'i32'", "'i33'"));
    expect(dtype).toEqual({ titles: ["Change 'i33' to 'i32'"], text: SOUND });
    const input = await applied(
      'input.ts',
      SOUND.replace('{ label })', '{ labels })').replace(', label)', ', labels)'),
    );
    expect(input.titles).toEqual(["Change 'labels' to 'label'"]);
    expect(input.text).toContain('({ logits }, { label: labels }) => crossEntropy(logits, labels)');
    const option = await applied(
      'option.ts',
      SOUND.replace('optimizer: adam()', "optimizer: adam(), precison: 'f16'"),
    );
    expect(option.text).toContain("precision: 'f16'");
  });

  test('is offered for no other diagnostic', async () => {
    const text = SOUND.replace('output(state)', 'hidden(state)');
    expect(await applied('other.ts', text)).toEqual({ titles: [], text });
  });
});

test('a newer text ends the model that runs, and a loop ends by the limit', async () => {
  const limited = await startEditor(MAIN, {
    cwd: folder,
    initializationOptions: { btc: { timeLimit: 2 } },
  });
  const file = write('loops.ts', SOUND);
  limited.open(file, SOUND);
  await limited.shown(file);
  const looping = SOUND.replace('const state', 'for (;;);\n    const state');
  limited.type(file, looping);
  const { diagnostics } = await limited.shown(file);
  expect(diagnostics.map(({ code }) => code)).toEqual(['BTC1034']);
  expect(diagnostics[0].message).toContain('longer than 2 s');
  expect(textIn(looping, diagnostics[0].range)).toBe('export default');
  await limited.connection.sendNotification('workspace/didChangeConfiguration', {
    settings: { btc: { timeLimit: 100_000 } },
  });
  limited.type(file, `${looping}\n`);
  await new Promise((resolve) => setTimeout(resolve, 500));
  // The loop runs, and would for a day.
  limited.type(file, SOUND);
  expect(codes(await limited.shown(file))).toEqual([]);
  expect(await limited.end()).toBe(0);
});

test('typing fast ends traces in the middle, and the thread stays', async () => {
  const typist = await startEditor(MAIN, { cwd: folder });
  const head = `${HEAD}
const all = globalThis as { runs?: number };
all.runs = (all.runs ?? 0) + 1;
console.log('run', all.runs);
`;
  const short = model('return { logits: output(relu(hidden(x))) };', head);
  // Takes longer than anybody waits for a model that does not end by itself.
  const long = short.replace(
    'return {',
    'let state = x;\n    for (let k = 0; k < 1e6; k++) state = relu(state);\n    return {',
  );
  const file = write('fast.ts', short);
  typist.open(file, short);
  await typist.shown(file);
  typist.type(file, long);
  await expect.poll(() => typist.logged.join('\n'), { timeout: 30_000 }).toContain('run 2');
  // While it runs.
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (let key = 0; key < 5; key++) typist.type(file, `${short}// ${'x'.repeat(key)}`);
  expect(codes(await typist.shown(file))).toEqual([]);
  await typist.hover(file, { line: 0, character: 0 });
  // What another thread would count from 1.
  await expect.poll(() => typist.logged.join('\n')).toContain('run 3');
  expect(await typist.end()).toBe(0);
});

test('what models print does not come between messages', async () => {
  const text = SOUND.replace('const state', "console.log('Content-Length: 3');\n    const state");
  const file = write('prints.ts', text);
  editor.open(file, text);
  expect(codes(await editor.shown(file))).toEqual([]);
  expect(await editor.hover(file, placeIn(text, 'relu(hidden'))).toContain('f32 [32, 16]');
  expect(editor.logged.join('\n')).toContain('Content-Length: 3');
});

describe('malformed messages', () => {
  const framed = (body: string) => `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const request = (id: number, method: string, params: unknown) =>
    framed(JSON.stringify({ jsonrpc: '2.0', id, method, params }));

  test('are answered or passed over, and the server goes on', async () => {
    const child = spawn(process.execPath, [MAIN, 'lsp'], { cwd: folder });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const answered = async (id: number) => {
      while (!output.includes(`"id":${id}`)) await once(child.stdout, 'data');
    };
    child.stdin.write(
      request(1, 'initialize', { processId: null, rootUri: null, capabilities: {} }),
    );
    await answered(1);
    child.stdin.write(framed('{ this is no JSON'));
    child.stdin.write(request(2, 'no/such/method', {}));
    await answered(2);
    child.stdin.write(
      request(3, 'textDocument/hover', {
        textDocument: { uri: 'untitled:one' },
        position: { line: 5, character: 1e9 },
      }),
    );
    await answered(3);
    child.stdin.write(request(4, 'textDocument/hover', null));
    await answered(4);
    for (const uri of ['file://%zz', 'not a uri', 'file://host/share/a.ts'])
      child.stdin.write(
        framed(
          JSON.stringify({
            jsonrpc: '2.0',
            method: 'textDocument/didOpen',
            params: { textDocument: { uri, languageId: 'typescript', version: 1, text: SOUND } },
          }),
        ),
      );
    child.stdin.write(request(5, 'shutdown', undefined));
    await answered(5);
    expect(output).toMatch(/"id":2,"error":\{"code":-32601/);
    child.stdin.write(framed(JSON.stringify({ jsonrpc: '2.0', method: 'exit' })));
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
  });

  test('an end of the input ends the server', async () => {
    const child = spawn(process.execPath, [MAIN, 'lsp'], { cwd: folder });
    child.stdin.end();
    const [code] = await once(child, 'exit');
    expect(code).toBe(1);
  });
});
