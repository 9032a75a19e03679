/** What `make` gives, made when it is asked for first: for what several tests of a file look at and none changes. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
