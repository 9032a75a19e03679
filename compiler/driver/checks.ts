let meaning = false;

/**
 * Lets every pass over schedules be held against what it was given: both must compute the same (ir/schedule-meaning.ts). For tests and soaks:
 * it takes as long as planning does.
 */
export function checkMeanings(on: boolean): void {
  meaning = on;
}

export const checksMeaning = () => meaning;
