import { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Editor, startEditor } from './client.ts';
import { codes, HEAD, model, placeIn, SOUND, textIn } from './models.ts';
import { workspace } from './workspace.ts';

// Files that come, go and hang together.

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = 'dist/compiler/cli/main.js';

const { folder, write } = workspace('editor-files-');

const WRONG = SOUND.replace('output(state)', 'hidden(state)');

let editor: Editor;
beforeAll(async () => {
  editor = await startEditor(join(ROOT, MAIN), {
    cwd: folder,
    initializationOptions: { timeLimit: 60 },
  });
});
afterAll(async () => {
  expect(await editor.end()).toBe(0);
});

const isClean = ({ diagnostics }: { readonly diagnostics: readonly unknown[] }) =>
  diagnostics.length === 0;
const isWrong = (shown: { readonly diagnostics: readonly unknown[] }) => !isClean(shown);

describe('a model', () => {
  test('that is renamed leaves nothing behind at its old name', async () => {
    const before = write('old.ts', WRONG);
    editor.open(before, WRONG);
    expect(codes(await editor.shown(before))).toEqual(['BTC2014']);
    const after = join(folder, 'new.ts');
    renameSync(before, after);
    // As editors do it.
    editor.close(before);
    editor.open(after, WRONG);
    expect(codes(await editor.shown(after))).toEqual(['BTC2014']);
    await editor.shown(before, isClean);
    editor.type(after, SOUND);
    expect(codes(await editor.shown(after))).toEqual([]);
    editor.close(after);
  });

  test('that is closed and opened again is looked at again', async () => {
    const file = write('again.ts', WRONG);
    for (let time = 0; time < 2; time++) {
      editor.open(file, WRONG);
      expect(codes(await editor.shown(file, isWrong))).toEqual(['BTC2014']);
      editor.close(file);
      await editor.shown(file, isClean);
      expect(await editor.hover(file, placeIn(WRONG, 'relu(hidden'))).toBeNull();
    }
  });

  test('that is deleted on the disk stays what the editor has', async () => {
    const file = write('deleted.ts', SOUND);
    editor.open(file, SOUND);
    expect(codes(await editor.shown(file))).toEqual([]);
    unlinkSync(file);
    editor.type(file, WRONG);
    expect(codes(await editor.shown(file))).toEqual(['BTC2014']);
    expect(await editor.hover(file, placeIn(WRONG, 'relu(hidden'))).toContain('f32 [32, 16]');
    editor.close(file);
    await editor.shown(file, isClean);
  });

  test('that was never saved is looked at: where it shall be, by a link, and without a place', async () => {
    const real = join(folder, 'real');
    mkdirSync(real);
    symlinkSync(real, join(folder, 'link'));
    for (const file of [
      join(folder, 'unsaved.ts'),
      join(folder, 'link', 'unsaved.ts'),
      'untitled:Untitled-1',
      `untitled:${join(folder, 'named.ts')}`,
    ]) {
      editor.open(file, WRONG);
      const { diagnostics } = await editor.shown(file);
      expect(codes({ diagnostics })).toEqual(['BTC2014']);
      expect(textIn(WRONG, diagnostics[0].range)).toBe('hidden(state)');
      editor.type(file, SOUND);
      expect(codes(await editor.shown(file))).toEqual([]);
      expect(await editor.hover(file, placeIn(SOUND, 'relu(hidden'))).toContain('f32 [32, 16]');
      editor.close(file);
    }
    // Saved while it is open: the editor goes on with the address that it had.
    const saved = join(folder, 'link', 'saved.ts');
    editor.open(saved, WRONG);
    await editor.shown(saved, isWrong);
    writeFileSync(saved, WRONG);
    editor.type(saved, SOUND);
    expect(codes(await editor.shown(saved))).toEqual([]);
    editor.close(saved);
  });
});

