// Processes of the bench. None outlives its time or this process.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const children = new Set();
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    for (const child of children) child.kill('SIGKILL');
    process.exit(130);
  });

const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * Runs a script of this folder. Gives the lines of JSON that it wrote to descriptor 3, and why it ended early, or null. What it
 * prints is noise of libraries; the end of it explains a crash.
 */
export function runScript(name, given, { environment, timeout }) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script(name), ...given], {
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    let [results, errors, timedOut] = ['', '', false];
    child.stderr.on('data', (data) => {
      errors = `${errors}${data}`.slice(-4000);
    });
    child.stdio[3].on('data', (data) => {
      results += data;
    });
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, 1e3 * timeout);
    const finish = (code, signal) => {
      clearTimeout(timer);
      children.delete(child);
      const reason = timedOut
        ? `took more than ${timeout} s`
        : code === 0
          ? null
          : `ended with ${signal ?? `code ${code}`}${lastError(errors)}`;
      resolve({ lines: parsed(results), reason });
    };
    child.on('error', (error) => finish(1, error.message));
    child.on('close', finish);
  });
}

const parsed = (text) =>
  text.split('\n').flatMap((line) => {
    try {
      return line ? [JSON.parse(line)] : [];
    } catch {
      return [];
    }
  });

function lastError(text) {
  const line = text.split('\n').find((one) => /^(\w*Error|error)\b/i.test(one.trim()));
  return line ? `: ${line.trim().slice(0, 160)}` : '';
}
