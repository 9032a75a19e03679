import { parseEquation } from '../../ir/einsum.ts';
import type { Graph, GraphBuilder, Node, ValueId } from '../../ir/graph.ts';
import { inferType, isScalarOp, type OpAttributes, type OpName } from '../../ir/ops.ts';
import { builderFor } from '../rewrite.ts';
import { type Class, type Classification, phaseOfWhole } from './classify.ts';
import { digitShape, type Layout, partShape, reshapedLayout, sameLayout } from './layout.ts';

/** Which values are wanted of all parts, and which as a whole. */
interface Wanted {
  readonly parts: Uint8Array;
  readonly whole: Uint8Array;
}

/**
 * The graph in parts, part after part. Contributions are added as soon as they are there, so that the accumulator is all that
 * stays of a part. What results and updates need is computed once all parts are done.
 */
export function emitParts(classification: Classification): Graph {
  const { graph, parts, classes } = classification;
  const builder = builderFor(graph);
  const wanted = findWanted(classification);
  const emitter = new PartEmitter(classification, builder, wanted);
  const last = classes.reduce((most, { phase }) => Math.max(most, phase), 0);
  for (let phase = 0; phase <= last; phase++)
    for (let part = 0; part < parts; part++) emitter.emitPart(phase, part);
  // In the order of the graph, so that none of them leads far back.
  for (let value = 0; value < graph.nodes.length; value++)
    if (wanted.whole[value]) emitter.whole(value);
  for (const { name, value } of graph.outputs)
    builder.outputs.push({ name, value: emitter.whole(value) });
  for (const { parameter, value } of graph.updates) {
    if (classification.seeds.op === 'parameter' && classification.seeds.names.has(parameter))
      for (let part = 0; part < parts; part++)
        builder.updates.push({
          parameter: pieceName(parameter, part),
          value: emitter.update(value, part),
        });
    else builder.updates.push({ parameter, value: emitter.whole(value) });
  }
  return builder.finish();
}

/** The name of one part of a parameter. */
export const pieceName = (parameter: string, part: number): string =>
  `${parameter}.part${part + 1}`;

function findWanted({ graph, seeds, classes, fromInputs, local }: Classification): Wanted {
  const { nodes, outputs } = graph;
  const updates = graph.updates.filter(
    ({ parameter }) => seeds.op === 'input' || !seeds.names.has(parameter),
  );
  const parts = new Uint8Array(nodes.length);
  const whole = new Uint8Array(nodes.length);
  const isPartial = (value: ValueId) => classes[value].kind === 'partial';
  for (const { value } of [...outputs, ...updates]) whole[value] = 1;
  const pushed = new Uint8Array(nodes.length);
  /** As a whole, unless a piece of it is computed of pieces. */
  const want = (value: ValueId, asPiece: boolean) => {
    if (!asPiece || !isComputedInParts(nodes[value], classes[value])) {
      if (classes[value].kind !== 'cut') whole[value] = 1;
    } else if (!pushed[value]) {
      pushed[value] = 1;
      for (const operand of nodes[value].operands) want(operand, true);
    }
  };
  for (const { parameter, value } of graph.updates)
    if (seeds.op === 'parameter' && seeds.names.has(parameter)) want(value, true);
  for (let value = nodes.length - 1; value >= 0; value--) {
    const node = nodes[value];
    const own = classes[value];
    if (own.kind === 'cut') parts[value] = 1;
    if (own.kind === 'partial' && own.reading) parts[value] = 1;
    if (own.kind === 'partial' && !own.reading) {
      // A sum of contributions is one accumulator for all of them; any other function is computed once, of what has been added.
      const joins = node.operands.filter(isPartial).length > 1 && whole[value] === 1;
      if (joins) parts[value] = 1;
    }
    const computedWhole =
      own.kind === 'whole' ||
      (fromInputs[value] === 1 && whole[value] === 1) ||
      (own.kind === 'partial' && !parts[value]);
    if (computedWhole && whole[value]) for (const operand of node.operands) whole[operand] = 1;
    if (!parts[value] || own.kind === 'whole') continue;
    for (const [k, operand] of node.operands.entries()) {
      const { kind } = classes[operand];
      if (kind === 'cut') continue;
      const isContribution = own.kind === 'partial' && !own.reading && kind === 'partial';
      if (isContribution) parts[operand] = 1;
      else if (!local[operand]) want(operand, own.reading?.operands[k] != null);
    }
  }
  return { parts, whole };
}

/** Whether a value that a part reads a piece of need not be there as a whole. */
const isComputedInParts = ({ op }: Node, { kind }: Class): boolean =>
  kind === 'whole' && (isScalarOp(op) || ['contract', 'transpose', 'reshape'].includes(op));

class PartEmitter {
  private readonly classification: Classification;
  private readonly builder: GraphBuilder;
  private readonly wanted: Wanted;
  /** By value: its image in every part. */
  private readonly partImages: ValueId[][];
  private readonly wholes: ValueId[];
  private readonly sums: ValueId[];
  private readonly pieces = new Map<string, ValueId>();

