// A process that runs one command line after the other, so that Node, the compiler and TypeScript start once for all commands of
// a test file. What it runs is dist/compiler/cli/main.js and all that it imports. Two things are otherwise than in a process of
// its own: a model is built in this thread instead of one of its own, and TypeScript's and btc's declarations are parsed once.
import { EventEmitter } from 'node:events';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';
import workerThreads from 'node:worker_threads';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN_URL = new URL('../../dist/compiler/cli/main.js', import.meta.url).href;

let evaluations = 0;
/** Evaluates a module once more; what it imports stays as it is. */
const evaluate = (url) => import(`${url}?${evaluations++}`);

/** A worker thread of the command line that is this thread. */
class SameThread extends EventEmitter {
  constructor(url) {
    super();
    const { exit } = process;
    this.restore = () => {
      process.exit = exit;
    };
    this.url = url;
  }
  async postMessage(message) {
    const port = new EventEmitter();
    workerThreads.parentPort = port;
    syncBuiltinESMExports();
    await evaluate(this.url);
    port.emit('message', message);
  }
  async terminate() {
    this.restore();
  }
  ref() {}
  unref() {}
}
workerThreads.Worker = SameThread;
syncBuiltinESMExports();

const parsed = new Map();
const require = createRequire(import.meta.url);
const ts = require('typescript');
function createSourceFile(file, text, version, ...more) {
  const isFixed = file.startsWith(ROOT) && file.endsWith('.d.ts');
  if (!isFixed) return ts.createSourceFile(file, text, version, ...more);
  // Options are the text and not functions: what is bound under other ones is another file.
  const key = JSON.stringify([file, text.length, version, ...more]);
  if (parsed.get(key)?.text !== text)
    parsed.set(key, ts.createSourceFile(file, text, version, ...more));
  return parsed.get(key);
}
// What the compiler imports as `typescript` from now on.
require.cache[require.resolve('typescript')].exports = { ...ts, createSourceFile };

const environment = { ...process.env };

class Exit extends Error {}

/** Runs one command line as a process of its own would. */
async function run({ args, cwd, env }) {
  const output = { stdout: '', stderr: '' };
  const restore = ['stdout', 'stderr'].map((name) => {
    const stream = process[name];
    const { write } = stream;
    stream.write = (chunk, encoding, done) => {
      output[name] += chunk;
      const told = typeof encoding === 'function' ? encoding : done;
      if (told) process.nextTick(told);
      return true;
    };
    return () => {
      stream.write = write;
      stream.removeAllListeners('error');
    };
  });
  const { exit } = process;
  process.exit = (code) => {
    process.exitCode = code ?? process.exitCode;
    throw new Exit();
  };
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  process.argv = [process.execPath, fileURLToPath(MAIN_URL), ...args];
  process.exitCode = undefined;
  try {
    await evaluate(MAIN_URL);
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
  } finally {
    for (const undo of restore) undo();
    process.exit = exit;
    process.chdir(ROOT);
    Object.assign(process.env, environment);
  }
  const code = process.exitCode ?? 0;
  process.exitCode = undefined;
  return { code, ...output };
}

process.on('message', async (command) => {
  try {
    process.send(await run(command));
  } catch (error) {
    process.send({ code: null, stdout: '', stderr: error?.stack ?? String(error) });
  }
});
process.on('disconnect', () => process.exit());
