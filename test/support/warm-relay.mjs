// Stands between a test, which waits without an event loop, and the process of warm-server.mjs.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

const { answered, answers } = workerData;
let server = null;

function answer(result) {
  answers.postMessage(result);
  Atomics.store(answered, 0, 1);
  Atomics.notify(answered, 0);
}

function startServer(environment) {
  const child = fork(fileURLToPath(new URL('./warm-server.mjs', import.meta.url)), [], {
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.on('message', answer);
  child.on('exit', (code, signal) => {
    server = null;
    answer({ code: null, stdout: '', stderr: `the process ended by ${signal ?? code}` });
  });
  return child;
}

parentPort.on('message', (command) => {
  server ??= startServer(command.env);
  server.send(command);
});
