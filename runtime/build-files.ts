import { errorText, RuntimeError, type RuntimeErrorCode } from './errors.ts';
import { isNode, nodeModule } from './platform.ts';

/** An address: text, or a `URL`. */
export type Address = string | Href;

/** A `URL`; its own type is one of the DOM's or of Node's. */
export interface Href {
  readonly href: string;
}

/**
 * Where the files of a build are when they are not beside their loader: a folder, or what gives the address of each
 * file. Text without a scheme is relative to the page or worker; in Node it is a path.
 */
export type BuildBase = Address | ((file: string) => Address);

/** Addresses of a build's files beside the loader, by name. */
export type BuildFiles = Readonly<Record<string, () => Href>>;

/** The address of a file of the build. Error: `invalid-input`. */
export async function addressOf(
  file: string,
  files: BuildFiles,
  base: BuildBase | undefined,
): Promise<Href> {
  try {
    if (base === undefined) return files[file]();
    if (typeof base === 'function') return await absolute(base(file));
    const folder = await absolute(base);
    if (!folder.pathname.endsWith('/')) folder.pathname += '/';
    const address = new URL(encodeURIComponent(file), folder);
    address.search = folder.search;
    return address;
  } catch (error) {
    throw new RuntimeError(
      'invalid-input',
      `there is no address of '${file}' (${errorText(error)}); pass 'base', the address of the folder that it is in`,
      { cause: error },
    );
  }
}

async function absolute(address: Address): Promise<URL> {
  const text = typeof address === 'string' ? address : address.href;
  if (/^[a-z][a-z\d+.-]+:/i.test(text)) return new URL(text);
  const here = globalThis as { document?: { baseURI?: string }; location?: { href?: string } };
  const page = here.document?.baseURI ?? here.location?.href;
  if (page || !isNode()) return new URL(text, page);
  const { pathToFileURL } = await nodeModule<typeof import('node:url')>('url');
  return pathToFileURL(text) as URL;
}

interface FileKind {
  readonly code: RuntimeErrorCode;
  /** What the bytes of such a file begin with, or all but surely do. */
  begins(bytes: Uint8Array): boolean;
}

/** A build's files by the end of their names. */
const KINDS: Readonly<Record<string, FileKind>> = {
  json: { code: 'invalid-plan', begins: (bytes) => bytes[0] === 0x7b },
  wasm: { code: 'invalid-module', begins: (bytes) => hasPrefix(bytes, [0, 0x61, 0x73, 0x6d]) },
  safetensors: { code: 'invalid-checkpoint', begins: (bytes) => bytes[8] === 0x7b },
};

/** What servers give in place of a file, by the first bytes. */
const STRANGERS: readonly (readonly [prefix: readonly number[], what: string])[] = [
  [[0x1f, 0x8b], 'what comes is gzip, and the server does not say so (Content-Encoding: gzip)'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'what comes is compressed, and the server does not say so'],
];

/** The bytes of a file of the build; errors carry the code of its kind. */
export async function readBuildFile(file: string, { href }: Href): Promise<Uint8Array> {
  const url = new URL(href);
  const kind = KINDS[file.slice(file.lastIndexOf('.') + 1)];
  try {
    const local = url.protocol === 'file:' && isNode();
    const { bytes, type } = local ? await readFromDisk(url) : await download(url);
    if (!kind.begins(bytes)) throw new Error(strangeAnswer(bytes, type, local));
    return bytes;
  } catch (error) {
    const place = url.protocol === 'data:' ? file : decoded(url.pathname);
    const missing = (error as { code?: unknown }).code === 'ENOENT';
    const advice =
      url.protocol === 'file:'
        ? 'build the model again'
        : "serve the files of the build there, or pass 'base', the address of their folder";
    throw new RuntimeError(
      kind.code,
      `'${place}' ${missing ? 'is missing' : `cannot be read (${errorText(error)})`}; ${advice}`,
      { cause: error },
    );
  }
}

function strangeAnswer(bytes: Uint8Array, type: string, local: boolean): string {
  if (bytes.length === 0) return 'it is empty';
  const text = new TextDecoder().decode(bytes.subarray(0, 256)).trimStart();
  if (!local && (type.startsWith('text/html') || /^<(!doctype|html|\?xml)/i.test(text)))
    return 'the server answers with a page in its place, as for an address that it does not know';
  const found = STRANGERS.find(([prefix]) => hasPrefix(bytes, prefix));
  if (found) return found[1];
  return text.startsWith('version https://git-lfs')
    ? 'it is a Git LFS pointer in place of the file'
    : `it is no such file${type ? `: ${type}` : ''}`;
}

function hasPrefix(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, i) => bytes[i] === byte);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

interface Answer {
  readonly bytes: Uint8Array;
  /** Content type; empty where none is known. */
  readonly type: string;
}

async function readFromDisk(url: URL): Promise<Answer> {
  const { readFile } = await nodeModule<typeof import('node:fs/promises')>('fs/promises');
  return { bytes: await readFile(url), type: '' };
}

async function download(url: URL): Promise<Answer> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
  const type = response.headers.get('content-type') ?? '';
  return { bytes: new Uint8Array(await response.arrayBuffer()), type };
}
