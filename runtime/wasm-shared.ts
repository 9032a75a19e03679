const IMPORT_SECTION = 2;
const HEADER_BYTES = 8;
/** One import, `env` `memory`, a memory; with a minimum and a maximum, shared. */
const SHARED_MEMORY = [1, 3, ...ascii('env'), 6, ...ascii('memory'), 2, 3];

/** A checked module with a memory that threads share, of another number of pages. The rest of it stays as it is. */
export function withSharedMemory(
  module: Uint8Array<ArrayBuffer>,
  pages: number,
): Uint8Array<ArrayBuffer> {
  for (let at = HEADER_BYTES; at < module.length; ) {
    const id = module[at];
    const [size, content] = readNumber(module, at + 1);
    if (id === IMPORT_SECTION) {
      const imports = [...SHARED_MEMORY, ...numberBytes(pages), ...numberBytes(pages)];
      const section = [IMPORT_SECTION, ...numberBytes(imports.length), ...imports];
      const behind = module.subarray(content + size);
      const changed = new Uint8Array(at + section.length + behind.length);
      changed.set(module.subarray(0, at));
      changed.set(section, at);
      changed.set(behind, at + section.length);
      return changed;
    }
    at = content + size;
  }
  throw new Error('a checked module imports its memory');
}

/** A number of the binary format, and where it ends. */
function readNumber(bytes: Uint8Array, start: number): [number: number, end: number] {
  let value = 0;
  let at = start;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return [value, at];
  }
}

function numberBytes(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return [...bytes, rest];
}

function ascii(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0));
}