  constructor(classification: Classification, builder: GraphBuilder, wanted: Wanted) {
    this.classification = classification;
    this.builder = builder;
    this.wanted = wanted;
    const { length } = classification.graph.nodes;
    this.partImages = Array.from({ length }, () => []);
    this.wholes = new Array(length).fill(-1);
    this.sums = new Array(length).fill(-1);
  }

  /** Everything of one part that is in a phase. */
  emitPart(phase: number, part: number): void {
    const { graph, classes, fromInputs } = this.classification;
    for (let value = 0; value < graph.nodes.length; value++) {
      const own = classes[value];
      if (own.kind === 'whole' || own.phase !== phase || !this.wanted.parts[value]) continue;
      const image = this.computePart(value, part);
      this.partImages[value][part] = image;
      if (own.kind !== 'partial' || !this.wanted.whole[value] || fromInputs[value]) continue;
      const { source } = graph.nodes[value];
      this.sums[value] =
        part === 0 ? image : this.append(own.combine, [this.sums[value], image], {}, source);
    }
  }

  private computePart(value: ValueId, part: number): ValueId {
    const { graph, classes } = this.classification;
    const node = graph.nodes[value];
    const own = classes[value];
    const source = this.partSource(node, part);
    const reading = own.kind === 'whole' ? null : own.reading;
    if (!reading && own.kind === 'cut') return this.seed(value, own.layout, part);
    const operands = node.operands.map((operand, k) =>
      reading
        ? this.piece(operand, reading.operands[k], part)
        : (this.partImages[operand][part] ?? this.whole(operand)),
    );
    return this.append(node.op, operands, reading?.attributes ?? node.attributes, source);
  }

  private seed(value: ValueId, layout: Layout, part: number): ValueId {
    const node = this.classification.graph.nodes[value];
    if (node.op !== 'parameter') return this.slice(this.whole(value), value, layout, part);
    const name = pieceName(node.attributes.name, part);
    const type = { ...node.type, shape: partShape(node.type.shape, layout) };
    return this.builder.append('parameter', [], { name }, type, node.source);
  }

  /** The new value of one part of a parameter. */
  update(value: ValueId, part: number): ValueId {
    const { graph, parts } = this.classification;
    const inner = graph.nodes[value].type.shape[0] / parts;
    return this.piece(value, { axis: 0, outer: 1, inner }, part);
  }

  /** A value as a part reads it: cut by a layout, or as a whole where that is null. */
  private piece(value: ValueId, layout: Layout | null, part: number): ValueId {
    const own = this.classification.classes[value];
    if (own.kind === 'cut' && layout && sameLayout(own.layout, layout))
      return this.partImages[value][part];
    const key = `${value} ${part} ${layout ? `${layout.axis} ${layout.outer} ${layout.inner}` : ''}`;
    let image = this.pieces.get(key);
    if (image === undefined) {
      image = layout ? this.cutPiece(value, layout, part) : this.uncut(value, part);
      this.pieces.set(key, image);
    }
    return image;
  }

  /** Elementwise functions and broadcasts are computed of cut operands, so that none of them is ever there as a whole. */
  private cutPiece(value: ValueId, layout: Layout, part: number): ValueId {
    const node = this.classification.graph.nodes[value];
    const source = this.partSource(node, part);
    const { shape } = node.type;
    const isComputed = this.classification.classes[value].kind === 'whole';
    if (isComputed && node.op === 'constant')
      return this.append(
        'constant',
        [],
        { ...node.attributes, shape: partShape(shape, layout) },
        source,
      );
    if (isComputed && isScalarOp(node.op))
      return this.append(
        node.op,
        node.operands.map((operand) => this.piece(operand, layout, part)),
        {},
        source,
      );
    if (isComputed && node.op === 'broadcast') {
      const { axes } = node.attributes;
      const [operand] = node.operands;
      const from = this.classification.graph.nodes[operand].type.shape;
      const axis = axes.indexOf(layout.axis);
      const below = axis >= 0 && from[axis] > 1 ? { ...layout, axis } : null;
      const attributes = { shape: partShape(shape, layout), axes };
      return this.append('broadcast', [this.piece(operand, below, part)], attributes, source);
    }
    return (
      (isComputed && !this.wanted.whole[value] ? this.pushed(node, layout, part) : null) ??
      this.slice(this.uncut(value, part), value, layout, part)
    );
  }

