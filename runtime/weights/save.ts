import { DTYPES, valueType } from '../../ir/dtypes.ts';
import type { Plan } from '../../ir/plan.ts';
import type { SafetensorsTensor } from '../../ir/safetensors.ts';
import { encodeSealed } from '../../ir/sealed.ts';
import { elementCount } from '../../ir/tensor.ts';
import { modelTensors } from '../checkpoint.ts';
import { RuntimeError } from '../errors.ts';
import type { TensorData } from '../executor.ts';
import { type Arrangement, fileShape, firstOf, placeIn, toFileData } from './arrange.ts';
import { arrangementOf, formsOf, wholeShapes } from './match.ts';
import { checkLayout, type ForeignOptions } from './options.ts';
import { renameFunction } from './rename.ts';

/** In what names and layout parameters are saved. */
export interface SaveOptions extends Pick<ForeignOptions, 'layout'> {
  /** From the layout's names to those that the file is to have. */
  readonly rename?: ForeignOptions['rename'];
}

/** What loaders of PyTorch's side want to read in the metadata. */
const PYTORCH_FORMAT = 'pt';

/** Parameters and states of a plan, as `modelTensors` gives them, as a safetensors file of another system. Errors: `invalid-input`. */
export function encodeWeights(
  plan: Plan,
  values: readonly TensorData[],
  options: SaveOptions,
): Uint8Array<ArrayBuffer> {
  const layout = checkLayout(options.layout);
  const rename = renameFunction(options.rename);
  const wholes = wholeShapes(plan);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const [k, tensor] of modelTensors(plan).entries()) {
    const forms = formsOf(tensor, layout);
    const laidOut = forms.flatMap((form) => {
      const arrangement = arrangementOf(tensor, form, wholes);
      return arrangement ? [{ names: form.names, arrangement }] : [];
    });
    const { names, arrangement } = laidOut.find(({ arrangement }) => isEven(arrangement))!;
    const shape = fileShape(arrangement);
    const dtype = valueType(tensor.dtype);
    names.forEach((name, n) => {
      const file = tensors.get(name) ?? emptyTensor(dtype, shape, n);
      tensors.set(name, file);
      if (n > 0) return;
      const { pieceOf } = tensor;
      const first = pieceOf ? firstOf(arrangement.shape, pieceOf.part, pieceOf.parts) : 0;
      toFileData(placeIn(arrangement), values[k], file.data, first);
    });
  }
  return encodeSealed(renamed(tensors, rename), { format: PYTORCH_FORMAT, plan: plan.name });
}

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
    if (list.has(to)) throw new RuntimeError('invalid-input', `two tensors are renamed to '${to}'`);
    list.set(to, tensor);
  }
  return list;
}
