/** What a build that goes on tells its page. */
export interface LiveState {
  /** Counts the builds that made plans; 0: none did yet. */
  readonly version: number;
  /** What is to be said beside the picture, as `building…` or the errors of a build; null for nothing. */
  readonly says: string | null;
}
