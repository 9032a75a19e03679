import { type ContractionVariant, registerTiles, workgroupTiles } from './variant.ts';

/** Every number that only speed depends on. */
export const TUNING = {
  elementwise: { manyPoints: 16384, workgroupSize: 256, fewPointsWorkgroupSize: 64 },
  /** Invocations that keep a large GPU busy; kernels with less parallel work divide their reductions. */
  wantedInvocations: 32768,
  reduction: {
    workgroupSize: 256,
    fewWorkgroupSize: 64,
    /** Terms that one invocation sums at least before a reduction is divided among several. */
    leastTerms: 8,
    /** Invocations that share a reduction along contiguous memory, so that they read together. */
    contiguousReducers: 32,
    /** Neighbouring elements that are read together where points are contiguous: what memory hands out at least. */
    contiguousOutputs: 8,
  },
  blocks: {
    /** Sums of an invocation, each in a register. */
    mostSums: 64,
    /** Terms of all sums that are written out: what drivers compile in a moment. */
    mostProducts: 256,
    /** Blocks of fewer are no better than points. */
    leastProducts: 8,
    /** Reductions of at most so many terms go in blocks of outputs. */
    fewTerms: 128,
    /** Axes of at most so many points are taps, which an invocation has all of. */
    mostTaps: 5,
    /** Outputs in a row, the more the better. */
    strips: [8, 7, 6, 5, 4, 3, 2],
    termsAtOnce: 16,
    /** Contractions of at least so many rows and columns go in tiles. */
    leastTiled: 8,
  },
  /** Kernels with a stage: a workgroup per tile. */
  staged: {
    /** The first of equally good ones is taken. */
    workgroupSizes: [32, 64, 128, 256],
    /** Terms of a chunk where parts are contractions in blocks. */
    chunks: [16],
    /** Workgroups of that, and the smallest such contractions. */
    productSizes: [64, 128, 256],
    leastSide: 8,
    leastTerms: 4,
    /** Workgroup memory that workgroups which run at a time on one core share, in bytes, at least. */
    coreBytes: 64 * 1024,
    /** Invocations that keep a core busy. */
    coreInvocations: 512,
    /** Elements of all arrays of a tile that an invocation computes alone. */
    privateElements: 64,
    privateWorkgroupSize: 64,
    /** Axes and sides of the blocks in which it does so. */
    blockAxes: 3,
    blockSides: [8, 7, 6, 5, 4, 3, 2, 1],
  },
  contraction: {
    /** Smaller contractions are plain reductions. */
    leastM: 4,
    leastN: 4,
    leastK: 4,
    leastOutputs: 64,
    registersWorkgroupSize: 64,
    /** Products of an invocation that are written out one after the other. */
    mostProducts: 256,
    tilings: [
      registerTiles(4, 4, 1),
      registerTiles(8, 8, 1),
      registerTiles(4, 8, 4),
      registerTiles(8, 8, 4),
      registerTiles(2, 4, 4),
      registerTiles(1, 4, 4),
      workgroupTiles([128, 128, 8], [8, 8], 1, 1),
      workgroupTiles([128, 128, 8], [8, 8], 1, 2),
      workgroupTiles([128, 64, 16], [8, 8], 1, 1),
      workgroupTiles([128, 64, 8], [8, 8], 1, 2),
      workgroupTiles([64, 128, 8], [8, 8], 1, 2),
      workgroupTiles([64, 64, 16], [4, 4], 1, 1),
      workgroupTiles([64, 64, 8], [4, 4], 1, 2),
      workgroupTiles([64, 64, 16], [4, 4], 1, 2),
      workgroupTiles([64, 64, 16], [8, 4], 1, 2),
      workgroupTiles([64, 64, 16], [8, 8], 1, 2),
      workgroupTiles([128, 64, 16], [8, 8], 1, 2),
      workgroupTiles([128, 128, 16], [8, 8], 1, 2),
      workgroupTiles([32, 32, 32], [4, 4], 1, 1),
      workgroupTiles([32, 32, 32], [4, 4], 4, 1),
      workgroupTiles([16, 64, 32], [4, 4], 4, 1),
      workgroupTiles([64, 16, 32], [4, 4], 4, 1),
      workgroupTiles([16, 16, 64], [4, 4], 16, 1),
      workgroupTiles([8, 64, 32], [4, 4], 8, 1),
      workgroupTiles([64, 8, 32], [4, 4], 8, 1),
    ] as readonly ContractionVariant[],
  },
} as const;
