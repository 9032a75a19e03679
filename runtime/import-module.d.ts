/** Imports what bundlers are to leave alone. */
export declare function importModule(specifier: string): Promise<unknown>;
