// The text form of a schedule. Kernels, tensors and steps are numbered from 0 in the order in which they stand:
//
//   schedule digits
//   memory arena 512 persistent 256 peak 512 staging 16 packing skyline/edge      (allocated schedules only, as are `slab` and ` in `)
//   slab 1024
//   slot memory home t3 copies 2 at 0 bytes 256              (h0; ` home `, ` copies ` where there are any; ` at ` when allocated)
//   kernel double { … }                                      (k0)
//   tensor t0 image: f32[32] input of train in slab 0 at 256 steps 0..0 arena @ model.ts(3,5)
//   program train
//     input image = t0 default 0 counter
//     step 0: k0(t0, t1) "contract" macs 640 @ model.ts(7,9)
//     out t4 to h1 after 0                                   (transfers)
//     in t5 from h1 before 3
//     output loss = t1
//
// What comes from a layer says so before its place, ` within stage1.conv2 pass gradient @ blocks.ts(4,10) from model.ts(12,9)`.
// A rematerialised tensor has ` recompute of t4` or ` swap of t4` behind its program, a host-resident parameter
// ` host-resident`, a recomputed step ` recomputed` behind its label.

export { parseSchedule } from './schedule-parse.ts';
export { printSchedule } from './schedule-print.ts';
