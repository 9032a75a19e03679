/** How long a method that improves cores in sweeps goes on. */
export interface IterationOptions {
  /** Most passes over all cores. */
  readonly sweeps: number;
  /** A pass that lowers the relative error by less than this part of it gains little; such passes end the iteration. */
  readonly tolerance: number;
  /** Hears of the relative error after each pass that is kept. */
  readonly onSweep: (error: number) => void;
}
