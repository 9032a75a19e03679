/** By function of the language that a file exports: its overloads. */
export function signaturesOf(file: string): Record<string, readonly object[]>;
