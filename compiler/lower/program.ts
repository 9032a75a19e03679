import type { Graph, Module, ValueId } from '../../ir/graph.ts';
import type { Kernel } from '../../ir/kernel.ts';
import type { ScheduleTensor } from '../../ir/schedule.ts';
import { type Pass, scopeOfName } from '../../ir/source.ts';
import type { StoredType, TensorType } from '../../ir/tensor.ts';
import { type ConcatAlias, findConcatAliases } from './concat-aliases.ts';
import { rowMajor } from './destination.ts';
import type { Storage } from './emit.ts';
import { bindTensors } from './finalise.ts';
import { halfValues } from './half-values.ts';
import { inlinePoints } from './inlined-points.ts';
import type { LoopNest } from './loop-nest.ts';
import { pickTerms } from './picked-terms.ts';
import type { ScatterModel } from './scatter.ts';
import { decideStorage } from './storage.ts';
import { type Replacement, writeThrough } from './update.ts';
import { valueNames } from './value-names.ts';
import { KernelWriter } from './writers.ts';

/** Tensors of the schedule while programs are being lowered; parameters and state are shared by all programs. */
export class TensorTable {
  readonly tensors: ScheduleTensor[] = [];
  readonly persistent = new Map<string, number>();

  constructor(module: Module) {
    const trained = new Set(module.parameters.map(({ name }) => name));
    for (const { name, type, role, storage, source } of module.parameters) {
      // The optimiser's state belongs to the layer of its parameter.
      const owner = trained.has(scopeOfName(name)) ? scopeOfName(name) : name;
      this.persistent.set(
        name,
        this.add({
          name,
          shape: type.shape,
          dtype: storage ?? type.dtype,
          role,
          program: null,
          source,
          ...placeFields(scopeOfName(owner)),
        }),
      );
    }
  }

  add(tensor: ScheduleTensor): number {
    return this.tensors.push(tensor) - 1;
  }
}

const placeFields = (scope: string, pass?: Pass) => ({
  ...(scope === '' ? {} : { scope }),
  ...(pass ? { pass } : {}),
});

/** One program as kernels in an order that is correct when they run one after the other. */
export interface LoweredProgram {
  readonly nests: readonly LoopNest[];
  readonly inputs: readonly { readonly name: string; readonly tensor: number }[];
  readonly outputs: readonly { readonly name: string; readonly tensor: number }[];
}

export interface StorageOptions {
  /** Whether parts of a concatenation are tensors of their own, which memory actions can evict one by one. */
  readonly separateParts?: boolean;
  /** How to choose between forms of scatters; absent: what a processor does. */
  readonly scatters?: ScatterModel;
  /** Whether long reductions stay one kernel, which a later pass may cut in parts; else those to few results are cut here. */
  readonly wholeReductions?: boolean;
}

/**
 * Turns a graph into kernels, one per stored value: views and values without memory of their own are computed where
 * they are read. Works on demand from the results, so dead values make no kernels.
 */
export function lowerProgram(
  graph: Graph,
  program: number,
  table: TensorTable,
  options: StorageOptions = {},
): LoweredProgram {
  const lowering = new ProgramLowering(graph, program, table, options);
  const inputs = lowering.declare();
  lowering.compute();
  const outputs = graph.outputs.map(({ name, value }) => ({
    name,
    tensor: lowering.output(name, value),
  }));
  const replacements = lowering.update();
  const picked = lowering.nests.map(pickTerms);
  const inlined = inlinePoints(
    picked,
    (position) => picked[position] !== lowering.nests[position],
    (tensor) => table.tensors[tensor].role === 'activation',
  );
  const nests = writeThrough(inlined, replacements);
  return { nests: nests.map((nest) => withStored(nest, table.tensors)), inputs, outputs };
}

/** What a caller gets and what replaces a parameter or a state is f32. */
function storedHalves(graph: Graph): Uint8Array {
  const halves = halfValues(graph);
  for (const { value } of [...graph.outputs, ...graph.updates]) halves[value] = 0;
  return halves;
}

/** Says of loads and stores which tensors hold halves. */
function withStored(nest: LoopNest, tensors: readonly ScheduleTensor[]): LoopNest {
  const isHalf = (tensor: number) => tensors[tensor].dtype === 'f16';
  const nodes = nest.nodes.map((node) =>
    node.kind === 'load' && isHalf(node.buffer) ? { ...node, stored: 'f16' as const } : node,
  );
  const stores = nest.stores.map((store) =>
    isHalf(store.buffer) ? { ...store, stored: 'f16' as const } : store,
  );
  return { ...nest, nodes, stores };
}

class ProgramLowering implements Storage {
  readonly graph: Graph;
  readonly nests: LoopNest[] = [];
  readonly scatters: ScatterModel | null;
  readonly wholeReductions: boolean;
  private readonly program: number;
  private readonly table: TensorTable;
  private readonly names: readonly string[];
  private readonly stored: Uint8Array;
  /** By value: 1 where its memory holds halves. */
  private readonly halves: Uint8Array;
  private readonly aliases: readonly (ConcatAlias | undefined)[];
  private readonly writer: KernelWriter;
  /** By value: its tensor once kernels fill it, or -1. */
  private readonly tensors: Int32Array;
  /** By value: the tensor that is set aside for it, filled or not, or -1. */
  private readonly reserved: Int32Array;

