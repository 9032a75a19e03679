import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LiveState } from '../../view/data/live-state.ts';

/** A page on the loopback address, and what it shows. */
export interface LiveServer {
  /** With a random path: other pages cannot guess it. */
  readonly url: string;
  /** Tells every page what is to be said; `input`, the JSON of a `ViewInput`, is what it shows from then on. */
  tell(says: string | null, input?: string): void;
  close(): Promise<void>;
}

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'x-frame-options': 'DENY',
} as const;

/**
 * Serves a page on 127.0.0.1 alone, at a port or (0) at one that is free. Answers only to its own names, so that a name that
 * someone else points here is refused, only below a path that is random, and never to another page.
 *
 * @throws the error of the system where the port cannot be listened on
 */
export async function startLiveServer(page: string, port: number): Promise<LiveServer> {
  const token = randomBytes(16).toString('hex');
  const listeners = new Set<ServerResponse>();
  let state: LiveState = { version: 0, says: null };
  let input = '{"plans":[]}';
  const message = () => `data: ${JSON.stringify(state)}\n\n`;
  const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
    [`/${token}/`]: (response) => send(response, 'text/html; charset=utf-8', page),
    [`/${token}/input`]: (response) => send(response, 'application/json; charset=utf-8', input),
    [`/${token}/events`]: (response) => {
      response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
      response.write(message());
      listeners.add(response);
      response.on('close', () => listeners.delete(response));
    },
  };
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (!isOwn(request, addressOf(server).port)) refuse(response, 403);
    else if (request.method !== 'GET') refuse(response, 405);
    else if (!Object.hasOwn(answers, path)) refuse(response, 404);
    else answers[path](response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
  return {
    url: `http://127.0.0.1:${addressOf(server).port}/${token}/`,
    tell: (says, next) => {
      if (next !== undefined) input = next;
      state = { version: state.version + (next === undefined ? 0 : 1), says };
      for (const response of listeners) response.write(message());
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const addressOf = (server: Server) => server.address() as AddressInfo;

/** Whether a request is of the page itself, or of a person who opens it: by names of this machine, and from no other page. */
function isOwn({ headers }: IncomingMessage, port: number): boolean {
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  const { host = '', origin, 'sec-fetch-site': site = 'none', 'sec-fetch-mode': mode } = headers;
  return (
    hosts.includes(host) &&
    (origin === undefined || hosts.some((own) => origin === `http://${own}`)) &&
    (site === 'none' || site === 'same-origin' || mode === 'navigate')
  );
}

function send(response: ServerResponse, type: string, content: string): void {
  response.writeHead(200, { ...HEADERS, 'content-type': type });
  response.end(content);
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' });
  response.end('refused\n');
}
