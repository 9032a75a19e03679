import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'puppeteer-core';
import { ROOT } from './btc.ts';
import { launchChromium, openPage, serve } from './chromium.ts';

/** A machine may be slow and busy. */
const PATIENCE_MS = 300_000;

/** A built example, served from a path of its own, in a browser. */
export interface StaticPage {
  readonly browser: Browser;
  readonly folder: string;
  readonly address: string;
  /** Opens it anew, also in another browser; problems are errors of its scripts and its console. */
  open(
    hash?: string,
    browser?: Browser,
  ): Promise<{ readonly page: Page; readonly problems: readonly string[] }>;
  close(): Promise<void>;
}

/** Builds an example with its `build.mjs`, as the site does, and serves it below a path. `dist/` is built before. */
export async function staticPage(example: string): Promise<StaticPage> {
  const parent = mkdtempSync(join(tmpdir(), 'btc-static-'));
  const folder = join(parent, 'below', example);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'examples', example, 'build.mjs'), '--outDir', folder],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stdout + stderr);
  const server = await serve(parent, {});
  const browser = await launchChromium();
  const address = `${server.origin}/below/${example}/index.html`;
  return {
    ...{ browser, folder, address },
    open: async (hash = '', other = browser) => {
      const opened = await openPage(other, `${address}${hash}`);
      opened.page.setDefaultTimeout(PATIENCE_MS);
      return opened;
    },
    close: async () => {
      await browser.close();
      await server.close();
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

/** The text of an element. */
export function textOf(page: Page, selector: string): Promise<string> {
  return page.$eval(selector, (element) => element.textContent ?? '');
}

/** Clicks a button once it is enabled: those that need a network wait for one. */
export async function press(page: Page, button: string): Promise<void> {
  await page.waitForSelector(`${button}:not(:disabled)`);
  await page.click(button);
}

/**
 * Makes the adapter of the tests, one in software, say that it is none; with `lostAfter`, its devices in module workers are lost
 * after so many submissions. Before the page is opened.
 */
export async function claimGpu(
  page: Page,
  { lostAfter = Number.MAX_SAFE_INTEGER } = {},
): Promise<void> {
  await page.evaluateOnNewDocument(() => {
    Object.defineProperty(GPUAdapter.prototype, 'info', { value: { isFallbackAdapter: false } });
  });
  await patchWorkers(
    page,
    `const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (given) {
      const device = await requestDevice.call(this, given);
      const { submit } = device.queue;
      let submitted = 0;
      device.queue.submit = (buffers) => { submit.call(device.queue, buffers); if (++submitted === ${lostAfter}) device.destroy(); };
      return device;
    };`,
  );
}

/** Runs `patch` in every worker of a page that is a module, before its script. */
function patchWorkers(page: Page, patch: string): Promise<unknown> {
  return page.evaluateOnNewDocument((text) => {
    const Plain = Worker;
    class Patched extends Plain {
      constructor(url: string | URL, options?: WorkerOptions) {
        if (options?.type !== 'module') {
          super(url, options);
          return;
        }
        const lines = [`data:text/javascript,${encodeURIComponent(text)}`, String(url)];
        const code = lines.map((line) => `import ${JSON.stringify(line)};`).join('\n');
        super(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })), options);
      }
    }
    Object.assign(globalThis, { Worker: Patched });
  }, patch);
}
