/** Letters of einsum for the positions and the taps of windows, one per spatial axis. */
export const positionLetters = (axes: number) => 'xyz'.slice(0, axes);
export const tapLetters = (axes: number) => 'uvw'.slice(0, axes);

/** `xuyv`: the axes of a view under windows. */
export const windowLetters = (axes: number) =>
  [...positionLetters(axes)].map((position, k) => position + tapLetters(axes)[k]).join('');
