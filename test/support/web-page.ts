import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import type { SourceFiles } from '../../compiler/web/modules.ts';
import { launchChromium, openPage, serve } from './chromium.ts';

/** A page that has `btc-compiler/web` and the runtime, as files of `dist/`. */
export interface WebPage {
  readonly browser: Browser;
  readonly page: Page;
  readonly problems: readonly string[];
  readonly origin: string;
  close(): Promise<void>;
}

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

const PAGE = `<!doctype html>
<title>btc-compiler/web</title>
<script type="module">
  import * as web from '/compiler/web/index.js';
  import { load } from '/runtime/index.js';
  window.btc = { web, load };
</script>
`;

/** Opens it. `npm test` builds `dist/` first. */
export async function openWebPage(): Promise<WebPage> {
  if (!existsSync(`${DIST}/compiler/web/index.js`))
    throw new Error("dist/ is not built; run 'npm run build' first, or 'npm test'");
  const server = await serve(DIST, { '/index.html': PAGE });
  const browser = await launchChromium();
  const { page, problems } = await openPage(browser, `${server.origin}/index.html`);
  await page.waitForFunction('window.btc !== undefined').catch(() => {
    throw new Error(`the compiler does not load in the browser: ${problems.join('; ')}`);
  });
  const close = async () => {
    await browser.close();
    await server.close();
  };
  return { browser, page, problems, origin: server.origin, close };
}

/** What `compileSource` gives, as plain JSON: of the module its length and digest. */
export interface SourceResult {
  readonly plans: Readonly<Record<string, unknown>>;
  readonly module: readonly number[] | null;
  readonly parameters: readonly number[] | null;
  readonly diagnostics: readonly {
    readonly code: string;
    readonly category: string;
    readonly message: string;
    readonly source: {
      readonly file: string;
      readonly line: number;
      readonly column: number;
    } | null;
    readonly related?: readonly { readonly message: string }[];
  }[];
}

/** Calls `compileSource` in the page. */
export function compileInPage(
  page: Page,
  source: string | SourceFiles,
  options: object = {},
): Promise<SourceResult> {
  const text = `(async () => {
    const built = await btc.web.compileSource(${JSON.stringify(source)}, ${JSON.stringify(options)});
    const listed = (bytes) => bytes && [...bytes];
    return { ...built, module: listed(built.module), parameters: listed(built.parameters) };
  })()`;
  return page.evaluate(text) as Promise<SourceResult>;
}
