import { valueType } from '../../ir/dtypes.ts';
import { FILE_TYPES } from '../../ir/file-types.ts';
import type { ModelTensor, Plan } from '../../ir/plan.ts';
import { elementCount, formatType, type Shape, sameShape } from '../../ir/tensor.ts';
import { modelTensors } from '../checkpoint.ts';
import { type Arrangement, fileShape, firstOf, type Place, placeIn } from './arrange.ts';
import { CONV1D, NO_WEIGHTS, type PartForm, pytorchForms, WIDENING_CONV1D } from './pytorch.ts';
import type { WeightsTensor } from './reader.ts';
import type { RenameFunction } from './rename.ts';

/** Systems whose names and layouts of weights are known. */
export type WeightsLayout = 'pytorch';
export const LAYOUTS: Readonly<Record<WeightsLayout, typeof pytorchForms>> = {
  pytorch: pytorchForms,
};

/** How a file says what it has. */
export interface MatchOptions {
  readonly layout: WeightsLayout | null;
  readonly rename: RenameFunction;
}

/** A tensor of the plan as a file has it. */
export interface LaidOut {
  /** Names in the file; of several the tensor is the sum. */
  readonly names: readonly string[];
  /** Of the tensor of the file. */
  readonly shape: Shape;
  /** Where the parameter's elements are in it. */
  readonly place: Place;
  /** The tensor's first element, counted from the first one of the parameter that it is a part of. */
  readonly first: number;
}

/** Where a tensor of the plan is in a file. */
export interface TensorMatch extends LaidOut {
  readonly tensor: ModelTensor;
  /** How the layout of the file's tensor differs; null where it does not. */
  readonly change: string | null;
}

/** A tensor of the plan that a file has nothing for, and the names by which it is looked for first. */
export interface MissingTensor {
  readonly tensor: ModelTensor;
  readonly names: readonly string[];
}

/** What of a plan is in a file. */
export interface WeightsMatch {
  readonly found: ReadonlyMap<string, TensorMatch>;
  /** By name of the plan's tensor, why what the file has for it does not fit. */
  readonly problems: ReadonlyMap<string, string>;
  readonly missing: readonly MissingTensor[];
  /** Names in the file that no tensor of the plan takes. */
  readonly left: readonly string[];
  /** The same of what is no weight, and of what `rename` leaves out. */
  readonly ignored: readonly string[];
  /** Tensors of the file that two of its names, renamed, both stand for. */
  readonly twice: readonly string[];
}

interface File {
  readonly tensors: ReadonlyMap<string, WeightsTensor>;
  /** Of tensors under names that GPT-2 has: whether matrices are [in, out]. */
  readonly isConv1d: boolean;
}

/** Finds parameters and states of a plan among the tensors of a file. */
export function matchWeights(
  plan: Plan,
  tensors: Iterable<WeightsTensor>,
  options: MatchOptions,
): WeightsMatch {
  return matchTensors(modelTensors(plan), tensors, options);
}

/** The same of a model of which there is no plan. */
export function matchTensors(
  wanted: readonly ModelTensor[],
  tensors: Iterable<WeightsTensor>,
  { layout, rename }: MatchOptions,
): WeightsMatch {
  const named = new Map<string, WeightsTensor>();
  const ignored: string[] = [];
  const twice: string[] = [];
  for (const tensor of tensors) {
    const name = rename(tensor.name);
    if (name === null) ignored.push(tensor.name);
    else if (named.has(name)) twice.push(name);
    else named.set(name, tensor);
  }
  const file: File = { tensors: named, isConv1d: isConv1d(named) };
  const wholes = wholeShapes(wanted);
  const found = new Map<string, TensorMatch>();
  const problems = new Map<string, string>();
  const missing: MissingTensor[] = [];
  const taken = new Set<string>();
  for (const tensor of wanted) {
    const match = matchTensor(tensor, wholes, file, layout);
    if (match === null) missing.push({ tensor, names: formsOf(tensor, layout)[0].names });
    else if ('problem' in match) problems.set(tensor.name, match.problem);
    else found.set(tensor.name, match);
    for (const name of match?.names ?? []) taken.add(name);
  }
  const left: string[] = [];
  for (const [name, tensor] of named) {
    if (taken.has(tensor.name)) continue;
    (layout && NO_WEIGHTS.test(name) ? ignored : left).push(tensor.name);
  }
  return { found, problems, missing, left, ignored, twice };
}

