/** The forms of factorisations by name, apart from what they are: the command line names them without loading them. */
export const FORM_NAMES = [
  'low-rank',
  'cp',
  'tucker',
  'tensor-train',
  'tensor-ring',
  'block-term',
  'hierarchical-tucker',
] as const;
/** The name of a factorised form of a matrix. */
export type FormName = (typeof FORM_NAMES)[number];
