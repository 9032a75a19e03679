import {
  flag,
  type Infer,
  list,
  named,
  nullable,
  number,
  object,
  oneOf,
  pair,
  record,
  text,
  triple,
  whole,
} from '../form.ts';
import { BOUND, type PlanBound } from './bound.ts';
import { BYTES, COUNT, DTYPE, INDEX, NAME, SECONDS, SHAPE } from './scalars.ts';
import { type PlanTransfer, TRANSFER } from './swap.ts';

export const PART_AXIS = triple(whole(0));
/** First position along an axis, number of positions, distance of neighbours. */
export type PartAxis = Infer<typeof PART_AXIS>;

/**
 * The values that an input may have because a program uses it as indices: `low` <= value < `high`, or one of `except`.
 * An f32 input is cast, so it counts as its value without fraction; NaN is never allowed.
 */
export interface IndexRange extends Infer<typeof RANGE> {}
export const RANGE = object(
  {
    /** The least value. */
    low: whole(),
    /** One more than the largest value. */
    high: whole(),
  },
  {
    /** Values outside that are allowed all the same: the label that a loss ignores. */
    except: list(whole(), 1),
    /** The elements that are used so, per axis; absent: all. */
    part: list(PART_AXIS, 0, 64),
  },
);

/** What a caller gives to a run. */
export interface PlanInput extends Infer<typeof INPUT> {}
export const INPUT = object(
  {
    /** Unique among the program's inputs. */
    name: NAME,
    /** The tensor that holds it, an index into `tensors`. */
    tensor: INDEX,
    /** Type of its elements. */
    dtype: DTYPE,
    /** Its extents. */
    shape: SHAPE,
    /** Used for every element when the caller gives none; null makes the input mandatory. */
    default: nullable(number()),
    /** The session supplies the number of finished runs of this program when the caller gives no value. */
    counter: flag,
  },
  {
    /** Where the program uses it as indices: the values that are allowed. The runtime refuses all others before it runs. */
    ranges: list(named<IndexRange>(RANGE), 1),
  },
);

/** What a run returns. */
export interface PlanOutput extends Infer<typeof OUTPUT> {}
export const OUTPUT = object({
  /** Unique among the program's outputs. */
  name: NAME,
  /** The tensor that holds it after the last step, an index into `tensors`. */
  tensor: INDEX,
  /** Type of its elements. */
  dtype: DTYPE,
  /** Its extents. */
  shape: SHAPE,
});

/** An einsum and the order of pairwise contractions that was chosen for it. For inspection; the runtime does not read it. */
export interface PlanContraction extends Infer<typeof CONTRACTION> {}
export const CONTRACTION = object(
  {
    /** As the user or a layer wrote it. */
    equation: NAME,
    /** Extent of every letter. */
    sizes: record(text('a letter of an equation', /^\p{L}$/u), whole(1)),
    /** Which two parts each step contracts. Parts are numbered: operands first, then the results of the steps. */
    order: list(pair(INDEX)),
    /** `exact`: the best of all; `heuristic`: the best that was found; `bounded`: the same, of those that the budget allows. */
    method: oneOf('exact', 'heuristic', 'bounded'),
    /** Multiply-adds of one evaluation in this order. */
    macs: COUNT,
    /** The same with the gradients that are wanted; null where none is. */
    trainMacs: nullable(COUNT),
    /** Multiply-adds of one evaluation from left to right. */
    leftToRightMacs: COUNT,
    /** Multiply-adds of the first operand by the dense tensor that the others make. */
    denseMacs: COUNT,
    /** How often the program holds it: once per time step, for example. */
    times: COUNT,
    /** Index into the plan's `sources`, or null. */
    source: nullable(INDEX),
  },
  {
    /** Operands that are windows over an axis (its letter, that of the position, that of the tap): views, which cost nothing. */
    windows: list(INDEX),
  },
);

/** One of several steps that share a dispatch. For inspection; the runtime does not read it. */
export interface PlanStepPart extends Infer<typeof STEP_PART> {}
export const STEP_PART = object(
  {
    /** As of the step. */
    flops: COUNT,
    /** As of the step. */
    bytesMoved: BYTES,
    /** What it computes. */
    label: NAME,
    /** Index into the plan's `sources`, or null. */
    source: nullable(INDEX),
  },
  {
    /** As of the step. */
    macs: COUNT,
  },
);

/** One run of a kernel. */
export interface PlanStep extends Infer<typeof STEP> {}
export const STEP = object(
  {
    /** Index into `kernels`. */
    kernel: INDEX,
    /** Workgroups in x, y, z; [1, 1, 1] on wasm. */
    grid: triple(whole(1, 2 ** 32 - 1)),
    /** One tensor (an index into `tensors`) per binding of the kernel. */
    bindings: list(INDEX),
    /** Floating-point operations; a multiply-add counts two. */
    flops: COUNT,
    /** Bytes read and written. */
    bytesMoved: BYTES,
    /** What the step computes, in the graph's terms: `contract+add+max`. */
    label: NAME,
    /** Index into the plan's `sources`, or null for a step of the compiler's own. */
    source: nullable(INDEX),
  },
  {
    /** Byte offset inside its tensor at which each binding starts, a multiple of 256; absent when all are 0. */
    offsets: list(BYTES),
    /** Multiply-adds of the pairwise contractions that it computes; absent where there is none. */
    macs: COUNT,
    /** What the step should take by the plan's profile, its dispatch included; absent where there is none. */
    seconds: SECONDS,
    /** How long the device should wait for copies, or make them itself, before it; absent: not at all. For inspection. */
    waitSeconds: SECONDS,
    /** It recomputes what an earlier step made and the plan did not keep. */
    recomputed: oneOf(true),
    /** Of a step that several share: one entry per part of its kernel's text. `flops`, `bytesMoved` and `macs` are their sums. */
    parts: list(named<PlanStepPart>(STEP_PART), 2),
  },
);

/** Seconds of one run of a program: `seconds` is the sum of `stepSeconds`, `swapSeconds` and `interfaceSeconds`. */
export interface PlanPrediction extends Infer<typeof PREDICTION> {}
export const PREDICTION = object({
  /** All of it. */
  seconds: SECONDS,
  /** The sum of the steps' seconds. */
  stepSeconds: SECONDS,
  /** The part of `stepSeconds` that recomputed steps take. */
  recomputeSeconds: SECONDS,
  /** Transfers to and from the host, without what hides behind computation. */
  swapSeconds: SECONDS,
  /** Handing the run over, writing inputs and reading outputs. */
  interfaceSeconds: SECONDS,
});

/** Steps that a run walks over, what it takes and what it gives. */
export interface PlanProgram extends Infer<typeof PROGRAM> {}
export const PROGRAM = object(
  {
    /** In the order in which they run. */
    steps: list(named<PlanStep>(STEP)),
    /** What the caller gives. */
    inputs: list(named<PlanInput>(INPUT)),
    /** What the caller gets. */
    outputs: list(named<PlanOutput>(OUTPUT)),
  },
  {
    /** The einsums of three operands or more that the program was written with; absent where there is none. */
    contractions: list(named<PlanContraction>(CONTRACTION)),
    /** In the order in which they are issued; absent where there is none. */
    transfers: list(named<PlanTransfer>(TRANSFER)),
    /** What one run should take by the plan's profile; absent where there is none. */
    predicted: named<PlanPrediction>(PREDICTION),
    /** The predicted seconds of one run, above what no plan within the budget can go below. */
    bound: named<PlanBound>(BOUND),
  },
);