const wholeName = ({ name, pieceOf }: ModelTensor): string => pieceOf?.name ?? name;
const wholeShape = ({ shape, pieceOf }: ModelTensor): Shape =>
  pieceOf ? shape.with(0, shape[0] * pieceOf.parts) : shape;

function isConv1d(tensors: ReadonlyMap<string, WeightsTensor>): boolean {
  for (const [name, { shape }] of tensors)
    if (WIDENING_CONV1D.test(name) && shape.length === 2) return shape[1] > shape[0];
  return false;
}

/** What a file has for a tensor, and why it does not fit. */
interface Misfit {
  readonly names: readonly string[];
  readonly problem: string;
}

/** A place, null where the file has nothing, or why what it has does not fit. */
function matchTensor(
  tensor: ModelTensor,
  wholes: ReadonlyMap<string, Shape>,
  file: File,
  layout: WeightsLayout | null,
): TensorMatch | Misfit | null {
  let problem: Misfit | null = null;
  for (const form of formsOf(tensor, layout)) {
    const entries = form.names.map((name) => file.tensors.get(name));
    if (!entries.every((entry) => entry !== undefined)) continue;
    const conv1d = file.isConv1d && CONV1D.test(form.names[0]);
    const arrangement = arrangementOf(tensor, form, wholes, conv1d);
    if (!arrangement) continue;
    const names = entries.map(({ name }) => name);
    const laidOut = layOut(tensor, arrangement, names);
    const wanted = laidOut.shape;
    const misfit = entries.find((entry) => !fits(tensor, entry, wanted));
    if (!misfit) return { tensor, ...laidOut, change: changeOf(arrangement, names.length) };
    problem ??= { names, problem: misfitText(tensor, misfit, wanted, layout) };
  }
  return problem;
}

/** A tensor as it stands under names in a file. */
export function layOut(
  tensor: ModelTensor,
  arrangement: Arrangement,
  names: readonly string[],
): LaidOut {
  const { pieceOf } = tensor;
  const first = pieceOf ? firstOf(arrangement.shape, pieceOf.part, pieceOf.parts) : 0;
  return { names, shape: fileShape(arrangement), place: placeIn(arrangement), first };
}

function fits(tensor: ModelTensor, { dtype, shape }: WeightsTensor, wanted: Shape): boolean {
  return FILE_TYPES.get(dtype)?.dtype === valueType(tensor.dtype) && sameShape(shape, wanted);
}

/** A form with full names. */
interface NamedForm extends Omit<PartForm, 'joined' | 'byHeads'> {
  /** Names here of what is side by side, in order. */
  readonly joined: readonly string[];
  readonly byHeads: boolean;
  /** Whether images are flattened as the other system does it. */
  readonly isForeign: boolean;
}

const AS_HERE: PartForm['order'] = (rank) => Array.from({ length: rank }, (_, axis) => axis);

/** The forms that a tensor may have in a file, the first of them that which it is written in. */
export function formsOf(tensor: ModelTensor, layout: WeightsLayout | null): readonly NamedForm[] {
  const name = wholeName(tensor);
  const { layer } = tensor;
  const known = layout && layer && LAYOUTS[layout](layer);
  if (!known)
    return [{ names: [name], order: AS_HERE, joined: [], byHeads: false, isForeign: false }];
  const prefix = name.slice(0, name.length - layer.part.length);
  return known.map(({ names, order, joined = [], byHeads = false }) => ({
    names: names.map((suffix) => prefix + suffix),
    ...{ order, byHeads },
    joined: joined.map((part) => prefix + part),
    isForeign: true,
  }));
}

