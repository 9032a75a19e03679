import { join } from 'node:path';
import { build } from 'vite';
import webpack from 'webpack';

/** What a bundler said of its input. */
export interface Bundled {
  readonly problems: readonly string[];
  /** Every file that it made, by name. */
  readonly files: ReadonlyMap<string, number>;
}

/** Bundles modules for browsers, minified, into `output`, as `main.js`. */
export function webpackBundle(root: string, entry: string, output: string): Promise<Bundled> {
  return new Promise((resolve, reject) => {
    const options: webpack.Configuration = {
      mode: 'production',
      target: 'web',
      context: root,
      entry,
      output: { path: output },
      devtool: false,
    };
    webpack(options, (error, stats) => {
      if (error || !stats) return reject(error);
      const { errors = [], warnings = [], assets = [] } = stats.toJson();
      const problems = [...errors, ...warnings]
        .map(({ message }) => message)
        // How large a bundle may be is not what is asked here.
        .filter((text) => !/size limit|webpack performance/.test(text));
      return resolve({ problems, files: new Map(assets.map(({ name, size }) => [name, size])) });
    });
  });
}

/** Builds the page of a folder as Vite does by default. */
export async function viteBundle(root: string, outDir: string): Promise<void> {
  await build({
    configFile: false,
    root,
    base: './',
    logLevel: 'error',
    build: { outDir: join(root, outDir) },
  });
}

/** The scripts of a page or a worker, minified, without what starts apart from them: workers of their own. */
export async function viteScripts(root: string, entry: string): Promise<string[]> {
  const built = await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: {
      write: false,
      minify: true,
      modulePreload: false,
      rolldownOptions: { input: join(root, entry), preserveEntrySignatures: 'strict' },
    },
  });
  const outputs = [built].flat() as { output: { type: string; code?: string }[] }[];
  return outputs.flatMap(({ output }) => output.flatMap(({ code }) => code ?? []));
}
