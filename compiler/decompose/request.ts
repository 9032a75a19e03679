import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import {
  blockTerm,
  cp,
  type Factorisation,
  hierarchicalTucker,
  lowRank,
  type ModeOptions,
  tensorRing,
  tensorTrain,
  tucker,
} from '../factorised/factorisation.ts';
import { FORM_NAMES, type FormName } from '../factorised/form-names.ts';
import { factoriseDimension } from '../factorised/modes.ts';
import { MAX_MODES } from '../factorised/network.ts';

/**
 * A form with what decides its ranks: exactly one of `rank`, `ranks`, `parameters`, `bytes` and `error`. The last three ask
 * for one rank everywhere, cut to what each place can carry.
 */
export interface FormRequest {
  readonly form: FormName;
  /** Default: balanced modes, as many as the matrix has room for, up to four. */
  readonly inputModes?: readonly number[];
  /** Of one gate. */
  readonly outputModes?: readonly number[];
  readonly rank?: number;
  /** As the form takes them; Tucker: those of the inputs, then those of the outputs; block-term: one list, or one per block. */
  readonly ranks?: readonly number[] | readonly (readonly number[])[];
  /** Block-term: default 2. */
  readonly blocks?: number;
  /** CP: a factor for each mode on its own. */
  readonly split?: boolean;
  /** The largest rank of at most so many numbers. */
  readonly parameters?: number;
  /** The largest rank whose numbers take at most so many bytes in float32. */
  readonly bytes?: number;
  /** The smallest rank whose relative error is at most this. */
  readonly error?: number;
}

/** Ways to decide the ranks. */
export const SIZES = ['rank', 'ranks', 'parameters', 'bytes', 'error'] as const;

/** What a form takes, with the modes decided. */
type Choice = FormRequest & ModeOptions;

const flat = ({ ranks }: Choice) => ranks as readonly number[] | undefined;

const FACTORISATIONS: Readonly<Record<FormName, (choice: Choice) => Factorisation>> = {
  'low-rank': ({ rank }) => lowRank({ rank: rank! }),
  cp: ({ inputModes, outputModes, rank, split }) =>
    cp({ inputModes, outputModes, rank: rank!, ...(split ? { split } : {}) }),
  tucker: ({ inputModes, outputModes, ...choice }) => {
    const ranks = flat(choice as Choice);
    return tucker({
      inputModes,
      outputModes,
      ...(ranks
        ? {
            inputRanks: ranks.slice(0, inputModes.length),
            outputRanks: ranks.slice(inputModes.length),
          }
        : { rank: choice.rank! }),
    });
  },
  'tensor-train': (choice) => tensorTrain(trainOptions(choice)),
  'tensor-ring': (choice) => tensorRing(trainOptions(choice)),
  'block-term': ({ inputModes, outputModes, rank, ranks, blocks }) => {
    const own = ranks?.some((one) => typeof one !== 'number');
    return blockTerm({
      inputModes,
      outputModes,
      ...(ranks ? { ranks } : { rank: rank! }),
      ...(own ? {} : { blocks: blocks ?? DEFAULT_BLOCKS }),
    });
  },
  'hierarchical-tucker': ({ inputModes, outputModes, rank }) =>
    hierarchicalTucker({ inputModes, outputModes, rank: rank! }),
};

const DEFAULT_BLOCKS = 2;

function trainOptions(choice: Choice) {
  const { inputModes, outputModes, rank } = choice;
  const ranks = flat(choice);
  return { inputModes, outputModes, ...(ranks ? { ranks } : { rank: rank! }) };
}

/** Forms that have one rank. */
const ONE_RANK: readonly FormName[] = ['low-rank', 'cp', 'hierarchical-tucker'];

/** The request with its modes decided, or what is wrong with it. */
export function resolveRequest(
  request: FormRequest,
  inFeatures: number,
  outFeatures: number,
): Choice | Diagnostic {
  const refuse = (reason: string) => diagnostic(5013, null, { reason });
  const { form, inputModes, outputModes, ranks, blocks, split } = request;
  if (!FORM_NAMES.includes(form))
    return refuse(`there is no form '${form}'; the forms are ${FORM_NAMES.join(', ')}`);
  const sizes = SIZES.filter((name) => request[name] !== undefined);
  if (sizes.length !== 1) {
    const given = sizes.length === 0 ? 'none is' : `${sizes.join(' and ')} are`;
    return refuse(`one of ${SIZES.join(', ')} decides the size, and ${given} given`);
  }
  if (ranks && ONE_RANK.includes(form)) return refuse(`${form} has one rank; give 'rank'`);
  if (blocks !== undefined && form !== 'block-term') return refuse(`${form} has no blocks`);
  if (split && form !== 'cp') return refuse(`only cp has split modes`);
  for (const name of ['parameters', 'bytes', 'error'] as const) {
    const value = request[name];
    if (value !== undefined && !(value > 0 && Number.isFinite(value)))
      return refuse(`'${name}' is ${value}; it must be a positive number`);
  }
  const given = inputModes?.length ?? outputModes?.length;
  const count = given ?? defaultModeCount(form, inFeatures, outFeatures);
  // Lists that are too short or too long are reported by the form itself.
  const balanced = (features: number) =>
    factoriseDimension(features, Math.min(MAX_MODES, Math.max(1, count)));
  return {
    ...request,
    inputModes: inputModes ?? balanced(inFeatures),
    outputModes: outputModes ?? balanced(outFeatures).reverse(),
  };
}

/** As many modes as leave each pair sixteen elements or more; low-rank has no modes. */
function defaultModeCount(form: FormName, inFeatures: number, outFeatures: number): number {
  if (form === 'low-rank') return 1;
  return Math.min(4, Math.max(2, Math.floor(Math.log(inFeatures * outFeatures) / Math.log(16))));
}

/** The factorisation that a choice asks for, with a rank for all places where it is being looked for. */
export function factorisationOf(choice: Choice, rank = choice.rank): Factorisation {
  return FACTORISATIONS[choice.form]({ ...choice, ...(rank === undefined ? {} : { rank }) });
}

export type { Choice };
