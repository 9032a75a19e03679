import { elementCount } from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import { report } from '../reporting/report.ts';
import { checkModes, checkRank, ranksOf } from './factorisation.ts';
import {
  cpKernelNetwork,
  splitTrainKernelNetwork,
  tensorTrainKernelNetwork,
  tuckerKernelNetwork,
} from './kernel-forms.ts';
import { factoriseDimension } from './modes.ts';
import type { MatrixNetwork } from './network.ts';
import { chainBounds, cpBound, modeBounds } from './rank-bounds.ts';

/** How a convolution's kernel is factorised. Made by {@link tuckerKernel}, {@link cpKernel} and {@link tensorTrainKernel}. */
export interface KernelFactorisation {
  readonly form: string;
  /** The network of a kernel [taps…, inChannels, outChannels]; null after a diagnostic. */
  readonly kernelNetwork: (
    taps: readonly number[],
    inChannels: number,
    outChannels: number,
  ) => MatrixNetwork | null;
}

/** Tucker-2 (Kim et al. 2016): factors on both channel axes around a small dense kernel. */
export function tuckerKernel(options: {
  readonly inputRank: number;
  readonly outputRank: number;
}): KernelFactorisation {
  const form = 'Tucker-2';
  return {
    form,
    kernelNetwork: (taps, inChannels, outChannels) => {
      const { inputRank, outputRank } = options;
      const [, mostInside, mostOutside] = modeBounds([elementCount(taps), inChannels, outChannels]);
      const fits =
        checkRank(form, inputRank, 'the input channels', mostInside) &&
        checkRank(form, outputRank, 'the output channels', mostOutside);
      const shape = { taps, inputModes: [inChannels], outputModes: [outChannels] };
      return fits ? tuckerKernelNetwork(shape, inputRank, outputRank) : null;
    },
  };
}

/** Canonical polyadic (Lebedev et al. 2015); separable (the default): a factor for each axis of the window. */
export function cpKernel(options: {
  readonly rank: number;
  readonly separable?: boolean;
}): KernelFactorisation {
  const form = 'CP';
  return {
    form,
    kernelNetwork: (taps, inChannels, outChannels) => {
      const { rank, separable = true } = options;
      const most = cpBound([...taps, inChannels, outChannels]);
      const shape = { taps, inputModes: [inChannels], outputModes: [outChannels] };
      return checkRank(form, rank, 'the factors', most)
        ? cpKernelNetwork(shape, rank, separable)
        : null;
    },
  };
}

/** Ranks and modes of {@link tensorTrainKernel}. */
export interface TrainKernelOptions {
  /** Of all bonds, where `ranks` are not given; cut to what a bond can carry. */
  readonly rank?: number;
  /** One per bond. */
  readonly ranks?: readonly number[];
  /** Channels in modes, in pairs; without them the train runs along input channels, taps and output channels. */
  readonly inputModes?: readonly number[];
  readonly outputModes?: readonly number[];
}

/**
 * Tensor-train: along [in, taps…, out] (Oseledets 2011), or with channels in modes a core for the window, then one for each
 pair of modes (Garipov et al. 2016). BTC2019 for modes that do not go in pairs. (Garipov et al. 2016).
 */
export function tensorTrainKernel(options: TrainKernelOptions): KernelFactorisation {
  const form = 'tensor-train';
  const ranksFor = (sizes: readonly number[]) =>
    ranksOf(form, 'bond', chainBounds(sizes), options.ranks, options.rank);
  return {
    form,
    kernelNetwork: (taps, inChannels, outChannels) => {
      const { inputModes, outputModes } = options;
      if (!inputModes && !outputModes) {
        const ranks = ranksFor([inChannels, ...taps, outChannels]);
        const shape = { taps, inputModes: [inChannels], outputModes: [outChannels] };
        return ranks && tensorTrainKernelNetwork(shape, ranks);
      }
      const [inputs, outputs] = [inputModes ?? [inChannels], outputModes ?? [outChannels]];
      const fits =
        checkModes(form, 'input', inputs, inChannels) &&
        checkModes(form, 'output', outputs, outChannels);
      if (!fits) return null;
      if (inputs.length !== outputs.length) {
        const proposal = formatShape(factoriseDimension(outChannels, inputs.length));
        report(2019, { form, inputs: inputs.length, outputs: outputs.length, proposal });
        return null;
      }
      const ranks = ranksFor([
        elementCount(taps),
        ...inputs.map((extent, k) => extent * outputs[k]),
      ]);
      return (
        ranks && splitTrainKernelNetwork({ taps, inputModes: inputs, outputModes: outputs }, ranks)
      );
    },
  };
}
