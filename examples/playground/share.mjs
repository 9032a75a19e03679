// A model and its options in the part of an address behind #, which is not sent to any server. What comes out of one is a stranger's:
// text of a limited size, and options that are among those that there are.

const PREFIX = 'm1=';
/** Characters of a model that a link may carry. */
const MOST = 200_000;

/** @param {{ source: string, target: string, budget: number | null }} shared */
export async function linkOf(shared) {
  const bytes = new TextEncoder().encode(JSON.stringify(shared));
  const packed = await through(bytes, new CompressionStream('deflate-raw'));
  const text = btoa(String.fromCharCode(...packed));
  return `#${PREFIX}${text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}`;
}

/** What a link says; null where it says nothing, or nothing that makes sense. */
export async function sharedBy(hash, targets) {
  if (!hash.startsWith(`#${PREFIX}`)) return null;
  try {
    const text = hash
      .slice(1 + PREFIX.length)
      .replaceAll('-', '+')
      .replaceAll('_', '/');
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const bytes = await through(packed, new DecompressionStream('deflate-raw'), MOST * 4);
    const { source, target, budget } = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof source !== 'string' || source.length > MOST) return null;
    return {
      source,
      target: targets.includes(target) ? target : targets[0],
      budget: Number.isFinite(budget) && budget > 0 ? budget : null,
    };
  } catch {
    return null;
  }
}

/** Stops where there are more bytes than `most`: a few may stand for very many. */
async function through(bytes, stream, most = Number.POSITIVE_INFINITY) {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    if (length > most) throw new Error('too long');
    parts.push(next.value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
