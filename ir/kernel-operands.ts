import type { Expression, NodeIndex, Store } from './kernel.ts';

/** Applies `renumber` to every reference from an expression to another node. */
export function mapOperands(
  node: Expression,
  renumber: (node: NodeIndex) => NodeIndex,
): Expression {
  switch (node.kind) {
    case 'load':
      return node.indirect
        ? { ...node, indirect: { ...node.indirect, node: renumber(node.indirect.node) } }
        : node;
    case 'apply':
      return { ...node, operands: node.operands.map(renumber) };
    case 'random':
      return { ...node, step: renumber(node.step) };
    case 'constant':
    case 'index':
    case 'inBounds':
    case 'accumulator':
      return node;
  }
}

/** Applies `renumber` to every reference from a store to a node. */
export function mapStored(store: Store, renumber: (node: NodeIndex) => NodeIndex): Store {
  const { value, indirect } = store;
  const row = indirect && { indirect: { ...indirect, node: renumber(indirect.node) } };
  return { ...store, value: renumber(value), ...row };
}
