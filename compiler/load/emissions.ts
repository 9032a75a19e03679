import type ts from 'typescript';
import { typescript } from './typescript.ts';

/** What became of a file when it was emitted. */
export interface Emission {
  readonly text: string;
  readonly map: string;
}

/** What files were emitted as. Those of one instance are parsed under one configuration. */
export interface Emissions {
  /**
   * What a file is emitted as: as before where that depends on nothing new, else what `emit` makes. `upon`: the file and what decides
   * which of its imports are values. `address` says what stands for a specifier.
   */
  of(
    file: ts.SourceFile,
    upon: ReadonlySet<ts.SourceFile>,
    address: (text: string) => string | null,
    emit: (address: (text: string) => string | null) => Emission,
  ): Emission;
}

interface Kept {
  readonly emission: Emission;
  readonly upon: ReadonlySet<ts.SourceFile>;
  /** By specifier that was asked for. */
  readonly addresses: ReadonlyMap<string, string | null>;
}

export function createEmissions(): Emissions {
  const kept = new WeakMap<ts.SourceFile, Kept>();
  return {
    of(file, upon, address, emit) {
      const known = kept.get(file);
      const isSame =
        known !== undefined &&
        known.upon.size === upon.size &&
        [...upon].every((one) => known.upon.has(one)) &&
        // All are asked for: who does so takes notes.
        [...known.addresses].map(([text, before]) => address(text) === before).every(Boolean);
      if (isSame) return known.emission;
      const addresses = new Map<string, string | null>();
      const emission = emit((text) => {
        const found = address(text);
        addresses.set(text, found);
        return found;
      });
      kept.set(file, { emission, upon, addresses });
      return emission;
    },
  };
}

/**
 * By file: itself and all that it imports, directly or not, since TypeScript leaves out imports of what is only a type there; and files that
 * are no modules, which all others see. `resolved` gives the file that a specifier leads to.
 */
export function dependencies(
  files: readonly ts.SourceFile[],
  resolved: (text: string, from: ts.SourceFile) => ts.SourceFile | null,
): ReadonlyMap<ts.SourceFile, ReadonlySet<ts.SourceFile>> {
  const scripts = files.filter((file) => !typescript.isExternalModule(file));
  const imported = new Map(
    files.map((file) => [
      file,
      specifiersOf(file).flatMap(({ text }) => {
        const target = resolved(text, file);
        return target ? [target] : [];
      }),
    ]),
  );
  return new Map(
    files.map((file) => {
      const reached = new Set([file, ...scripts]);
      // A set is gone through with what is added meanwhile.
      for (const one of reached) for (const target of imported.get(one) ?? []) reached.add(target);
      return [file, reached];
    }),
  );
}

/** What a file imports and exports from others; imports that are calls bring no names. */
export function specifiersOf({ statements }: ts.SourceFile): ts.StringLiteralLike[] {
  return statements.flatMap((statement) => {
    const specifier =
      typescript.isImportDeclaration(statement) || typescript.isExportDeclaration(statement)
        ? statement.moduleSpecifier
        : typescript.isImportEqualsDeclaration(statement) &&
            typescript.isExternalModuleReference(statement.moduleReference)
          ? statement.moduleReference.expression
          : undefined;
    return specifier && typescript.isStringLiteralLike(specifier) ? [specifier] : [];
  });
}
