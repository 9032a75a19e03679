// The text form of a kernel, one fact per line:
//
//   kernel contract_add {
//     axis a0 parallel 32
//     axis a1 reduced 784
//     buffer b0 read f32 25088
//     buffer b1 write f32 32
//     n0: f32 = load b0[784*a0 + a1]
//     reduce sum n0
//     n1: f32 = accumulator
//     store b1[a0] = n1
//   }
//
// A bounded load ends in `where 0 <= a0 - 1 < 28 and …`; an indirect address in `+ 64*(n0 < 1000)`, where n0
// is kept inside [0, 1000). Names that are not plain words are JSON strings. A stage stands behind the buffers; its axes
// are numbered on from the tile axes, here a0 alone, and `in b4` is there where a binding holds the array:
//
//     stage over 1 local f32 32 in b4 {
//       axis a1 parallel 32
//       …
//       store local[a1] = n3
//     }
//     n0: f32 = load local[a2]

export { parseKernel } from './kernel-parse.ts';
export { formatAffine, kernelBody, printKernel } from './kernel-print.ts';
