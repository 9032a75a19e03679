import type { StorageType } from '../../../ir/dtypes.ts';
import type { Access } from '../../../ir/kernel.ts';
import type { ScalarOp } from '../../../ir/scalar.ts';
import type { SubgroupMatrix } from '../../../ir/schedule.ts';
import type { DType } from '../../../ir/tensor.ts';

/**
 * Types of what generated code declares. `index`: a signed integer of at least 32 bits, for axes, addresses and numbers of
 * invocations. `x4`: a vector of four.
 */
export type ValueType = DType | 'index' | VectorType;
export type VectorType = `${DType}x4`;

/** Elements of a vector. */
export const VECTOR_WIDTH = 4;

/** Marks a function of the dialect's library as used and gives its name. */
export type Use<Helper extends string = string> = (helper: Helper) => string;

/** Prints one operation on operands of `dtype`, which are names or calls (of the branches' dtype, for select). */
export type ScalarPrinter<Helper extends string = string> = (
  use: Use<Helper>,
  dtype: DType,
  ...operands: readonly [string, string, string]
) => string;

/** A function of a dialect's library, or several that belong together, and those that it calls. */
export interface LibraryRow<Helper extends string = string> {
  readonly needs: readonly Helper[];
  readonly text: string;
}

/** Names in generated code that are reserved words of some shading language. */
export type LocalName = 'half' | 'output' | 'point';

/** A loop over indices from `first` to before `end`, in steps of 1 where none is given. */
export interface CountedLoop {
  readonly name: string;
  readonly first: string;
  readonly end: string;
  readonly step?: number;
}

/** The arguments of `uniformElement` in ir/random.ts: two numbers, an index and the name of an i32. */
export interface RandomDraw {
  readonly seed: number;
  readonly stream: number;
  readonly counter: string;
  readonly step: string;
}

/** A function that reads and writes buffers. */
export interface FunctionDefinition {
  readonly name: string;
  readonly parameters: readonly (readonly [name: string, type: ValueType])[];
  readonly result: ValueType | null;
  readonly body: readonly string[];
}

/** What a module holds, in an order in which nothing is used before it is defined. */
export interface ModuleParts {
  /** Buffer i is called `b<i>`; it is an array of vectors where `quads` says so. */
  readonly buffers: readonly {
    readonly dtype: StorageType;
    readonly access: Access;
    readonly quads: boolean;
  }[];
  /** The functions of the library that the module uses. */
  readonly library: string;
  readonly workgroupArrays: readonly WorkgroupArray[];
  readonly functions: readonly FunctionDefinition[];
  /**
   * Statements of one invocation. They see the number of its workgroup as `group` and its own number in the workgroup as
   * `local`, both of type `index`.
   */
  readonly body: readonly string[];
  /** Invocations of a workgroup, in one dimension. */
  readonly workgroupSize: number;
  /** Workgroups. Where there is more than one row, the number of a workgroup is `x + y * grid[0]`. */
  readonly grid: readonly [x: number, y: number, z: 1];
  /** Whether invocations exchange values in subgroups. */
  readonly exchanges: boolean;
  /** Whether subgroups multiply matrices. */
  readonly matrices: boolean;
}

/** An array that the invocations of a workgroup share. */
export interface WorkgroupArray {
  readonly name: string;
  readonly type: ValueType | StorageType;
  readonly length: number;
}

/**
 * A shading language: what it spells in its own way. The rest is common to the languages of this family and stands as text
 * in the tiles: blocks in braces, `if (…) {`, `return …;`, `name = value;`, `name[index]`, calls of functions, `+ - * %` and
 * comparisons of indices, `&&` and `||`. `docs/extending/target.md` says how to add one.
 *
 * A result is an expression unless it is called a statement. `quotient` binds as tightly as a product, `clamped` as a call,
 * `inside` as a comparison; every other expression is all of what is declared, assigned, returned or passed. An operand
 * that is called a name is a name, an access or a call. Any other operand may be a sum of products.
 */
export interface Dialect<Helper extends string = string> {
  /** What declarations call a type. */
  readonly types: Readonly<Record<ValueType, string>>;
  /** What stands for the names that the language reserves. */
  readonly names: Readonly<Record<LocalName, string>>;

  /** Arithmetic as ir/scalar.ts defines it: i32 wraps, `x / 0` is x and `x % 0` is 0; NaN and infinities are respected. */
  readonly scalars: Readonly<Record<ScalarOp, ScalarPrinter<Helper>>>;
  /** Any value of a dtype, infinities, NaN and -0 included. */
  readonly literals: Readonly<Record<DType, (use: Use<Helper>, value: number) => string>>;
  readonly library: Readonly<Record<Helper, LibraryRow<Helper>>>;
  /** `uniformElement` of ir/random.ts, bit for bit. */
  readonly random: (use: Use<Helper>, draw: RandomDraw) => string;
  /** A vector of four neighbours of it, the first of which is even, with half of the ciphers. */
  readonly randomQuad: (use: Use<Helper>, draw: RandomDraw) => string;
  /** The i32 value of an index. */
  readonly integer: (index: string) => string;
  /** 1 where the condition holds, else 0, as an i32. */
  readonly flag: (condition: string | boolean) => string;
  /** What loads outside of their bounds give. */
  readonly nothing: (dtype: DType) => string;

