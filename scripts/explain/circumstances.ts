import { createServer } from 'node:net';
import { softwareGpuEnvironment } from '../../test/support/software-gpu.mjs';
import type { Circumstance } from './example.ts';

/** Stands in for a folder without the package: imports of it fail as Node says it there. */
const NO_HIGHS = `export function resolve(name, context, next) {
  if (name !== 'highs') return next(name, context);
  throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
}`;
const asModule = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`;
const WITHOUT_HIGHS = `import { register } from 'node:module';
register(${JSON.stringify(asModule(NO_HIGHS))});`;

export const NO_SOLVER: Circumstance = {
  is: 'Where the package `highs` is not installed',
  arrange: async () => ({
    env: {
      NODE_OPTIONS: `--import ${asModule(WITHOUT_HIGHS).replaceAll("'", '%27')}`,
    },
  }),
};

export const NO_ADAPTER: Circumstance = {
  is: 'On a machine without a GPU',
  arrange: async () => ({
    env: { VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' },
  }),
};

export const ADAPTER_IN_SOFTWARE: Circumstance = {
  is: 'On a machine whose adapter is SwiftShader, which computes on the processor',
  arrange: async () => ({ env: await softwareGpuEnvironment({}) }),
};

/** Where something listens there already, it is as it has to be. */
export const PORT_IN_USE: Circumstance = {
  is: 'While another program listens at port 8080',
  arrange: () =>
    new Promise((resolve) => {
      const server = createServer();
      server.once('error', () => resolve({}));
      server.listen(8080, '127.0.0.1', () =>
        resolve({ undo: () => new Promise((done) => server.close(() => done())) }),
      );
    }),
};
