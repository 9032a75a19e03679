/** What a worker has that reaches out of it, or keeps something beyond it: a model needs none of that. */
const REACHING_OUT = [
  'fetch',
  'XMLHttpRequest',
  'WebSocket',
  'WebSocketStream',
  'WebTransport',
  'EventSource',
  'RTCPeerConnection',
  'RTCDataChannel',
  'BroadcastChannel',
  'Worker',
  'SharedWorker',
  'ServiceWorker',
  'Notification',
  'indexedDB',
  'caches',
  'cookieStore',
  'navigator',
  'importScripts',
  'postMessage',
  'close',
  'name',
];

/**
 * Takes from the scope of a worker what a model has no use for: requests, stores of the origin, other workers, messages. It is a second
 * wall. The first one is the worker, which holds nothing and can be ended, and for models of strangers a frame of an origin of its own
 * that may load nothing.
 */
export function harden(scope: object): void {
  for (const name of REACHING_OUT)
    for (let holder: object | null = scope; holder; holder = Object.getPrototypeOf(holder))
      try {
        if (Object.hasOwn(holder, name)) delete (holder as Record<string, unknown>)[name];
      } catch {
        // What cannot be deleted is hidden below.
      }
  for (const name of REACHING_OUT)
    try {
      Object.defineProperty(scope, name, { value: undefined, writable: false });
    } catch {
      // It cannot be hidden either; the walls around stand.
    }
}
