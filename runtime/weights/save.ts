import { DTYPES, valueType } from '../../ir/dtypes.ts';
import type { Plan, PlanTensor } from '../../ir/plan.ts';
import type { SafetensorsTensor } from '../../ir/safetensors.ts';
import { encodeSealed, PARAMETERS_FORMAT } from '../../ir/sealed.ts';
import { elementCount, type Shape } from '../../ir/tensor.ts';
import { modelTensors, PARAMETERS_VERSION } from '../checkpoint.ts';
import { RuntimeError } from '../errors.ts';
import type { TensorData } from '../executor.ts';
import { type Arrangement, toFileData } from './arrange.ts';
import {
  arrangementOf,
  formsOf,
  type LaidOut,
  layOut,
  type WeightsLayout,
  wholeShapes,
} from './match.ts';
import { checkLayout, type ForeignOptions } from './options.ts';
import { renameFunction } from './rename.ts';

/** In what names and layout parameters are saved. */
export interface SaveOptions extends Pick<ForeignOptions, 'layout'> {
  /** From the layout's names to those that the file is to have. Without, tensors have the names that they were loaded by. */
  readonly rename?: ForeignOptions['rename'];
}

/** How tensors stood in the file that a session was loaded from. */
export interface WeightsOrigin {
  readonly layout: WeightsLayout | null;
  readonly found: ReadonlyMap<string, LaidOut>;
}

/** What loaders of PyTorch's side want to read in the metadata. */
const PYTORCH_FORMAT = { format: 'pt' };
const OWN_FORMAT = { format: PARAMETERS_FORMAT, version: PARAMETERS_VERSION };

/**
 * Parameters and states of a plan, as `modelTensors` gives them, as a safetensors file in a layout. Those that were loaded from a file of
 * that layout stand as they stood there, unless they are renamed. Errors: `invalid-input`.
 */
export function encodeWeights(
  plan: Plan,
  values: readonly TensorData[],
  options: SaveOptions,
  origin: WeightsOrigin | null,
): Uint8Array<ArrayBuffer> {
  const layout = checkLayout(options.layout);
  const rename = renameFunction(options.rename);
  const known = options.rename === undefined && origin?.layout === layout ? origin.found : null;
  const wholes = wholeShapes(modelTensors(plan));
  const tensors = new Map<string, SafetensorsTensor>();
  const written = new Map<string, boolean>();
  for (const [k, tensor] of modelTensors(plan).entries()) {
    const before = known?.get(tensor.name);
    const { names, shape, place, first } = before ?? writtenForm(tensor, layout, wholes);
    const dtype = valueType(tensor.dtype);
    for (const [n, name] of names.entries()) {
      const isKnown = before !== undefined;
      if ((written.get(name) ?? isKnown) !== isKnown) throw sameName(name);
      written.set(name, isKnown);
      const file = tensors.get(name) ?? emptyTensor(dtype, shape, n);
      tensors.set(name, file);
      if (n === 0) toFileData(place, values[k], file.data, first);
    }
  }
  const metadata = layout === null ? OWN_FORMAT : PYTORCH_FORMAT;
  return encodeSealed(renamed(tensors, rename), { ...metadata, plan: plan.name });
}

/** The form that a layout's own system has. */
function writtenForm(
  tensor: PlanTensor,
  layout: WeightsLayout | null,
  wholes: ReadonlyMap<string, Shape>,
): LaidOut {
  for (const form of formsOf(tensor, layout)) {
    const arrangement = arrangementOf(tensor, form, wholes);
    if (arrangement && isEven(arrangement)) return layOut(tensor, arrangement, form.names);
  }
  throw new Error(`internal error: no form of '${tensor.name}'`);
}

const sameName = (name: string) =>
  new RuntimeError(
    'invalid-input',
    `two tensors are saved as '${name}'; give them names by 'rename'`,
  );

/** What is side by side in a file of PyTorch's own is of one size. */
const isEven = ({ shape, order, part }: Arrangement): boolean =>
  !part || part.extent === PARTS_IN_ONE * shape[order[part.axis]];

/** Queries, keys and values. */
const PARTS_IN_ONE = 3;

/** The others of a sum are zero; minus zero, which leaves every number as it is when it is added. */
function emptyTensor(
  dtype: SafetensorsTensor['dtype'],
  shape: SafetensorsTensor['shape'],
  position: number,
): SafetensorsTensor {
  const data = new DTYPES[dtype].array(elementCount(shape));
  return { dtype, shape, data: position === 0 ? data : data.fill(-0) };
}

function renamed(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  rename: (name: string) => string | null,
): Map<string, SafetensorsTensor> {
  const list = new Map<string, SafetensorsTensor>();
  for (const [name, tensor] of tensors) {
    const to = rename(name);
    if (to === null) continue;
    if (list.has(to)) throw sameName(to);
    list.set(to, tensor);
  }
  return list;
}
