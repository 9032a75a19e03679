/** The type of a tensor. */
export interface TensorType {
  readonly element: string;
  readonly shape: readonly number[];
}

/** A constant: its type, and its elements or the one of all. */
export interface Dense {
  readonly type: TensorType;
  readonly elements: readonly number[];
}

/** An attribute: a number, a truth value, a text (also of enums), a list, a constant, a record or a type. */
export type Attribute =
  | number
  | boolean
  | string
  | readonly Attribute[]
  | { readonly dense: Dense }
  | { readonly type: TensorType }
  | { readonly record: Readonly<Record<string, Attribute>> }
  | { readonly dimensions: readonly (readonly string[])[] };

export type Attributes = Readonly<Record<string, Attribute>>;

/** An op with the attributes of the specification, whichever form it is written in. */
export interface Operation {
  readonly name: string;
  readonly operands: readonly string[];
  readonly results: readonly string[];
  readonly attributes: Attributes;
  readonly regions: readonly Block[];
  readonly operandTypes: readonly TensorType[];
  readonly resultTypes: readonly TensorType[];
  /** Of `func.call`. */
  readonly callee?: string;
  readonly line: number;
}

/** A block, whose last op returns. */
export interface Block {
  readonly parameters: readonly { readonly name: string; readonly type: TensorType }[];
  readonly operations: readonly Operation[];
}

export interface Parameter {
  readonly name: string;
  readonly type: TensorType;
  readonly attributes: Attributes;
}

export interface Func {
  readonly name: string;
  readonly visibility: string;
  readonly parameters: readonly Parameter[];
  readonly results: readonly { readonly type: TensorType; readonly attributes: Attributes }[];
  readonly body: Block;
}

export interface ParsedModule {
  readonly name: string;
  readonly functions: ReadonlyMap<string, Func>;
  /** By name: the axes of each mesh. */
  readonly meshes: ReadonlyMap<string, Readonly<Record<string, number>>>;
}

/** `tensor<2x3xf32>`. */
export const typeText = ({ element, shape }: TensorType): string =>
  `tensor<${[...shape, element].join('x')}>`;
