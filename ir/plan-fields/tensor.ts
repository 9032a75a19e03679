import { type Infer, list, named, nullable, number, object, oneOf, text, whole } from '../form.ts';
import { BYTES, INDEX, NAME, SHAPE, STORAGE_TYPE } from './scalars.ts';

export const ROLE = oneOf('input', 'output', 'activation', 'parameter', 'state', 'optimiser');
/**
 * What a tensor is for. `parameter` and `state` (running statistics, averages, frozen tensors) are the model; `optimiser` is what
 * training keeps besides, zero at first. All three are shared by all programs and live on between runs.
 */
export type TensorRole = Infer<typeof ROLE>;

export const POLICY = oneOf('persistent', 'arena', 'in-place', 'host');
/**
 * `persistent`: lives in every step of every program. `arena`: shares memory by liveness. `in-place`: took over the memory of
 * an operand that died in the step that wrote it. `host`: host-resident, a parameter or state whose value is in a host
 * slot; steps work on arena tensors that are swapped in.
 */
export type TensorPolicy = Infer<typeof POLICY>;

/** Whose value a rematerialised tensor holds, and how it came to hold it. */
export interface CopyOf extends Infer<typeof COPY_OF> {}
export const COPY_OF = object({
  /** The tensor whose value it holds, an index into `tensors`. */
  tensor: INDEX,
  /** `recompute`: a step recomputed it; `swap`: a transfer swapped it in from the host. */
  by: oneOf('recompute', 'swap'),
});

/** An axis whose elements are those of several axes in a row, the channels of an image last: [height, width, channels]. */
export interface FlattenedAxis extends Infer<typeof FLATTENED_AXIS> {}
export const FLATTENED_AXIS = object({
  /** The axis of the tensor. */
  axis: INDEX,
  /** The extents that it is made of, which multiply to its own; those that are 1 are left out. */
  extents: list(whole(2), 2, 64),
});

/** What a parameter or state is to the layer that has it. Files of other systems lay it out by this. */
export interface LayerPart extends Infer<typeof LAYER_PART> {}
export const LAYER_PART = object(
  {
    /** The sort of the layer: `linear`, `convolution`, `lstm`. */
    kind: NAME,
    /** The name in the layer, with which the tensor's name ends: `weight`, `query.bias`. */
    part: NAME,
  },
  {
    /** Axes that are images flattened, as the rows of the first linear layer behind convolutions; absent where there is none. */
    flattened: list(named<FlattenedAxis>(FLATTENED_AXIS), 1, 64),
    /** Of attention, how many heads keys and values have: some files hold queries, keys and values head by head. Absent elsewhere. */
    heads: whole(1),
  },
);

/** A part of a parameter or state that is kept as several, along its first axis. */
export interface PieceOf extends Infer<typeof PIECE_OF> {}
export const PIECE_OF = object({
  /** The name of the whole. */
  name: NAME,
  /** Which of them it is, from 0. */
  part: INDEX,
  /** How many there are, all of one size. */
  parts: whole(2),
});

/** A parameter or a state as files of weights know it. */
export type ModelTensor = Pick<PlanTensor, 'name' | 'dtype' | 'shape' | 'layer' | 'pieceOf'>;

/** A tensor, in a slab or on the host. */
export interface PlanTensor extends Infer<typeof TENSOR> {}
export const TENSOR = object(
  {
    /** Unique in the plan. */
    name: NAME,
    /** Type of its elements in memory: `f16` holds f32 values in half of the bytes. */
    dtype: STORAGE_TYPE,
    /** Its extents. */
    shape: SHAPE,
    /** What it is for. */
    role: ROLE,
    /** The program whose steps `firstStep` and `lastStep` count, or null for persistent tensors. */
    program: nullable(NAME),
    /** Index into `slabs`; null for policy `host`. */
    slab: nullable(INDEX),
    /** Byte offset inside the slab; 0 for policy `host`. */
    offset: BYTES,
    /** Bytes of the elements, in whole words of four bytes. */
    bytes: BYTES,
    /** First step at which the memory is taken; 0 for inputs. */
    firstStep: INDEX,
    /** Last step at which the memory is taken; the last step of the program for outputs. */
    lastStep: INDEX,
    /** How it has its memory. */
    policy: POLICY,
  },
  {
    /** Of a parameter or state: the number that all its elements start with; absent where they differ, as random ones do. */
    initial: number(),
    /** Of a parameter or state of a layer: what it is there, as a whole. */
    layer: named<LayerPart>(LAYER_PART),
    /** Of a parameter or state that is a part of one: which. */
    pieceOf: named<PieceOf>(PIECE_OF),
    /** Of a state that is a constant of the model, which no program writes: its elements, little endian, in base64. */
    data: text('base64 of the elements'),
    /** The tensor whose value this one holds after an eviction, recomputed or swapped in; absent for the first. */
    copyOf: named<CopyOf>(COPY_OF),
    /** Index into the plan's `sources`; absent where nothing is known. */
    source: INDEX,
  },
);

/** Memory that a kernel touches. */
export interface PlanBinding extends Infer<typeof BINDING> {}
export const BINDING = object(
  {
    /** Type of the elements in memory. */
    dtype: STORAGE_TYPE,
    /** What the kernel does with it. */
    access: oneOf('read', 'write', 'read_write'),
    /** Size of the bound range of a tensor, in bytes. */
    bytes: BYTES,
  },
  {
    /** It is working memory of the code: what it holds is nobody's value, and threads that share a step have one each. */
    scratch: oneOf(true),
  },
);

/** Where the memory of one entry of `bindings` lies in what is bound. */
export interface SpanPlace extends Infer<typeof SPAN_PLACE> {}
export const SPAN_PLACE = object({
  /** Index into the kernel's `bindings`. */
  binding: INDEX,
  /** Its first byte in what is bound; 0 for the first of a span, behind the one before for the others. */
  start: BYTES,
});

/** A piece of code that steps run. */
export interface PlanKernel extends Infer<typeof KERNEL> {}
export const KERNEL = object(
  {
    /** Unique in the plan. */
    name: NAME,
    /** The kernel's text form, for inspection. The runtime does not read it. */
    text: text(),
    /** The memory that it touches, in the order of its bindings. */
    bindings: list(named<PlanBinding>(BINDING)),
  },
  {
    /** webgpu: a complete WGSL module with the entry point `main`. */
    wgsl: text(),
    /** webgpu: how the code of the text is made, of several ways that differ in speed: `tiles 64x64x16 of 4x4, 1 slices, 1 buffers`. The runtime does not read it. */
    variant: text(),
    /**
     * webgpu: entries of `bindings` that are bound as one range of a slab, from the first of them to the last, so that a step can have more of
     * them than a device has storage buffers. A span takes the place of its first entry; absent where each entry is bound by itself.
     */
    spans: list(list(named<SpanPlace>(SPAN_PLACE), 2), 1),
    /** wasm: the export that takes one byte address per binding. */
    export: NAME,
    /**
     * wasm: parts that a run may be cut into, in any way and order; absent: one. The export then takes the first part and the one
     * behind the last, behind the addresses.
     */
    parts: whole(2, 2 ** 31 - 1),
  },
);