  /** A contraction or a view that is wanted in parts alone, of operands in parts; null where that is not possible. */
  private pushed(node: Node, layout: Layout, part: number): ValueId | null {
    const source = this.partSource(node, part);
    const [operand] = node.operands;
    if (node.op === 'contract') {
      const equation = parseEquation(node.attributes.equation);
      if ('reason' in equation) return null;
      const letter = equation.output[layout.axis];
      const layouts = equation.operands.map((term) =>
        term.includes(letter) ? { ...layout, axis: term.indexOf(letter) } : null,
      );
      if (equation.operands.some((term) => term.indexOf(letter) !== term.lastIndexOf(letter)))
        return null;
      const operands = node.operands.map((one, k) => this.piece(one, layouts[k], part));
      return this.append('contract', operands, node.attributes, source);
    }
    const { shape } = node.type;
    if (node.op === 'transpose') {
      const below = { ...layout, axis: node.attributes.permutation[layout.axis] };
      const image = this.piece(operand, below, part);
      return this.append('transpose', [image], node.attributes, source);
    }
    if (node.op === 'reshape') {
      const { graph, parts } = this.classification;
      const below = reshapedLayout(shape, layout, graph.nodes[operand].type.shape, parts);
      if (!below) return null;
      const image = this.piece(operand, below, part);
      return this.append('reshape', [image], { shape: partShape(shape, layout) }, source);
    }
    return null;
  }

  /** A value as a whole; where a part takes it from its own examples, what these alone would make of it. */
  private uncut(value: ValueId, part: number): ValueId {
    const { graph, classes, fromInputs, local, parts } = this.classification;
    const own = classes[value];
    if (!local[value] || phaseOfWhole(own, fromInputs[value] === 1) === 0) return this.whole(value);
    const node = graph.nodes[value];
    const source = this.partSource(node, part);
    const contribution = this.partImages[value][part];
    if (own.kind === 'partial' && contribution !== undefined) {
      if (own.combine !== 'add') return contribution;
      const times = this.append('constant', [], { ...node.type, value: parts }, source);
      return this.append('mul', [contribution, times], {}, source);
    }
    const operands = node.operands.map((operand) => this.piece(operand, null, part));
    return this.append(node.op, operands, node.attributes, source);
  }

  /** A value for the whole batch. */
  whole(value: ValueId): ValueId {
    if (this.wholes[value] < 0) this.wholes[value] = this.computeWhole(value);
    return this.wholes[value];
  }

  private computeWhole(value: ValueId): ValueId {
    const { graph, classes, fromInputs } = this.classification;
    const node = graph.nodes[value];
    const own = classes[value];
    if (!fromInputs[value]) {
      if (own.kind === 'cut') return this.joined(value, own.layout);
      if (this.sums[value] >= 0) return this.sums[value];
    }
    const operands = node.operands.map((operand) => this.whole(operand));
    return this.builder.append(node.op, operands, node.attributes, node.type, node.source);
  }

  private joined(value: ValueId, layout: Layout): ValueId {
    const { nodes } = this.classification.graph;
    const { source, type } = nodes[value];
    const images = this.partImages[value];
    const { axis, outer, inner } = layout;
    if (outer === 1) return this.append('concat', images, { axis }, source);
    const apart = digitShape(partShape(type.shape, layout), { axis, outer, inner }, 1);
    const digits = images.map((image) => this.append('reshape', [image], { shape: apart }, source));
    const whole = this.append('concat', digits, { axis: axis + 1 }, source);
    return this.append('reshape', [whole], { shape: type.shape }, source);
  }

  private slice(image: ValueId, value: ValueId, layout: Layout, part: number): ValueId {
    const { graph, parts } = this.classification;
    const node = graph.nodes[value];
    const { shape } = node.type;
    const source = this.partSource(node, part);
    const { axis, outer, inner } = layout;
    const starts = shape.map(() => 0);
    if (outer === 1) {
      const attributes = {
        starts: starts.with(axis, part * inner),
        sizes: shape.with(axis, inner),
      };
      return this.append('slice', [image], attributes, source);
    }
    const digits = digitShape(shape, layout, parts);
    const apart = this.append('reshape', [image], { shape: digits }, source);
    const attributes = {
      starts: digits.map((_, k) => (k === axis + 1 ? part : 0)),
      sizes: digits.with(axis + 1, 1),
    };
    const cut = this.append('slice', [apart], attributes, source);
    return this.append('reshape', [cut], { shape: partShape(shape, layout) }, source);
  }

  /** Where a part of a node comes from: `relu.2` is its image in the second part. */
  private partSource(node: Node, part: number): number {
    const { builder } = this;
    const origin = builder.sources[node.source];
    if (!origin || origin.name === '') return node.source;
    return builder.source(origin.span, { ...origin, name: `${origin.name}.of${part + 1}` });
  }

  private append<Op extends OpName>(
    op: Op,
    operands: readonly ValueId[],
    attributes: OpAttributes[Op] | OpAttributes[OpName],
    source: number,
  ): ValueId {
    const types = operands.map((operand) => this.builder.typeOf(operand));
    const type = inferType(op, types, attributes);
    if ('reason' in type) throw new Error(`a part is an ill-typed ${op}: ${type.reason}`);
    return this.builder.append(op, operands, attributes as OpAttributes[Op], type, source);
  }
}