  /** Statements that declare a name: one that never changes, one that does, and an array that does. */
  readonly constant: (type: ValueType, name: string, value: string) => string;
  readonly variable: (type: ValueType, name: string, value: string) => string;
  readonly array: (type: ValueType, name: string, values: readonly string[]) => string;

  /** The heads of loops; a closing brace ends them. The second halves a power of two down to 1. */
  readonly loop: (loop: CountedLoop) => string;
  readonly halving: (name: string, first: number) => string;

  /** Statements in which a name cannot stand for a number, or is slower than one. */
  readonly keepsNumbers: RegExp;

  /** `a / divisor` for an index a >= 0, which is a name or the remainder of one. */
  readonly quotient: (a: string, divisor: number) => string;
  /** One digit of a mixed-radix number: `name / stride % extent`; the leading one, whose extent is null, without the remainder. */
  readonly digit: (name: string, stride: number, extent: number | null) => string;
  /** The smaller of two indices. */
  readonly smaller: (a: string, b: string) => string;
  /** An i32, given by its name, brought into [0, extent). */
  readonly clamped: (name: string, extent: number) => string;
  /** The condition 0 <= value < extent of an index or an i32. */
  readonly inside: (value: string, extent: number) => string;

  /** The zero of a type. */
  readonly zero: (type: ValueType) => string;
  readonly vector: (type: VectorType, elements: readonly string[]) => string;
  /** Elements of a vector given by its name: a fixed one, and one by an index. */
  readonly component: (vector: string, k: number) => string;
  readonly lane: (vector: string, index: string) => string;
  /** The statement `total += value`, both of one type and given by names. */
  readonly add: (type: ValueType, total: string, value: string) => string;
  /** The statement `total += scalar * vector`, all given by names; fused or not. */
  readonly addScaled: (type: VectorType, total: string, scalar: string, vector: string) => string;
  /** The statement `total += a * b`, element by element; `a` and `b` are names or what `vector` gives. Fused or not. */
  readonly addProduct: (type: VectorType, total: string, a: string, b: string) => string;

  /** An element of a buffer or of a stage's array as a value, and the statements that write and increase it by a value that its type holds. */
  readonly load: (dtype: StorageType, array: string, address: string) => string;
  readonly store: (dtype: StorageType, array: string, address: string, value: string) => string;
  readonly accumulate: (
    dtype: StorageType,
    array: string,
    address: string,
    value: string,
  ) => string;

  /** Of a buffer that is bound as vectors: the vector that begins at the address of an element, a multiple of four, and one element. */
  readonly loadQuad: (dtype: StorageType, array: string, address: string) => string;
  readonly storeQuad: (dtype: StorageType, array: string, address: string, value: string) => string;
  readonly loadLane: (dtype: StorageType, array: string, address: string) => string;
  /** Invocations that store other lanes of one vector at the same time may disturb each other. */
  readonly storeLane: (dtype: StorageType, array: string, address: string, value: string) => string;
  readonly accumulateLane: (
    dtype: StorageType,
    array: string,
    address: string,
    value: string,
  ) => string;

  /** The statement at which the invocations of a workgroup wait for one another and see what each has written to its arrays. */
  readonly barrier: string;
  /** Statements that do so, and behind which they have read what they had to from buffers as well. */
  readonly bufferBarrier: string;
  /**
   * The statement that declares `name` as what `value`, a name, is in the invocation of the same subgroup whose number differs in
   * the one bit `mask`. All invocations of a subgroup execute it together.
   */
  readonly exchange: (type: DType, name: string, value: string, mask: number) => string;
  /** Products of matrices by subgroups, all of whose invocations execute the statements together, at equal addresses. */
  readonly matrix: MatrixDialect;
  readonly module: (parts: ModuleParts) => string;
}

/** Statements over the matrices of a product. Arrays are of its component's type, and of f32 for sums. */
export interface MatrixDialect {
  /** Declares sums that are zero. */
  readonly zero: (name: string, product: SubgroupMatrix) => string;
  /** Declares a left factor, whose element (i, j) is at `address + j * stride + i`, or a right one, at `address + i * stride + j`. */
  readonly load: (
    factor: 'left' | 'right',
    name: string,
    array: string,
    address: string,
    stride: number,
    product: SubgroupMatrix,
  ) => string;
  /** `total += left * right`. */
  readonly multiply: (total: string, left: string, right: string) => string;
  /** Writes sums, the element (i, j) to `address + i * stride + j`. */
  readonly store: (array: string, address: string, total: string, stride: number) => string;
}
