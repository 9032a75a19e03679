/** Where a model runs: a worker of the page, or a worker in a frame that has an origin of its own and may load nothing. */
export type Isolation = 'worker' | 'frame';

/** A running worker, wherever it is. */
export interface Isolated {
  /** Gives it its job and the port that it answers by. */
  start(job: unknown, port: MessagePort): void;
  /** Ends it at once, in whatever loop it is. */
  end(): void;
}

/** Opens a worker; `lost` is told once where it does not start or ends by itself. */
export type OpenIsolated = (lost: (reason: string) => void) => Isolated;

/** The file of the worker beside this one, as bundlers look for it. */
const startWorker = () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });

export const OPEN: Readonly<Record<Isolation, (given?: () => Worker) => OpenIsolated>> = {
  worker:
    (given = startWorker) =>
    (lost) => {
      const worker = given();
      worker.onerror = (event) => {
        event.preventDefault();
        lost(event.message || 'its script does not load');
      };
      return {
        start: (job, port) => worker.postMessage({ job }, [port]),
        end: () => worker.terminate(),
      };
    },
  frame: () => openFrame,
};

/** Scripts from text alone, and no request of any kind. */
const POLICY =
  "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:";

/** Starts the worker from the text that it is sent, and hands on what comes. */
const RELAY = `addEventListener('message', ({ data, ports: [port] }) => {
  const failed = (reason) => parent.postMessage({ btcLost: String(reason) }, '*');
  try {
    const url = URL.createObjectURL(new Blob([data.code], { type: 'text/javascript' }));
    const worker = new Worker(url, { type: 'module' });
    worker.onerror = (event) => failed(event.message || 'its script does not load');
    worker.postMessage({ job: data.job }, [port]);
  } catch (error) { failed(error); }
}, { once: true });`;

const openFrame: OpenIsolated = (lost) => {
  const frame = document.createElement('iframe');
  frame.hidden = true;
  frame.setAttribute('sandbox', 'allow-scripts');
  frame.srcdoc = `<!doctype html><meta http-equiv="Content-Security-Policy" content="${POLICY}"><script>${RELAY}</script>`;
  const loaded = new Promise<void>((resolve) => {
    frame.onload = () => resolve();
  });
  document.body.append(frame);
  const listen = ({ source, data }: MessageEvent) => {
    const reason: unknown = source === frame.contentWindow ? data?.btcLost : undefined;
    if (typeof reason === 'string') lost(reason);
  };
  addEventListener('message', listen);
  return {
    start: async (job, port) => {
      try {
        const code = await workerText();
        await loaded;
        // Its origin has no name. There is nothing in this but what the model's author has.
        frame.contentWindow?.postMessage({ code, job }, '*', [port]);
      } catch (error) {
        lost(String(error));
      }
    },
    end: () => {
      removeEventListener('message', listen);
      frame.remove();
    },
  };
};

let text: Promise<string> | null = null;

/** The script of the worker; it is one file without imports. */
function workerText(): Promise<string> {
  text ??= (async () => {
    const response = await fetch(new URL('./worker.js', import.meta.url));
    if (!response.ok) throw new Error(`its script does not load: ${response.status}`);
    return response.text();
  })();
  return text;
}