  constructor(
    graph: Graph,
    program: number,
    table: TensorTable,
    { separateParts, scatters, wholeReductions = false }: StorageOptions,
  ) {
    this.graph = graph;
    this.program = program;
    this.table = table;
    this.scatters = scatters ?? null;
    this.wholeReductions = wholeReductions;
    this.names = valueNames(graph);
    this.stored = decideStorage(graph).stored;
    this.halves = storedHalves(graph);
    this.aliases = separateParts
      ? []
      : findConcatAliases(graph, this.stored, (value) => this.typeOf(value).dtype);
    this.tensors = new Int32Array(graph.nodes.length).fill(-1);
    this.reserved = new Int32Array(graph.nodes.length).fill(-1);
    this.writer = new KernelWriter(this, this.nests);
  }

  tensorOf(value: ValueId): number {
    return this.tensors[value];
  }

  offsetOf(value: ValueId): number {
    return this.aliases[value]?.offset ?? 0;
  }

  aliasOf(value: ValueId): ConcatAlias | undefined {
    return this.aliases[value];
  }

  isStored(value: ValueId): boolean {
    return this.tensors[value] >= 0 || this.stored[value] === 1;
  }

  materialise(value: ValueId): number {
    if (this.tensors[value] < 0) {
      const tensor = this.reserve(this.aliases[value]?.concat ?? value);
      const { shape } = this.graph.nodes[value].type;
      this.writer.write(value, rowMajor(tensor, shape, this.offsetOf(value)));
      this.tensors[value] = tensor;
    }
    return this.tensors[value];
  }

  kernelsOf(nests: readonly LoopNest[]): readonly Kernel[] {
    const { tensors } = this.table;
    return nests.map((nest) => ({
      name: '',
      ...bindTensors(withStored(nest, tensors), tensors).kernel,
    }));
  }

  temporary(value: ValueId, type: TensorType): number {
    return this.add(`${this.names[value]}.partial`, value, 'activation', type);
  }

  /** Gives inputs and parameters their tensors. */
  declare(): LoweredProgram['inputs'] {
    const inputs: { name: string; tensor: number }[] = [];
    this.graph.nodes.forEach((node, value) => {
      if (node.op === 'input') {
        const { name } = node.attributes;
        this.tensors[value] = this.add(name, value, 'input');
        inputs.push({ name, tensor: this.tensors[value] });
      } else if (node.op === 'parameter') {
        this.tensors[value] = this.table.persistent.get(node.attributes.name)!;
      }
    });
    return inputs;
  }

  compute(): void {
    for (let value = 0; value < this.graph.nodes.length; value++)
      if (this.stored[value]) this.materialise(value);
  }

  /** A tensor that only the caller reads: results stay whatever the program does with the value afterwards. */
  output(name: string, value: ValueId): number {
    const tensor = this.add(name, value, 'output');
    this.writer.writeOrCopy(value, rowMajor(tensor, this.graph.nodes[value].type.shape));
    return tensor;
  }

  /** New values of parameters and state are finished first and copied last, so that every kernel reads the old ones. */
  update(): Replacement[] {
    const replacements: Replacement[] = [];
    for (const { parameter, value } of this.graph.updates) {
      const tensor = this.table.persistent.get(parameter)!;
      let temporary = this.materialise(value);
      if (temporary === tensor) continue;
      if (this.table.tensors[temporary].program === null) {
        // The old value of another parameter: keep it aside before anything is replaced.
        const aside = this.add(`${this.names[value]}.old.${tensor}`, value, 'activation');
        this.writer.copy(temporary, aside, value);
        temporary = aside;
      }
      replacements.push({ temporary, tensor, value });
    }
    for (const { temporary, tensor, value } of replacements)
      this.writer.copy(temporary, tensor, value);
    return replacements;
  }

  /** What holds a value that has memory of its own. */
  private typeOf(value: ValueId): StoredType {
    const { type } = this.graph.nodes[value];
    return this.halves[value] ? { ...type, dtype: 'f16' } : type;
  }

  private reserve(value: ValueId): number {
    if (this.reserved[value] < 0)
      this.reserved[value] = this.add(this.names[value], value, 'activation', this.typeOf(value));
    return this.reserved[value];
  }

  private add(
    name: string,
    value: ValueId,
    role: ScheduleTensor['role'],
    type: StoredType = this.graph.nodes[value].type,
  ): number {
    const origin = this.graph.sources[this.graph.nodes[value].source];
    return this.table.add({
      name: `${this.graph.name}/${name}`,
      ...type,
      role,
      program: this.program,
      source: origin?.span ?? null,
      ...placeFields(origin?.scope ?? '', origin?.pass),
    });
  }
}
