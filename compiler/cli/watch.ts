import ts from 'typescript';

const DEBOUNCE_MS = 100;

/**
 * Builds, then again whenever one of the files that went into the last build changes. Ends only with the process. A build never
 * overlaps another.
 */
export async function watchFiles(
  build: () => Promise<readonly string[]>,
  pretty: boolean,
): Promise<void> {
  for (;;) {
    announce('Starting compilation in watch mode...', pretty);
    const files = await build();
    announce('Watching for file changes.', pretty);
    await nextChange(files);
    announce('File change detected.', pretty);
  }
}

function nextChange(files: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | null = null;
    const watchers = files.map((file) =>
      ts.sys.watchFile!(
        file,
        () => {
          if (timer) clearTimeout(timer);
          timer = setTimeout(() => {
            for (const watcher of watchers) watcher.close();
            resolve();
          }, DEBOUNCE_MS);
        },
        250,
      ),
    );
  });
}

function announce(message: string, pretty: boolean): void {
  const time = new Date().toLocaleTimeString();
  process.stdout.write(
    pretty ? `[\u001b[90m${time}\u001b[0m] ${message}\n\n` : `${time} - ${message}\n`,
  );
}
