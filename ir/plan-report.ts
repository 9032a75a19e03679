/** Takes one thing that is wrong with a plan: where, as `tensors[3].offset`, and why. */
export type Report = (path: string, reason: string) => void;
