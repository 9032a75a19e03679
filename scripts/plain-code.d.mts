/**
 * The code of a chunk of CommonJS as V8 keeps and runs it well; `importer` is the file that exports `import()`.
 * @throws Error where there is something in it that this does not know
 */
export function plainCode(code: string, importer: string): string;
