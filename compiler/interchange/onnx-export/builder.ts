import type { Shape } from '../../../ir/tensor.ts';

/** Element types of the values of an exported graph. */
export type Element = 'float' | 'float16' | 'int32' | 'uint32' | 'int64' | 'bool';

/** A value of the graph that is written: its name, and its type as it is stored. */
export interface Stored {
  readonly name: string;
  readonly element: Element;
  readonly shape: Shape;
}

/** What an attribute of a node may be. */
export type AttributeValue = number | string | readonly number[];

export interface WrittenNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** Layer or scope that it is of, as the model names it. */
  readonly place: string;
}

/** A constant of the file; the elements are made when it is written. */
export interface Initialiser extends Stored {
  readonly data: () => ArrayLike<number>;
}

/** Versions of the operator set that are written: the newer one where a program works on the bits of integers, which random numbers do. */
export type Opset = 17 | 18;

/** Nodes and constants, in the order in which they are made. Equal small constants are one. */
export class Builder {
  readonly nodes: WrittenNode[] = [];
  readonly initialisers = new Map<string, Initialiser>();
  readonly opset: Opset;
  /** Of the nodes that are written from now on. */
  place = '';
  readonly #taken: Set<string>;
  readonly #constants = new Map<string, Stored>();
  #count = 0;

  /** `taken` are names that values must not have: those of inputs and outputs. */
  constructor(opset: Opset, taken: Iterable<string>) {
    this.opset = opset;
    this.#taken = new Set(taken);
  }

  /** Appends a node with one output. */
  node(
    op: string,
    inputs: readonly Stored[],
    type: { readonly element: Element; readonly shape: Shape },
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): Stored {
    const output = this.name(`v${this.#count++}`);
    const names = inputs.map(({ name }) => name);
    this.nodes.push({ op, inputs: names, output, attributes, place: this.place });
    return { name: output, element: type.element, shape: type.shape };
  }

  /** A name that nothing has yet. */
  name(wanted: string): string {
    let name = wanted;
    for (let k = 1; this.#taken.has(name); k++) name = `${wanted}_${k}`;
    this.#taken.add(name);
    return name;
  }

  /** A constant with a name of its own. */
  initialiser(
    wanted: string,
    element: Element,
    shape: Shape,
    data: Initialiser['data'],
  ): Initialiser {
    const made = { name: this.name(wanted), element, shape, data };
    this.initialisers.set(made.name, made);
    return made;
  }

  /** A small constant. */
  constant(element: Element, shape: Shape, values: readonly number[]): Stored {
    const key = `${element} ${shape} ${values.map((value) => (Object.is(value, -0) ? '-0' : value))}`;
    let made = this.#constants.get(key);
    if (!made) {
      made = this.initialiser(`c${this.#constants.size}`, element, shape, () => values);
      this.#constants.set(key, made);
    }
    return made;
  }

  /** A list of integers, as ops take shapes and axes. */
  integers(values: readonly number[]): Stored {
    return this.constant('int64', [values.length], values);
  }
}
