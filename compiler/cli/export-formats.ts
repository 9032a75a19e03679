/** What `btc export` writes. */
export const EXPORT_FORMATS = ['stablehlo', 'onnx'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];