describe('a module', () => {
  const BLOCK = `import { relu, type Tensor } from 'btc-compiler';
export const block = (x: Tensor): Tensor => relu(x);
`;
  const importing = (from: string, call = 'hidden(block(x))') =>
    model(`return { logits: output(${call}) };`, `${HEAD}import { block } from '${from}';\n`);

  test('that two models share changes what is shown of both, and its own mistakes are shown once', async () => {
    const shared = write('shared.ts', BLOCK);
    const [first, second] = ['first.ts', 'second.ts'].map((name) =>
      write(name, importing('./shared.ts')),
    );
    for (const file of [first, second]) {
      editor.open(file, importing('./shared.ts'));
      expect(codes(await editor.shown(file))).toEqual([]);
    }
    editor.open(shared, BLOCK);
    // Half of the features: the models' own layers refuse it.
    editor.type(shared, BLOCK.replace('relu(x);', 'relu(x).reshape([64, 4]);'));
    for (const file of [first, second]) {
      const { diagnostics } = await editor.shown(file, isWrong);
      expect(codes({ diagnostics })).toEqual(['BTC2014']);
      expect(textIn(importing('./shared.ts'), diagnostics[0].range)).toBe('hidden(block(x))');
    }
    const wrong = BLOCK.replace('relu(x);', 'relu(x).reshape([5, 5]);');
    editor.type(shared, wrong);
    const { diagnostics } = await editor.shown(
      shared,
      (one) => one.diagnostics[0]?.relatedInformation !== undefined,
    );
    expect(diagnostics.every(({ code }) => code === 'BTC2008')).toBe(true);
    // Of each model, with the place in it that led there.
    const places = diagnostics.flatMap(({ relatedInformation = [] }) =>
      relatedInformation.map(({ location }) => location),
    );
    expect(places.length).toBeGreaterThan(0);
    for (const { uri, range } of places) {
      expect([first, second]).toContain(fileURLToPath(uri));
      expect(textIn(importing('./shared.ts'), range)).toBe('block(x)');
    }
    for (const file of [first, second]) await editor.shown(file, isClean);
    editor.type(shared, BLOCK);
    await editor.shown(shared, isClean);
    for (const file of [first, second, shared]) editor.close(file);
  });

  test('that appears and goes on the disk is seen', async () => {
    const text = importing('./late.ts');
    const file = write('waiting.ts', text);
    editor.open(file, text);
    const { diagnostics } = await editor.shown(file);
    expect(codes({ diagnostics })).toEqual(['BTC5230']);
    expect(textIn(text, diagnostics[0].range)).toBe("'./late.ts'");
    const late = write('late.ts', BLOCK);
    await editor.shown(file, isClean);
    unlinkSync(late);
    await editor.shown(file, isWrong);
    editor.close(file);
  });

  test('of a package, of a folder with a configuration of its own, and behind a path of that', async () => {
    write(
      'node_modules/blocks/package.json',
      JSON.stringify({ name: 'blocks', version: '1.0.0', type: 'module', exports: './index.js' }),
    );
    write(
      'node_modules/blocks/index.js',
      "import { relu } from 'btc-compiler';\nexport const block = (x) => relu(x);\n",
    );
    mkdirSync(join(folder, 'node_modules'), { recursive: true });
    symlinkSync(ROOT, join(folder, 'node_modules/btc-compiler'));
    write(
      'apart/tsconfig.json',
      JSON.stringify({ compilerOptions: { strict: true, paths: { '#blocks/*': ['./lib/*'] } } }),
    );
    write('apart/lib/block.ts', BLOCK);
    for (const [name, from] of [
      ['packaged.ts', 'blocks'],
      ['apart/inside.ts', '#blocks/block.ts'],
      ['outside.ts', './apart/lib/block.ts'],
    ]) {
      const wrong = importing(from, 'hidden(hidden(block(x)))');
      const file = write(name, wrong);
      editor.open(file, wrong);
      const { diagnostics } = await editor.shown(file);
      expect(codes({ diagnostics })).toEqual(['BTC2014']);
      expect(textIn(wrong, diagnostics[0].range)).toBe('hidden(hidden(block(x)))');
      editor.type(file, importing(from));
      expect(codes(await editor.shown(file))).toEqual([]);
      expect(await editor.hover(file, placeIn(importing(from), 'block(x)'))).toContain(
        'f32 [32, 8]',
      );
      editor.close(file);
    }
  });

  test('that turns a type into a value, and back, changes what those emit that import it', async () => {
    const BOTH = "import { Width } from './kind.ts';\nexport type { Width };\n";
    const kind = write('kind.ts', 'export type Width = 16;\n');
    const user = write('user.ts', `${BOTH}export const width: Width = 16;\n`);
    const text = model(
      'return { logits: output(linear(8, width)(x)) };',
      `${HEAD}import { width } from './user.ts';\n`,
    );
    const file = write('typed.ts', text);
    editor.open(file, text);
    expect(codes(await editor.shown(file))).toEqual([]);
    // A class is both: its import stays, and its module is run.
    editor.open(kind, 'export type Width = 16;\n');
    editor.open(user, `${BOTH}export const width: Width = 16;\n`);
    editor.type(user, `${BOTH}export const width = new Width().size;\n`);
    expect(codes(await editor.shown(user, isWrong))).toEqual(['BTC1002']);
    editor.type(kind, 'export class Width {\n  readonly size = 16;\n}\n');
    await editor.shown(user, isClean);
    editor.type(kind, 'export class Width {\n  readonly size = 12;\n}\n');
    const { diagnostics } = await editor.shown(file, isWrong);
    expect(diagnostics[0].message).toContain('the input has 12 features');
    for (const one of [file, kind, user]) editor.close(one);
  });
});

test('a project with TypeScript 7 is served by the TypeScript of btc', async () => {
  const project = join(folder, 'seven');
  // Its package has no compiler for others to call.
  write(
    'seven/node_modules/typescript/package.json',
    JSON.stringify({ name: 'typescript', version: '7.0.0', type: 'module', main: './lib.js' }),
  );
  write('seven/node_modules/typescript/lib.js', "throw new Error('this is version 7');\n");
  symlinkSync(ROOT, join(project, 'node_modules/btc-compiler'));
  const file = write('seven/model.ts', WRONG);
  const seven = await startEditor(join(project, 'node_modules/btc-compiler', MAIN), {
    cwd: project,
  });
  seven.open(file, WRONG);
  expect(codes(await seven.shown(file))).toEqual(['BTC2014']);
  seven.type(file, SOUND);
  expect(codes(await seven.shown(file))).toEqual([]);
  expect(await seven.hover(file, placeIn(SOUND, 'relu(hidden'))).toContain('f32 [32, 16]');
  expect(seven.logged.join('\n')).not.toContain('version 7');
  expect(await seven.end()).toBe(0);
});
