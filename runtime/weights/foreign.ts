// What a session asks for when weights are not btc's own: one part of a bundle, which most pages never fetch.
export { fromWeights } from './from-weights.ts';
export { encodeWeights } from './save.ts';
