import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '../support/btc.ts';
import { launchChromium, newPage, serve } from '../support/chromium.ts';

// `npm run templates`: what a newcomer does, with npm as it is. Both packages are packed, the project is made by the tarball of
// create-btc-compiler, and `npm install` gets all else from the registry into a cache that was empty. Only btc-compiler itself, which
// is not there yet, comes from its tarball.

let folder: string;
let tarballs: { readonly compiler: string; readonly create: string };
let browser: Browser;

const npm = (cwd: string, ...args: string[]) =>
  execFileSync('npm', args, {
    ...{ cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
    env: { ...process.env, npm_config_cache: join(folder, 'cache') },
  });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'btc-templates-'));
  const pack = (source: string) => {
    const packed = npm(source, 'pack', '--ignore-scripts', '--json', '--pack-destination', folder);
    return join(folder, (JSON.parse(packed) as [{ filename: string }])[0].filename);
  };
  tarballs = { compiler: pack(ROOT), create: pack(join(ROOT, 'create-btc-compiler')) };
  browser = await launchChromium({ webgpu: false });
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A project of a template, installed: its folder. */
function project(template: string): string {
  const parent = join(folder, 'projects');
  mkdirSync(parent, { recursive: true });
  npm(
    parent,
    'exec',
    '--yes',
    `--package=${tarballs.create}`,
    '--',
    'create-btc-compiler',
    template,
    '--template',
    template,
  );
  const made = join(parent, template);
  const file = join(made, 'package.json');
  const { dependencies, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
  expect(dependencies).toEqual({ 'btc-compiler': expect.stringMatching(/^\^/) });
  const own = { 'btc-compiler': `file:${tarballs.compiler}` };
  writeFileSync(file, JSON.stringify({ ...rest, dependencies: own }, null, 2));
  npm(made, 'install', '--no-audit', '--no-fund');
  return made;
}

test('node: trains, checks', () => {
  const made = project('node');
  const printed = npm(made, 'start');
  const losses = Array.from(printed.matchAll(/loss (\S+)/g), ([, loss]) => Number(loss));
  expect(losses[0]).toBeGreaterThan(0.5);
  expect(losses.at(-1)).toBeLessThan(0.1 * losses[0]);
  expect(existsSync(join(made, 'out/spirals.safetensors'))).toBe(true);
  npm(made, 'run', 'check');
});

test.each(['vite', 'worker'])(
  '%s: builds, checks, trains as built and from the dev server',
  async (template) => {
    const made = project(template);
    npm(made, 'run', 'check');
    npm(made, 'run', 'build');
    const server = await serve(join(made, 'dist'), {});
    try {
      await learns(`${server.origin}/index.html`);
    } finally {
      await server.close();
    }
    const { address, end } = await devServer(made);
    try {
      await learns(address);
    } finally {
      await end();
    }
  },
);

/** `npm start`, until it says where it serves. */
async function devServer(made: string): Promise<{ address: string; end(): Promise<void> }> {
  // A group of its own, so that what npm starts ends with it.
  const running = spawn('npm', ['start', '--', '--host', '127.0.0.1', '--port', '0'], {
    ...{ cwd: made, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    env: { ...process.env, npm_config_cache: join(folder, 'cache'), NO_COLOR: '1' },
  });
  const address = await saidAddress(running);
  const ended = new Promise<void>((resolve) => running.once('exit', () => resolve()));
  return {
    address,
    end: () => {
      process.kill(-running.pid!, 'SIGTERM');
      return ended;
    },
  };
}

function saidAddress(running: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    const hear = (text: Buffer) => {
      said += text;
      const [address] = /http:\/\/127\.0\.0\.1:\d+\//.exec(said) ?? [];
      if (address) resolve(address);
    };
    running.stdout!.on('data', hear);
    running.stderr!.on('data', hear);
    running.once('exit', () => reject(new Error(`the dev server ended: ${said}`)));
  });
}

/** Opens a page of a template and waits until it has learnt: the loss falls from the first that it shows to the last. */
async function learns(address: string): Promise<void> {
  const { page, problems } = await newPage(browser);
  // The page notes each loss that it shows: it may be done before it is asked.
  await page.evaluateOnNewDocument(() => {
    const losses: number[] = [];
    Object.assign(globalThis, { losses });
    new MutationObserver(() => {
      const text = document.getElementById('status')?.textContent ?? '';
      const [, loss] = /loss ([\d.]+)/.exec(text) ?? [];
      if (loss) losses.push(Number(loss));
    }).observe(document, { subtree: true, childList: true, characterData: true });
  });
  await page.goto(address);
  await page.waitForFunction("document.querySelector('#status').textContent.startsWith('done')");
  const losses = await page.evaluate(
    () => (globalThis as unknown as { losses: readonly number[] }).losses,
  );
  expect(losses[0]).toBeGreaterThan(0.3);
  expect(losses.at(-1)).toBeLessThan(0.2 * losses[0]);
  expect(problems).toEqual([]);
  await page.close();
}
