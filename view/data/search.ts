import type { Plan } from '../../ir/plan.ts';

/** Tensors whose names hold all words of a text, the nearest names first, and how many more there are. */
export function searchTensors(
  { tensors }: Pick<Plan, 'tensors'>,
  text: string,
  most: number,
): { readonly found: readonly number[]; readonly more: number } {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) return { found: [], more: 0 };
  const ranked: { readonly tensor: number; readonly rank: number }[] = [];
  tensors.forEach(({ name }, tensor) => {
    const lower = name.toLowerCase();
    if (words.every((word) => lower.includes(word)))
      ranked.push({ tensor, rank: rankOf(lower, words[0]) + lower.length });
  });
  ranked.sort((a, b) => a.rank - b.rank || a.tensor - b.tensor);
  const found = ranked.slice(0, most).map(({ tensor }) => tensor);
  return { found, more: ranked.length - found.length };
}

/** Whole names before names that begin so, and parts that begin so before all others. */
function rankOf(name: string, word: string): number {
  if (name === word || name.endsWith(`/${word}`)) return 0;
  if (name.startsWith(word) || name.includes(`/${word}`)) return 1000;
  return name.includes(`.${word}`) ? 2000 : 3000;
}
