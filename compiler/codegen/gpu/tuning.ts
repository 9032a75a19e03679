/**
 * One way to tile a contraction. `workgroup`: a workgroup computes `tileM` x `tileN` outputs, each invocation
 * `threadM` x `threadN` of them, walking K in chunks of `tileK` that are staged in workgroup memory. The chunk is cut
 * into `slices`, each summed by invocations of its own and combined at the end. `registers`: every invocation
 * computes a tile alone, straight from memory, without barriers. `throughput` is relative, for the choice between tilings.
 */
export interface ContractionTiling {
  readonly memory: 'registers' | 'workgroup';
  readonly tileM: number;
  readonly tileN: number;
  readonly tileK: number;
  readonly threadM: 4 | 8;
  readonly threadN: 4 | 8;
  readonly slices: number;
  readonly throughput: number;
}

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
  },
  /** Kernels with a stage: a workgroup per tile. */
  staged: {
    /** The first of equally good ones is taken. */
    workgroupSizes: [32, 64, 128, 256],
    /** Throughput of a multiply-add of an invocation's register tile, on the scale of the tilings. */
    throughput: 0.75,
    /** Workgroup memory that workgroups which run at a time on one core share, in bytes. */
    coreBytes: 64 * 1024,
    /** Invocations that keep a core busy. */
    coreInvocations: 512,
  },
  /** On the scale of the tilings: multiply-adds in the time of moving an element, and in that of a dispatch. */
  time: { perByte: 16, perDispatch: 2 ** 24 },
  contraction: {
    /** Smaller contractions are plain reductions. */
    leastM: 4,
    leastN: 4,
    leastK: 4,
    leastOutputs: 64,
    /** Throughput of a plain reduction, on the scale of the tilings. */
    plainThroughput: 0.06,
    registersWorkgroupSize: 64,
    tilings: [
      {
        memory: 'registers',
        tileM: 4,
        tileN: 4,
        tileK: 1,
        threadM: 4,
        threadN: 4,
        slices: 1,
        throughput: 0.25,
      },
      {
        memory: 'workgroup',
        tileM: 128,
        tileN: 128,
        tileK: 8,
        threadM: 8,
        threadN: 8,
        slices: 1,
        throughput: 1,
      },
      {
        memory: 'workgroup',
        tileM: 64,
        tileN: 64,
        tileK: 16,
        threadM: 4,
        threadN: 4,
        slices: 1,
        throughput: 0.7,
      },
      {
        memory: 'workgroup',
        tileM: 32,
        tileN: 32,
        tileK: 32,
        threadM: 4,
        threadN: 4,
        slices: 4,
        throughput: 0.5,
      },
      {
        memory: 'workgroup',
        tileM: 16,
        tileN: 64,
        tileK: 32,
        threadM: 4,
        threadN: 4,
        slices: 4,
        throughput: 0.4,
      },
      {
        memory: 'workgroup',
        tileM: 64,
        tileN: 16,
        tileK: 32,
        threadM: 4,
        threadN: 4,
        slices: 4,
        throughput: 0.4,
      },
      {
        memory: 'workgroup',
        tileM: 16,
        tileN: 16,
        tileK: 64,
        threadM: 4,
        threadN: 4,
        slices: 16,
        throughput: 0.3,
      },
      {
        memory: 'workgroup',
        tileM: 8,
        tileN: 64,
        tileK: 32,
        threadM: 4,
        threadN: 4,
        slices: 8,
        throughput: 0.3,
      },
      {
        memory: 'workgroup',
        tileM: 64,
        tileN: 8,
        tileK: 32,
        threadM: 4,
        threadN: 4,
        slices: 8,
        throughput: 0.3,
      },
    ] satisfies ContractionTiling[] as readonly ContractionTiling[],
  },
} as const;
