import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

// What tensors of PyTorch have as methods, tensors have here. A function of a tensor has a method or a reason here.

const LANGUAGE = fileURLToPath(new URL('../../compiler/language.ts', import.meta.url));

/** Functions of `torch.nn.functional`, or of btc alone, which are no methods there either. */
const FUNCTIONS_ALONE = [
  ...['conv1d', 'conv2d', 'conv3d', 'conv1dTranspose', 'conv2dTranspose', 'conv3dTranspose'],
  ...['maxPool1d', 'maxPool2d', 'maxPool3d', 'avgPool1d', 'avgPool2d', 'avgPool3d'],
  ...['adaptiveAvgPool1d', 'adaptiveAvgPool2d', 'adaptiveAvgPool3d'],
  ...['adaptiveMaxPool1d', 'adaptiveMaxPool2d', 'adaptiveMaxPool3d', 'globalAveragePool'],
  ...['interpolate', 'fold', 'unfold', 'pixelShuffle', 'pixelUnshuffle', 'localResponseNorm'],
  ...['crossEntropy', 'negativeLogLikelihood', 'ctcLoss', 'meanSquaredError', 'l1Loss'],
  ...['smoothL1Loss', 'huberLoss', 'klDivergence', 'binaryCrossEntropy'],
  ...['binaryCrossEntropyWithLogits', 'cosineEmbeddingLoss', 'tripletMarginLoss'],
  ...['marginRankingLoss', 'pairwiseDistance', 'cosineSimilarity', 'scaledDotProductAttention'],
  ...['rotary', 'normalise', 'categorical'],
];
/** The method `where` of a tensor; `select` of PyTorch is another function. */
const OF_ANOTHER_MEANING = ['select'];

test('functions of tensors are methods too', () => {
  const program = ts.createProgram([LANGUAGE], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  });
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(LANGUAGE)!;
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!).map((symbol) => ({
    name: symbol.name,
    symbol: symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
  }));
  const tensor = exported.find(({ name }) => name === 'Tensor')!;
  const methods = new Set(
    checker
      .getDeclaredTypeOfSymbol(tensor.symbol)
      .getProperties()
      .map(({ name }) => name),
  );
  const without = exported.flatMap(({ name, symbol }) => {
    const { valueDeclaration } = symbol;
    if (!valueDeclaration) return [];
    const type = checker.getTypeOfSymbolAtLocation(symbol, valueDeclaration);
    const [first] = type.getCallSignatures()[0]?.getParameters() ?? [];
    if (!first?.valueDeclaration) return [];
    const taken = checker.typeToString(
      checker.getTypeOfSymbolAtLocation(first, first.valueDeclaration),
    );
    return ['Tensor', 'TensorLike'].includes(taken) && !methods.has(name) ? [name] : [];
  });
  expect(methods.size).toBeGreaterThan(90);
  expect(without.sort()).toEqual([...FUNCTIONS_ALONE, ...OF_ANOTHER_MEANING].sort());
});
