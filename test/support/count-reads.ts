/** How often `use` reads a property of `value` or of anything inside of it: work that no other load on the machine changes. */
export function countReads<T extends object>(value: T, use: (counted: T) => void): number {
  let reads = 0;
  const known = new WeakMap<object, object>();
  const counted = <Part>(part: Part): Part => {
    if (typeof part !== 'object' || part === null) return part;
    const seen = known.get(part);
    if (seen) return seen as Part;
    const proxy = new Proxy(part, {
      get(target, key) {
        reads++;
        return counted(Reflect.get(target, key));
      },
    });
    known.set(part, proxy);
    return proxy;
  };
  use(counted(value));
  return reads;
}
