import * as btc from '../../../compiler/language.ts';

type Cases = Readonly<Record<string, (...x: btc.Tensor[]) => btc.Tensor>>;

/** What lies under windows, and what changes extents. */
export const WINDOW_CASES: Cases = {
  conv1dTranspose: (x, w) =>
    btc.conv1dTranspose(x, w, { stride: 3, padding: 1, outputPadding: 2, groups: 2 }),
  conv2dTranspose: (x, w) =>
    btc.conv2dTranspose(x, w, {
      stride: [2, 1],
      padding: [1, 0],
      outputPadding: [1, 0],
      groups: 2,
    }),
  'conv2dTranspose dilation': (x, w) =>
    btc.conv2dTranspose(x, w, { stride: 2, dilation: 3, outputPadding: 2, padding: 1 }),
  conv3dTranspose: (x, w) =>
    btc.conv3dTranspose(x, w, { stride: 2, outputPadding: [1, 0, 1], groups: 3 }),
  'maxPool2d dilation': (x) =>
    btc.maxPool2d(x, 2, { stride: 1, padding: 1, dilation: 2, ceilMode: true }),
  'maxPool1d ceil': (x) => btc.maxPool1d(x, 3, { stride: 2, ceilMode: true }),
  'avgPool2d ceil': (x) => btc.avgPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true }),
  'avgPool2d exclude': (x) =>
    btc.avgPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false }),
  'avgPool3d ceil': (x) => btc.avgPool3d(x, 2, { ceilMode: true }),
  adaptiveAvgPool1d: (x) => btc.adaptiveAvgPool1d(x, 3),
  adaptiveAvgPool2d: (x) => btc.adaptiveAvgPool2d(x, [2, 3]),
  'adaptiveAvgPool2d more': (x) => btc.adaptiveAvgPool2d(x, 5),
  adaptiveAvgPool3d: (x) => btc.adaptiveAvgPool3d(x, [1, 2, 3]),
  adaptiveMaxPool1d: (x) => btc.adaptiveMaxPool1d(x, 3),
  adaptiveMaxPool2d: (x) => btc.adaptiveMaxPool2d(x, [3, 2]),
  adaptiveMaxPool3d: (x) => btc.adaptiveMaxPool3d(x, 2),
  'interpolate nearest': (x) => btc.interpolate(x, { scale: 2 }),
  'interpolate nearest size': (x) => btc.interpolate(x, { size: [5, 3] }),
  'interpolate nearest exact': (x) => btc.interpolate(x, { size: [5, 3], mode: 'nearest-exact' }),
  'interpolate nearest scale': (x) => btc.interpolate(x, { scale: 1.7 }),
  'interpolate bilinear': (x) => btc.interpolate(x, { scale: 2, mode: 'linear' }),
  'interpolate bilinear three': (x) => btc.interpolate(x, { scale: 3, mode: 'linear' }),
  'interpolate bilinear corners': (x) =>
    btc.interpolate(x, { size: [6, 7], mode: 'linear', alignCorners: true }),
  'interpolate bilinear scale': (x) => btc.interpolate(x, { scale: [1.5, 0.6], mode: 'linear' }),
  'interpolate bilinear size': (x) => btc.interpolate(x, { size: [2, 7], mode: 'linear' }),
  'interpolate bilinear one': (x) =>
    btc.interpolate(x, { size: 1, mode: 'linear', alignCorners: true }),
  'interpolate bicubic': (x) => btc.interpolate(x, { scale: 2, mode: 'cubic' }),
  'interpolate bicubic size': (x) => btc.interpolate(x, { size: [5, 3], mode: 'cubic' }),
  'interpolate bicubic corners': (x) =>
    btc.interpolate(x, { size: [5, 8], mode: 'cubic', alignCorners: true }),
  'interpolate linear': (x) => btc.interpolate(x, { scale: 4, mode: 'linear' }),
  'interpolate trilinear': (x) => btc.interpolate(x, { size: [4, 3, 5], mode: 'linear' }),
  pixelShuffle: (x) => btc.pixelShuffle(x, 2),
  pixelUnshuffle: (x) => btc.pixelUnshuffle(x, 2),
  unfold: (x) => btc.unfold(x, [2, 3], { padding: 1, stride: [2, 1] }),
  fold: (x) => btc.fold(x, [4, 5], [2, 3], { stride: [2, 1], padding: [0, 1] }),
  'pad reflect': (x) => x.pad(WIDTHS, 'reflect'),
  'pad replicate': (x) => x.pad(WIDTHS, 'replicate'),
  'pad circular': (x) => x.pad(WIDTHS, 'circular'),
};

const WIDTHS = [
  [0, 0],
  [1, 2],
  [2, 1],
  [0, 0],
];
