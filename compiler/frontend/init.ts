/** Initialisers by their usual names: `linear(784, 128, { weightInit: init.heNormal })`. */
export {
  constantInit as constant,
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  lecunNormal,
  lecunUniform,
  normalInit as normal,
  onesInit as ones,
  orthogonal,
  truncatedNormalInit as truncatedNormal,
  uniformInit as uniform,
  zerosInit as zeros,
} from './initialisers.ts';
