import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { didYouMean, nearest, nearText } from '../nearest.ts';
import { wrongLiterals } from './literals.ts';
import { callStartsOf } from './typescript/call-starts.ts';
import { applyEdits, type Edit, type Edited, lineStartsOf, placeAt } from './typescript/edits.ts';
import { type Import, importsOf, usedNames } from './typescript/imports.ts';
import { parseSource } from './typescript/parse.ts';
import { stripTypes } from './typescript/strip.ts';
import { type Node, nameOf, nodesIn } from './typescript/tree.ts';
import { createValueExports, type ExportTable } from './value-exports.ts';

/** Names of files and what is in them: paths with `/`, relative to one folder. */
export type SourceFiles = Readonly<Record<string, string>>;

/** A file that is ready to become JavaScript, once it is known where the files are that it imports. */
export interface LinkedModule {
  readonly file: string;
  /** Addresses of the language and of the other files, by name. */
  readonly emit: (addressOf: (target: string) => string) => Edited;
  readonly placeOf: (offset: number) => { readonly line: number; readonly column: number };
}

/** The files that a model is made of, each behind those that it imports. */
export interface Linked {
  readonly modules: readonly LinkedModule[];
  readonly diagnostics: readonly Diagnostic[];
}

/** The names that models import the language by, all of which are one instance of it. */
export const LANGUAGE: readonly string[] = ['btc-compiler', 'btc-compiler/web'];

interface Module {
  readonly file: string;
  readonly text: string;
  readonly program: Node;
  readonly lineStarts: readonly number[];
  readonly imports: readonly Import[];
}

/**
 * Reads a file and all that it imports. `exported` is what the language exports.
 *
 * Errors: BTC5201 to BTC5206 and BTC5209, at the places in the files.
 */
export function linkFiles(
  files: SourceFiles,
  entry: string,
  exported: ReadonlySet<string>,
): Linked {
  const linker = new Linker(files, exported);
  linker.readAll(entry);
  const order = linker.inOrder(entry);
  const modules = order.map((module) => linker.linked(module));
  return { modules, diagnostics: linker.diagnostics };
}

class Linker {
  readonly diagnostics: Diagnostic[] = [];
  private readonly files: SourceFiles;
  private readonly modules = new Map<string, Module>();
  private readonly exports: ExportTable;

  constructor(files: SourceFiles, exported: ReadonlySet<string>) {
    this.files = files;
    this.exports = createValueExports(
      (target) =>
        LANGUAGE.includes(target) ? exported : (this.modules.get(target)?.program ?? null),
      (from, specifier) => this.targetOf(from, specifier),
    );
  }