/** How a form lays a tensor out; null where it is joined with what the plan lacks, or the plan is one of before heads were known. */
export function arrangementOf(
  tensor: ModelTensor,
  { order: orderOf, joined, byHeads, isForeign }: NamedForm,
  wholes: ReadonlyMap<string, Shape>,
  isAsHere = false,
): Arrangement | null {
  const shape = wholeShape(tensor);
  const order = (isAsHere ? AS_HERE : orderOf)(shape.length);
  const flattened = (isForeign && tensor.layer?.flattened) || [];
  const arrangement = {
    ...{ shape, order },
    flattened: new Map(flattened.map(({ axis, extents }) => [axis, extents])),
  };
  if (joined.length === 0) return arrangement;
  const widths = joined.map((name) => wholes.get(name)?.at(-1));
  if (!widths.every((width) => width !== undefined)) return null;
  const heads = byHeads ? tensor.layer?.heads : 1;
  if (heads === undefined) return null;
  const own = joined.indexOf(wholeName(tensor));
  const sum = (list: readonly number[]) => list.reduce((total, width) => total + width, 0);
  const axis = order.indexOf(shape.length - 1);
  const from = sum(widths.slice(0, own)) / heads;
  return { ...arrangement, part: { axis, from, extent: sum(widths), heads } };
}

/** By name of each parameter or state as a whole its shape. */
export function wholeShapes(tensors: readonly ModelTensor[]): Map<string, Shape> {
  return new Map(tensors.map((tensor) => [wholeName(tensor), wholeShape(tensor)]));
}

function changeOf({ shape, flattened, order, part }: Arrangement, summands: number): string | null {
  const said: string[] = [];
  if (part) {
    const { axis, from, heads } = part;
    const of = heads > 1 ? `each of ${heads} parts of axis ${axis}` : `axis ${axis}`;
    said.push(`${from} to ${from + shape[order[axis]] / heads} of ${of}`);
  }
  if (summands > 1) said.push(`the sum of ${summands}`);
  if (order.some((axis, k) => axis !== k))
    said.push(shape.length === 2 ? 'transposed' : `axes ${order.join(', ')}`);
  for (const extents of flattened.values())
    said.push(
      `${formatExtents([...extents.slice(-1), ...extents.slice(0, -1)])} to ${formatExtents(extents)}`,
    );
  return said.length === 0 ? null : said.join('; ');
}

const formatExtents = (extents: Shape) => `[${extents.join(', ')}]`;

function misfitText(
  tensor: ModelTensor,
  entry: WeightsTensor,
  wanted: Shape,
  layout: WeightsLayout | null,
): string {
  const dtype = valueType(tensor.dtype);
  const given = `${entry.dtype.toLowerCase()}[${entry.shape}]`;
  const shape = wholeShape(tensor);
  const also = sameShape(wanted, shape) ? '' : ` (${formatType({ dtype, shape })} here)`;
  const hint = hintOf(tensor, entry, layout);
  return `tensor '${entry.name}' is ${given}; for '${wholeName(tensor)}' the plan wants ${formatType({ dtype, shape: wanted })}${also}${hint}`;
}

/** What would do. */
function hintOf(tensor: ModelTensor, entry: WeightsTensor, layout: WeightsLayout | null): string {
  const shape = wholeShape(tensor);
  if (layout) return sameShape(entry.shape, shape) ? '; without a layout it would fit' : '';
  const others = (Object.keys(LAYOUTS) as WeightsLayout[]).filter((other) => {
    const [form] = formsOf(tensor, other);
    return (
      form.joined.length === 0 &&
      sameShape(
        form.order(shape.length).map((axis) => shape[axis]),
        entry.shape,
      )
    );
  });
  if (others.length > 0 && !sameShape(entry.shape, shape))
    return `; with layout '${others[0]}' it would fit`;
  const isTransposed =
    entry.shape.length === shape.length &&
    elementCount(entry.shape) === elementCount(shape) &&
    sameShape([...entry.shape].sort(), [...shape].sort());
  return isTransposed && !sameShape(entry.shape, shape) ? '; transposed?' : '';
}
