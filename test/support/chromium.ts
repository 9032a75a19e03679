import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { type Browser, launch, type Page } from 'puppeteer-core';
import { unpack } from './unpack.mjs';

/** Answers that a server gives by path: the text of files that exist in the test alone. */
export type Documents = Readonly<Record<string, string>>;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** In milliseconds. */
const PATIENCE = 500_000;

const WEBGPU = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
];

/** Pages that need no GPU are drawn without the process of one, which on a busy machine has left a page waiting for ever. */
const NO_GPU = ['--disable-gpu'];

/**
 * The headless Chromium of `@sparticuz/chromium`, with WebGPU on SwiftShader unless it is asked for without. Its libraries lie beside it, so it needs
 * nothing of the machine.
 */
export async function launchChromium({ webgpu = true } = {}): Promise<Browser> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(
      `the test browser runs on linux x64 only, not on ${process.platform} ${process.arch}`,
    );
  const folder = await unpack('chromium.br', 'swiftshader.tar.br', 'al2023.tar.br');
  // The environment of the WebGPU tests would send the browser to their driver.
  const { VK_ICD_FILENAMES: _icd, VK_DRIVER_FILES: _drivers, ...environment } = process.env;
  return launch({
    executablePath: join(folder, 'chromium'),
    headless: 'shell',
    pipe: true,
    protocolTimeout: PATIENCE,
    env: { ...environment, LD_LIBRARY_PATH: `${join(folder, 'lib')}:${folder}` },
    args: [
      '--no-sandbox',
      '--no-zygote',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-dev-shm-usage',
      ...(webgpu ? WEBGPU : NO_GPU),
    ],
  });
}

/** What makes a page cross-origin isolated, so that it may share memory. */
export const ISOLATION: Readonly<Record<string, string>> = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/** Serves `documents` and, behind them, the files of `folder` on 127.0.0.1, all with `headers`. */
export async function serve(
  folder: string,
  documents: Documents,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ origin: string; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://host').pathname);
    const file = path.replace(/\/$/, '/index.html');
    const content = Object.hasOwn(documents, path)
      ? documents[path]
      : await readFile(join(folder, normalize(file))).catch(() => null);
    const type = CONTENT_TYPES[extname(file)] ?? 'application/octet-stream';
    response.writeHead(content === null ? 404 : 200, { 'content-type': type, ...headers });
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** A page and the errors of it and of its console. */
export interface WatchedPage {
  readonly page: Page;
  readonly problems: string[];
}

/** A new page, whose waits last as long as a test may: machines are busy. */
export async function newPage(browser: Browser): Promise<WatchedPage> {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  // What waits for an answer of a page that has crashed waits until it is closed.
  page.on('error', (error) => {
    problems.push(String(error));
    page.close().catch(() => {});
  });
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  return { page, problems };
}

/** Opens `address` in a new page. */
export async function openPage(browser: Browser, address: string): Promise<WatchedPage> {
  const opened = await newPage(browser);
  await opened.page.goto(address);
  return opened;
}
