import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeSafetensors } from '../ir/safetensors.ts';
import { viteBundle } from './support/bundle.ts';
import { launchChromium, openPage, serve } from './support/chromium.ts';
import { createProject, type Project } from './support/project.ts';

/** A block of code that says what file it is: three backticks, `js fit.mjs`. */
interface CodeFile {
  readonly name: string;
  readonly text: string;
}

function codeFiles(page: string): CodeFile[] {
  const text = readFileSync(fileURLToPath(new URL(`../docs/${page}`, import.meta.url)), 'utf8');
  const blocks = text.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms);
  return Array.from(blocks, ([, name, code]) => ({ name, text: code }));
}

/** Pages whose files are a project: models are built, scripts are run, in this order. */
describe.each([
  ...['getting-started.md', 'models.md', 'compact-weights.md', 'sessions.md', 'pytorch.md'],
])('the code of docs/%s', (page) => {
  const files = codeFiles(page);
  let project: Project;
  beforeAll(() => {
    project = createProject();
    for (const { name, text } of files) project.write(name, text);
  });
  afterAll(() => project.remove());

  test('is there', () => {
    expect(files.length).toBeGreaterThan(0);
  });

  test.each(files.map(({ name }) => name))('%s', (name) => {
    if (name.endsWith('.ts')) {
      const { code, stderr } = project.btc('build', name, '--target', 'wasm');
      expect([code, stderr]).toEqual([0, '']);
      return;
    }
    const { status, stderr } = spawnSync(process.execPath, [name], {
      ...{ cwd: project.folder, encoding: 'utf8' },
    });
    expect([status, stderr]).toEqual([0, '']);
  });
});

/** A file as GPT-like checkpoints are, of random weights. */
function checkpoint(): Uint8Array {
  let seed = 1;
  const random = (scale: number) => {
    seed = (seed * 16807) % 2147483647;
    return (seed / 2147483647 - 0.5) * scale;
  };
  const shapes: Record<string, readonly number[]> = {
    'wte.weight': [200, 32],
    'lm_head.weight': [200, 32],
  };
  for (const block of ['h.0', 'h.1'])
    Object.assign(shapes, {
      [`${block}.ln.weight`]: [32],
      [`${block}.ln.bias`]: [32],
      [`${block}.fc_in.weight`]: [128, 32],
      [`${block}.fc_in.bias`]: [128],
      [`${block}.fc_out.weight`]: [32, 128],
      [`${block}.fc_out.bias`]: [32],
    });
  return encodeSafetensors(
    Object.entries(shapes).map(([name, shape]) => {
      const count = shape.reduce((a, b) => a * b, 1);
      const data = Float32Array.from({ length: count }, () => random(shape.length > 1 ? 0.4 : 0.1));
      return [`transformer.${name}`, { dtype: 'f32', shape, data }] as const;
    }),
  );
}

test('the page of docs/fine-tuning.md learns, and gives its adapters', async () => {
  const project = createProject();
  const browser = await launchChromium();
  try {
    for (const { name, text } of codeFiles('fine-tuning.md')) project.write(name, text);
    const built = project.btc('build', 'model.ts', '--budget', '1MiB');
    expect([built.code, built.stderr]).toEqual([0, '']);
    await viteBundle(project.folder, 'page');
    writeFileSync(join(project.folder, 'page/checkpoint.safetensors'), checkpoint());
    const server = await serve(join(project.folder, 'page'), {});
    try {
      const { page, problems } = await openPage(browser, `${server.origin}/index.html`);
      await page.waitForFunction("document.title.startsWith('done')").catch(() => {
        throw new Error(`the page does not end: ${problems.join('; ')}`);
      });
      const log = await page.$eval('#log', (element) => element.textContent ?? '');
      expect(log).toContain('left out: transformer.lm_head.weight');
      const losses = Array.from(log.matchAll(/loss (\S+)/g), ([, loss]) => Number(loss));
      expect(losses).toHaveLength(3);
      expect(losses[2]).toBeLessThan(0.5 * losses[0]);
      expect(Number(/(\d+) bytes to keep/.exec(log)?.[1])).toBeLessThan(20_000);
    } finally {
      await server.close();
    }
  } finally {
    await browser.close();
    project.remove();
  }
});
