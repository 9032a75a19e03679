// What the functions of the language take, in so far as it can be held against literals of a model: how many arguments, of which kinds, and
// the names of options. Made of the declarations, for pages, and JavaScript, where there is no TypeScript: compiler/signatures.json.
import ts from 'typescript';

/** Deeper options are few: `train` of a model, groups of an optimiser. */
const MOST_DEPTH = 3;
/** More texts than that are no choice among a few. */
const MOST_TEXTS = 12;

/**
 * @param {string} file that exports the language
 * @returns {Record<string, readonly object[]>} by function: its overloads
 */
export function signaturesOf(file) {
  const options = {
    ...{ target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext },
    ...{ moduleResolution: ts.ModuleResolutionKind.NodeNext, allowImportingTsExtensions: true },
    ...{ noEmit: true, strict: true, types: [] },
  };
  const program = ts.createProgram([file], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(source));
  const found = exported.flatMap((symbol) => {
    const type = checker.getTypeOfSymbolAtLocation(symbol, source);
    const name = symbol.getName();
    // `init.normal` is a function too.
    const members = isOptions(type, checker) ? checker.getPropertiesOfType(type) : [];
    const functions = [
      [name, type],
      ...members.map((one) => [
        `${name}.${one.getName()}`,
        checker.getTypeOfSymbolAtLocation(one, source),
      ]),
    ];
    return functions.flatMap(([called, one]) => {
      const overloads = one.getCallSignatures().map((each) => overloadOf(each, source, checker));
      return overloads.length > 0 ? [[called, overloads]] : [];
    });
  });
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function overloadOf(signature, source, checker) {
  const parameters = signature.getParameters();
  const last = parameters.at(-1)?.valueDeclaration;
  const isRest = last !== undefined && ts.isParameter(last) && last.dotDotDotToken !== undefined;
  const plain = isRest ? parameters.slice(0, -1) : parameters;
  const takes = plain.map((one) =>
    kindsOf(checker.getTypeOfSymbolAtLocation(one, source), source, checker, 0),
  );
  const needed = plain.filter(
    ({ valueDeclaration: one }) => !one.questionToken && one.initializer === undefined,
  ).length;
  return { least: needed, most: isRest ? null : plain.length, takes };
}

/** The kinds of literals that a type takes; null where that is not known. */
function kindsOf(type, source, checker, depth) {
  const parts = type.isUnion() ? type.types : [type];
  const kinds = new Set();
  const texts = new Set();
  let options = null;
  for (const part of parts) {
    const { flags } = part;
    if (flags & ts.TypeFlags.Undefined) continue;
    if (flags & ts.TypeFlags.NumberLike) kinds.add('number');
    else if (flags & ts.TypeFlags.StringLiteral) texts.add(part.value);
    else if (flags & ts.TypeFlags.StringLike) kinds.add('text');
    else if (flags & ts.TypeFlags.BooleanLike) kinds.add('boolean');
    else if (flags & ts.TypeFlags.Null) kinds.add('null');
    else if (!(flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection))) return null;
    else if (checker.isArrayType(part) || checker.isTupleType(part)) kinds.add('list');
    else if (part.getCallSignatures().length > 0) kinds.add('function');
    else {
      kinds.add('object');
      const names = isOptions(part, checker) ? optionsOf(part, source, checker, depth) : null;
      // Of several kinds of objects, any may be meant.
      options = options || !names ? {} : names;
    }
  }
  if (texts.size > MOST_TEXTS) kinds.add('text');
  return {
    kinds: [...kinds].sort(),
    ...(texts.size > 0 && !kinds.has('text') ? { texts: [...texts].sort() } : {}),
    ...(options && Object.keys(options).length > 0 ? { options } : {}),
  };
}

/** Whether a type is a record of named fields: no class, and no names that are the user's. */
const isOptions = (type, checker) =>
  !type.isClass() &&
  checker.getIndexInfosOfType(type).length === 0 &&
  checker.getPropertiesOfType(type).every((one) => one.getName() !== '__@iterator');

function optionsOf(type, source, checker, depth) {
  const fields = checker.getPropertiesOfType(type).map((field) => {
    const own = checker.getTypeOfSymbolAtLocation(field, source);
    return [
      field.getName(),
      depth + 1 < MOST_DEPTH ? kindsOf(own, source, checker, depth + 1) : null,
    ];
  });
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}
