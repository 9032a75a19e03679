import type { OnnxNode } from '../node.ts';
import type { Value } from '../values.ts';
import type { Term } from './terms.ts';

/** Nodes that are one function of the language, as a row of the table sees them. */
export interface Matched {
  /** As a node of its own, whose inputs are what the row names, in its order, and whose attributes are those of the last node. */
  readonly node: OnnxNode;
  /** The whole numbers of a constant, by the name that the term gives it; null where it is computed, or where the term has no such name here. */
  list(name: string): readonly number[] | null;
  /** An attribute of a node that the term calls so. */
  ints(label: string, attribute: string): readonly number[] | null;
  int(label: string, attribute: string, fallback: number): number;
  /** The whole numbers of an input of a node that the term calls so; null where there is none. */
  input(label: string, input: number): readonly number[] | null;
}

/** A function of the language, as files write it out. */
export interface PatternRow {
  /** What comments call the node. */
  readonly op: string;
  /** Its last node. */
  readonly term: Term;
  /** Names of the term, in the order of the inputs of the node that `make` sees. */
  readonly inputs: readonly string[];
  /** Null where shapes or numbers say that it is something else: its nodes are then taken one by one. */
  readonly make: (matched: Matched) => Value | null;
}
