// Rewrites loops over arrays, and patterns that take arrays apart, as loops over indices and elements. A build runs most of its code a few
// times, before V8 optimises it, and till then each element of `for … of` and of `const [a, b]` is a call and an object. Types say what is an
// array; iterators of all others stay.
import { dirname } from 'node:path';
import ts from 'typescript';
import { applied } from './edits.mjs';

/** A plugin of rolldown's that rewrites the files of a TypeScript project. */
export function plainLoops(configFile) {
  const { config } = ts.readConfigFile(configFile, ts.sys.readFile);
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, dirname(configFile));
  const program = ts.createProgram(fileNames, { ...options, noEmit: true });
  const checker = program.getTypeChecker();
  return {
    name: 'plain-loops',
    transform(_, id) {
      const file = program.getSourceFile(id);
      return file && !file.isDeclarationFile ? rewritten(file, checker) : null;
    },
  };
}

/** The text of a file with plain loops. */
export function rewritten(file, checker) {
  const edits = [];
  let count = 0;
  const replace = (start, end, text) => edits.push({ start, end, text });
  const insert = (at, text) => replace(at, at, text);
  const nameOf = (kind) => `__${kind}${count++}`;
  const isArray = (node) => isArrayType(checker.getTypeAtLocation(node), checker);
  const textOf = (node) => file.text.slice(node.getStart(file), node.end);

  /** Declarations of what a pattern takes from an array; null where it is not that plain. */
  const taken = (pattern, array) => {
    const parts = pattern.elements.map((element, k) => {
      if (ts.isOmittedExpression(element)) return '';
      if (element.initializer) return null;
      if (element.dotDotDotToken) return `${textOf(element.name)} = ${array}.slice(${k})`;
      return `${textOf(element.name)} = ${array}[${k}]`;
    });
    return parts.includes(null) ? null : parts.filter((part) => part !== '');
  };

  /** Declarations of what a loop binds to an element; the pattern of an element that is an array is taken apart too. */
  const bound = (name, element, isElementArray) => {
    if (!ts.isArrayBindingPattern(name) || !isElementArray) return [`${textOf(name)} = ${element}`];
    const whole = nameOf('e');
    const parts = taken(name, whole);
    return parts === null ? [`${textOf(name)} = ${element}`] : [`${whole} = ${element}`, ...parts];
  };

  const loop = (node) => {
    if (node.awaitModifier || !ts.isVariableDeclarationList(node.initializer)) return;
    const [{ name }] = node.initializer.declarations;
    const way = wayThrough(node.expression, name, isArray);
    if (!way) return takeApart(node, name);
    const [index, array] = [nameOf('i'), nameOf('a')];
    const element = `${array}[${index}]`;
    const declared = way.declared({
      index,
      element,
      bound: (part) => bound(part, element, isArray(part)),
    });
    const keyword = node.initializer.flags & ts.NodeFlags.Const ? 'const' : 'let';
    replace(
      node.initializer.getStart(file),
      way.array.getStart(file),
      `let ${index} = 0, ${array} = `,
    );
    replace(way.array.end, node.expression.end, `; ${index} < ${array}.length; ${index}++`);
    const start = declared.length > 0 ? `${keyword} ${declared.join(', ')}; ` : '';
    insert(node.statement.getStart(file), `{ ${start}`);
    insert(node.statement.end, ' }');
  };

  /** Of a loop over something else, such as a map, the elements that are arrays. */
  const takeApart = (node, name) => {
    if (!ts.isArrayBindingPattern(name) || !isArray(name)) return;
    const whole = nameOf('e');
    const parts = taken(name, whole);
    if (!parts || parts.length === 0) return;
    const keyword = node.initializer.flags & ts.NodeFlags.Const ? 'const' : 'let';
    replace(name.getStart(file), name.end, whole);
    insert(node.statement.getStart(file), `{ ${keyword} ${parts.join(', ')}; `);
    insert(node.statement.end, ' }');
  };

  const declaration = (node) => {
    const { name, initializer, parent } = node;
    const statement = parent.parent;
    const isLoop = !ts.isVariableStatement(statement);
    if (isLoop || ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Export) return;
    if (!initializer || !ts.isArrayBindingPattern(name) || !isArray(initializer)) return;
    const whole = nameOf('d');
    const parts = taken(name, whole);
    if (!parts) return;
    replace(name.getStart(file), name.end, whole);
    insert(node.end, parts.map((part) => `, ${part}`).join(''));
  };

  const parameters = (node) => {
    if (!node.body || node.parameters.some(({ initializer }) => initializer)) return;
    const declared = node.parameters.flatMap((parameter) => {
      const { name } = parameter;
      if (!ts.isArrayBindingPattern(name) || parameter.dotDotDotToken || !isArray(parameter))
        return [];
      const whole = nameOf('p');
      const parts = taken(name, whole);
      if (!parts) return [];
      replace(name.getStart(file), name.end, whole);
      return parts;
    });
    if (declared.length === 0) return;
    const text = `const ${declared.join(', ')};`;
    if (ts.isBlock(node.body)) return insert(node.body.getStart(file) + 1, ` ${text}`);
    insert(node.body.getStart(file), `{ ${text} return (`);
    insert(node.body.end, '); }');
  };

  const visit = (node) => {
    if (ts.isForOfStatement(node)) loop(node);
    else if (ts.isVariableDeclaration(node)) declaration(node);
    else if (ts.isFunctionLike(node) && !node.asteriskToken) parameters(node);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return applied(file.text, edits);
}

/**
 * How a loop goes through an array by its index, and what it declares then; null where it does not. `entries()` and `keys()` are indices
 * too.
 */
function wayThrough(expression, name, isArray) {
  const method =
    ts.isCallExpression(expression) &&
    expression.arguments.length === 0 &&
    ts.isPropertyAccessExpression(expression.expression) &&
    !expression.expression.questionDotToken &&
    isArray(expression.expression.expression)
      ? expression.expression
      : null;
  if (method?.name.text === 'keys' && ts.isIdentifier(name))
    return { array: method.expression, declared: ({ index }) => [`${name.text} = ${index}`] };
  if (method?.name.text === 'entries') {
    if (!ts.isArrayBindingPattern(name)) return null;
    const [key, value, ...more] = name.elements;
    const isPlain = (part) =>
      part === undefined ||
      ts.isOmittedExpression(part) ||
      !(part.initializer || part.dotDotDotToken);
    if (more.length > 0 || !isPlain(key) || !isPlain(value)) return null;
    const isNamed = (part) => part !== undefined && !ts.isOmittedExpression(part);
    return {
      array: method.expression,
      declared: ({ index, bound }) => [
        ...(isNamed(key) ? [`${key.name.text} = ${index}`] : []),
        ...(isNamed(value) ? bound(value.name) : []),
      ],
    };
  }
  return isArray(expression) ? { array: expression, declared: ({ bound }) => bound(name) } : null;
}

const TYPED = /^(?:Int|Uint|Float|Big(?:Int|Uint))(?:8|16|32|64)(?:Clamped)?Array$/;

function isArrayType(type, checker) {
  if (type.isUnion()) return type.types.every((one) => isArrayType(one, checker));
  return (
    checker.isArrayType(type) ||
    checker.isTupleType(type) ||
    TYPED.test(type.getSymbol()?.getName() ?? '')
  );
}
