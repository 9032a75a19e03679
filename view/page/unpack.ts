import type { ViewInput } from '../data/viewed.ts';

/** What a page holds: JSON, gzip, base64. @throws where it is something else */
export async function unpackInput(packed: string): Promise<ViewInput> {
  const text = atob(packed.trim());
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text()) as ViewInput;
}
