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

/** A script that a bundler made. */
interface Script {
  readonly type: string;
  readonly fileName: string;
  readonly code?: string;
  readonly isEntry?: boolean;
  readonly facadeModuleId?: string | null;
  readonly imports?: readonly string[];
  readonly dynamicImports?: readonly string[];
}

/**
 * The scripts of a page or a worker, minified, without what starts apart from them, workers of their own, and without what `isLeft` says
 * of modules that are imported on demand.
 */
export async function viteScripts(
  root: string,
  entry: string,
  isLeft: (module: string) => boolean = () => false,
): Promise<string[]> {
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
  const outputs = [built].flat() as { output: Script[] }[];
  const scripts = new Map(
    outputs.flatMap(({ output }) => output.map((one) => [one.fileName, one])),
  );
  const needed = new Set([...scripts.values()].filter(({ isEntry }) => isEntry));
  // Sets give what is added to them meanwhile too.
  for (const { imports = [], dynamicImports = [] } of needed) {
    const onDemand = dynamicImports.filter(
      (name) => !isLeft(scripts.get(name)?.facadeModuleId ?? ''),
    );
    for (const name of [...imports, ...onDemand])
      if (scripts.has(name)) needed.add(scripts.get(name)!);
  }
  return [...needed].flatMap(({ code }) => code ?? []);
}
