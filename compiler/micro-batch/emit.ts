import type { Graph, GraphBuilder, Node, ValueId } from '../../ir/graph.ts';
import { inferType, isScalarOp, type OpAttributes, type OpName } from '../../ir/ops.ts';
import { builderFor } from '../rewrite.ts';
import { type Classification, phaseOfWhole } from './classify.ts';
import { digitShape, type Layout, partShape } from './layout.ts';

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
  for (const { parameter, value } of graph.updates)
    builder.updates.push({ parameter, value: emitter.whole(value) });
  return builder.finish();
}

function findWanted({ graph, classes, fromInputs, local }: Classification): Wanted {
  const { nodes, outputs, updates } = graph;
  const parts = new Uint8Array(nodes.length);
  const whole = new Uint8Array(nodes.length);
  const isPartial = (value: ValueId) => classes[value].kind === 'partial';
  for (const { value } of [...outputs, ...updates]) whole[value] = 1;
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
    for (const operand of node.operands) {
      const { kind } = classes[operand];
      if (kind === 'cut') continue;
      const isContribution = own.kind === 'partial' && !own.reading && kind === 'partial';
      if (isContribution) parts[operand] = 1;
      else if (!local[operand]) whole[operand] = 1;
    }
  }
  return { parts, whole };
}

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
    if (!reading && own.kind === 'cut')
      return this.slice(this.whole(value), value, own.layout, part);
    const operands = node.operands.map((operand, k) =>
      reading
        ? this.piece(operand, reading.operands[k], part)
        : (this.partImages[operand][part] ?? this.whole(operand)),
    );
    return this.append(node.op, operands, reading?.attributes ?? node.attributes, source);
  }

  /** A value as a part reads it: cut by a layout, or as a whole where that is null. */
  private piece(value: ValueId, layout: Layout | null, part: number): ValueId {
    const own = this.classification.classes[value];
    if (own.kind === 'cut') return this.partImages[value][part];
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
    return this.slice(this.uncut(value, part), value, layout, part);
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