  readAll(entry: string): void {
    const waiting = [entry];
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      if (this.modules.has(file)) continue;
      const text = file.endsWith('.json')
        ? `export default ${this.files[file]};`
        : this.files[file];
      const lineStarts = lineStartsOf(text);
      const { program, problems } = parseSource(file, text);
      for (const { offset, reason } of problems)
        this.report(5201, { file, lineStarts }, offset, { reason });
      if (!program) continue;
      const module = { file, text, program, lineStarts, imports: importsOf(program) };
      this.modules.set(file, module);
      for (const one of module.imports) {
        const target = this.targetOf(file, one.specifier);
        if (target !== null && !LANGUAGE.includes(target)) waiting.push(target);
      }
    }
  }

  /** The language, the name of a file, or null where it is neither. */
  private targetOf(from: string, specifier: string): string | null {
    if (LANGUAGE.includes(specifier)) return specifier;
    return specifier.startsWith('.') ? resolveFile(this.files, from, specifier) : null;
  }

  /** Each module behind those that it needs. Error: BTC5206. */
  inOrder(entry: string): Module[] {
    const order: Module[] = [];
    const state = new Map<string, 'open' | 'done'>();
    const path: string[] = [];
    // Each file twice: before and behind what it needs.
    const waiting: { readonly file: string; readonly leaves: boolean; readonly by?: Place }[] = [
      { file: entry, leaves: false },
    ];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { file, leaves, by } = next;
      const module = this.modules.get(file);
      if (!module) continue;
      if (leaves) {
        state.set(file, 'done');
        order.push(module);
        path.pop();
        continue;
      }
      if (state.get(file) === 'done') continue;
      if (state.get(file) === 'open') {
        const circle = [...path.slice(path.indexOf(file)), file].join(' → ');
        if (by) this.report(5206, by, by.offset, { circle });
        continue;
      }
      state.set(file, 'open');
      path.push(file);
      waiting.push({ file, leaves: true });
      for (const { target, offset } of this.needed(module).reverse())
        waiting.push({ file: target, leaves: false, by: { ...module, offset } });
    }
    return order;
  }

  /** The files that a module imports values from. */
  private needed(module: Module): { readonly target: string; readonly offset: number }[] {
    const used = usedNames(module.program);
    return module.imports.flatMap((one) => {
      const target = this.targetOf(module.file, one.specifier);
      if (target === null || LANGUAGE.includes(target) || this.isErased(one, target, used))
        return [];
      return [{ target, offset: one.specifierStart }];
    });
  }

  /** Whether nothing is left of an import: all that it names are types, or nobody uses them but as types. */
  private isErased(one: Import, target: string, used: ReadonlySet<string>): boolean {
    return one.names !== null && one.hadNames && this.kept(one, target, used).length === 0;
  }

  /** The names that stay: values, and what is used as one though it is none there, which is a mistake. */
  private kept(one: Import, target: string, used: ReadonlySet<string>) {
    return (one.names ?? []).filter(({ imported, local }) =>
      one.kind === 'import' ? used.has(local) : this.exports.has(target, imported),
    );
  }

  linked(module: Module): LinkedModule {
    const { file, text, program, lineStarts } = module;
    const { edits, unsupported } = stripTypes(text, program);
    for (const { offset, what } of unsupported) this.report(5205, module, offset, { what });
    const used = usedNames(program);
    for (const one of module.imports) this.check(module, one, used);
    for (const { offset, ...said } of wrongLiterals(program, module.imports, LANGUAGE))
      this.report(5209, module, offset, said);
    const starts = callStartsOf(text, program, lineStarts);
    return {
      file,
      emit: (addressOf) =>
        applyEdits(text, [
          ...edits,
          ...ownExports(program, (name) => this.exports.has(file, name)),
          ...module.imports.map((one) => this.written(module, one, used, addressOf)),
        ]),
      placeOf: (offset) => placeAt(lineStarts, starts.get(offset) ?? offset),
    };
  }

  /** Errors: BTC5202, BTC5203, BTC5204. */
  private check(module: Module, one: Import, used: ReadonlySet<string>): void {
    const { specifier, specifierStart } = one;
    const target = this.targetOf(module.file, specifier);
    if (target === null) {
      const isUsed =
        one.names === null ||
        !one.hadNames ||
        one.kind === 'export' ||
        one.names.some(({ local }) => used.has(local));
      if (!isUsed) return;
      const names = Object.keys(this.files);
      if (specifier.startsWith('.'))
        this.report(5203, module, specifierStart, {
          name: specifier,
          files: names.join(', '),
          near: nearFile(module.file, specifier, names),
        });
      else this.report(5202, module, specifierStart, { name: specifier });
      return;
    }
    if (one.kind !== 'import' || (!LANGUAGE.includes(target) && !this.modules.has(target))) return;
    for (const { imported, local, start } of one.names ?? []) {
      if (imported === '*' || !used.has(local) || this.exports.has(target, imported)) continue;
      const near = didYouMean(imported, [...this.exports.all(target)]);
      this.report(5204, module, start, { module: specifier, name: imported, near });
    }
  }

  /** An import or export of another file, with its address, and without names that are types. */
  private written(
    module: Module,
    one: Import,
    used: ReadonlySet<string>,
    addressOf: (target: string) => string,
  ): Edit {
    const target = this.targetOf(module.file, one.specifier);
    const address = JSON.stringify(target === null ? one.specifier : addressOf(target));
    if (one.names === null) {
      const end = one.specifierStart + one.specifierLength;
      return { start: one.specifierStart, end, text: address };
    }
    const { start, end } = one;
    if (target === null || this.isErased(one, target, used)) return { start, end, text: ';' };
    const kept = this.kept(one, target, used);
    if (!one.hadNames) return { start, end, text: `import ${address};` };
    const whole = kept.filter(({ imported }) => imported === '*');
    const named = kept.filter(({ imported }) => imported !== '*');
    const list = named.map(({ imported, local }) =>
      imported === local ? imported : `${imported} as ${local}`,
    );
    const lines = [
      ...whole.map(({ local }) => `${one.kind} * as ${local} from ${address};`),
      ...(list.length > 0 ? [`${one.kind} { ${list.join(', ')} } from ${address};`] : []),
    ];
    return { start, end, text: lines.join(' ') };
  }

  private report(
    number: 5201 | 5202 | 5203 | 5204 | 5205 | 5206 | 5209,
    { file, lineStarts }: Pick<Module, 'file' | 'lineStarts'>,
    offset: number,
    args: Record<string, string>,
  ): void {
    this.diagnostics.push(diagnostic(number, { file, ...placeAt(lineStarts, offset) }, args));
  }
}

/** `export { a, T }`, without names of types. */
function ownExports(program: Node, isValue: (exported: string) => boolean): Edit[] {
  return nodesIn(program.body).flatMap(({ type, start, end, source, declaration, specifiers }) => {
    if (type !== 'ExportNamedDeclaration' || source || declaration) return [];
    const kept = nodesIn(specifiers).flatMap((one) => {
      const [local, exported] = nodesIn([one.local, one.exported]).map(nameOf);
      return one.exportKind !== 'type' && isValue(exported) ? [`${local} as ${exported}`] : [];
    });
    return [{ start, end, text: `export { ${kept.join(', ')} };` }];
  });
}

/** What was meant by an import of a file; endings are often left out, and do not count. */
function nearFile(from: string, specifier: string, files: readonly string[]): string {
  const stem = (name: string) => name.replace(/\.\w+$/, '');
  const others = files.filter((file) => file !== from).map((file) => specifierOf(from, file));
  const near = nearest(stem(specifier), others.map(stem));
  return near === null ? '' : nearText(others.find((one) => stem(one) === near)!);
}

/** How a file imports another. */
function specifierOf(from: string, to: string): string {
  const [here, there] = [from.split('/').slice(0, -1), to.split('/')];
  let same = 0;
  while (same < here.length && same < there.length - 1 && here[same] === there[same]) same++;
  const up = here.length - same;
  return [...(up === 0 ? ['.'] : Array<string>(up).fill('..')), ...there.slice(same)].join('/');
}

type Place = Pick<Module, 'file' | 'lineStarts'> & { readonly offset: number };

const ENDINGS = ['', '.ts', '.mts', '.js', '.mjs', '.json', '/index.ts', '/index.js'];

/** As bundlers resolve: `./layers`, `./layers.js` and `./layers.ts` alike. */
function resolveFile(files: SourceFiles, from: string, specifier: string): string | null {
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  const path = parts.join('/');
  const candidates = [
    ...ENDINGS.map((ending) => (path + ending).replace(/^\//, '')),
    ...(/\.[cm]?js$/.test(path) ? [path.replace(/js$/, 'ts')] : []),
  ];
  return candidates.find((name) => Object.hasOwn(files, name)) ?? null;
}
