const MOST_CHARACTERS = 200;

/** A name for a message, cut off where it is too long to be read. */
export function clipped(name: string): string {
  return name.length > MOST_CHARACTERS ? `${name.slice(0, MOST_CHARACTERS)}…` : name;
}
