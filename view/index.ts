/** The page that shows plans: `btc view` writes it as one file, and other pages mount it as a part of them. */
export type { ReadPlan, ViewedPlan, ViewInput } from './data/viewed.ts';
export { mountView, type View } from './page/shell.ts';
