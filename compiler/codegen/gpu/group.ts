import { STORAGE_TYPES, type StorageType } from '../../../ir/dtypes.ts';
import type { Kernel, KernelPart } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { boundPlaces, SPAN_UNIT_BYTES, spanEnd } from '../../../ir/spans.ts';
import { unnamed } from '../unnamed.ts';
import type { Dialect, ModuleParts, WorkgroupArray } from './dialect.ts';
import { familiesOf } from './families.ts';
import { type GroupVariant, sizedPart } from './group-variant.ts';
import { foldGrid, type GpuModule } from './module.ts';
import { type Variant, variantText } from './variant.ts';

// Kernels that share a dispatch: the first workgroups run the first part, the next ones the second, and so on. Which part a workgroup
// runs is the same for all of its invocations, so barriers inside of parts stay legal. Every part computes what it computes alone,
// in its variant; only the number of outputs to a workgroup of a reduction, and the numbers that invocations go by, follow the
// size of the workgroups that all have in common.

/** The group over what is bound: a span is one buffer, in which the places of the parts are. */
function overBindings(group: Kernel): Kernel {
  const { buffers, parts = [], spans, ...rest } = group;
  if (!spans) return group;
  const { bindings, places } = boundPlaces(buffers.length, spans);
  return {
    ...rest,
    buffers: bindings.map((members) => {
      const own = members.map(({ buffer }) => buffers[buffer]);
      return {
        dtype: own[0].dtype,
        access: own.every(({ access }) => access === 'read') ? 'read' : 'read_write',
        elements: spanEnd(
          members,
          (buffer) => buffers[buffer].elements,
          SPAN_UNIT_BYTES / STORAGE_TYPES[own[0].dtype].bytes,
        ),
      };
    }),
    parts: parts.map(({ kernel, places: own }) => ({
      kernel,
      places: own.map(({ buffer, start }) => ({
        buffer: places[buffer].binding,
        start: places[buffer].start + start,
      })),
    })),
  };
}

/** What a part has in a module of its own, whatever group it is in. */
type PartFacts = Pick<ModuleParts, 'buffers' | 'workgroupArrays'>;

/** Facts of parts by kernel and variant, for groups that are made in one dialect within the same limits. */
export type KnownParts = Map<Kernel, Map<string, PartFacts>>;

/** A module for all parts of a kernel; `emitAlone` makes that of one. */
export function emitGroup(
  dialect: Dialect,
  given: Kernel,
  { workgroupSize, parts: variants }: GroupVariant,
  limits: TargetLimits,
  emitAlone: (
    dialect: Dialect,
    kernel: Kernel,
    variant: Variant,
    limits: TargetLimits,
  ) => GpuModule,
  known: KnownParts,
): GpuModule {
  const group = overBindings(given);
  if (group.parts?.length !== variants.length)
    throw new Error(`internal error: kernel '${group.name}' has no ${variants.length} parts`);
  const made = group.parts.map((part, p): PartModule => {
    const variant = sizedPart(variants[p], workgroupSize);
    return { part, variant, code: (own) => emitAlone(own, part.kernel, variant, limits) };
  });
  const plain = made.map((one) => factsOf(dialect, one, known));
  const quads = group.buffers.map((_, b) =>
    made.some(({ part }, p) =>
      part.places.some(({ buffer }, own) => buffer === b && plain[p].buffers[own].quads),
    ),
  );
  const arrays = sharedArrays(plain.map(({ workgroupArrays }) => workgroupArrays));
  const final = made.map((one, p) =>
    captured(dialect, one, {
      // The module's own buffers have names like those of arrays that invocations have by themselves.
      array: (name) => arrays.names[p].get(name) ?? (isBuffer(name) ? `own_${name}` : name),
      inQuads: (buffer) => quads[buffer],
      allStarts: given.spans !== undefined,
    }),
  );
  const bodies = final.map(({ parts }, p) => renamed(parts.body, parts, p, arrays.names[p]));
  const { body, groups } = dispatchLines(dialect, final, bodies, workgroupSize, limits);
  const grid = foldGrid(groups, limits.maxWorkgroupsPerDimension);
  const code = dialect.module({
    buffers: group.buffers.map(({ dtype, access }, b) => ({ dtype, access, quads: quads[b] })),
    library: [...new Set(final.flatMap(({ helpers }) => helpers))]
      .map((helper) => `${dialect.library[helper].text}\n`)
      .join(''),
    workgroupArrays: arrays.all,
    functions: final.flatMap(({ parts }, p) =>
      parts.functions.map((one) => ({
        ...one,
        name: `${one.name}_part${p}`,
        body: renamed(one.body, parts, p, arrays.names[p]),
      })),
    ),
    body,
    workgroupSize,
    grid,
    exchanges: final.some(({ parts }) => parts.exchanges),
    matrices: final.some(({ parts }) => parts.matrices),
  });
  return { code, grid };
}

interface PartModule {
  readonly part: KernelPart;
  readonly variant: Variant;
  readonly code: (dialect: Dialect) => GpuModule;
}

/** What stands for names of a part in the module of its group. */
interface PartNames {
  readonly array: (name: string) => string;
  readonly inQuads: (buffer: number) => boolean;
  /** Whether a start of 0 is written too, so that parts which lie elsewhere have the same statements. */
  readonly allStarts: boolean;
}

const sameNames: PartNames = {
  ...{ array: (name) => name, inQuads: () => false, allStarts: false },
};

function factsOf(dialect: Dialect, one: PartModule, known: KnownParts): PartFacts {
  const kernel = unnamed(one.part.kernel);
  const byVariant = known.get(kernel) ?? new Map<string, PartFacts>();
  known.set(kernel, byVariant);
  const text = variantText(one.variant);
  const facts = byVariant.get(text) ?? captured(dialect, one, sameNames).parts;
  byVariant.set(text, facts);
  return facts;
}

interface Captured {
  readonly parts: ModuleParts;
  /** Functions of the library that it uses, those needed before those that need them. */
  readonly helpers: readonly string[];
}

/** What a part would put into a module of its own, with its accesses led to the buffers of the group. */
function captured(dialect: Dialect, { part, code }: PartModule, names: PartNames): Captured {
  let parts: ModuleParts | null = null;
  const module: Dialect['module'] = (given) => {
    parts = given;
    return '';
  };
  const library = Object.fromEntries(
    Object.entries(dialect.library).map(([helper, row]) => [helper, { ...row, text: helper }]),
  );
  code({ ...dialect, ...ledAccesses(dialect, part, names), library, module });
  const { library: used } = parts! as ModuleParts;
  return { parts: parts!, helpers: used.split('\n').filter((helper) => helper !== '') };
}

/** Whether a name is one of a buffer or of a stage's array. */
const isBuffer = (name: string) => /^b\d+$/.test(name);

type Accesses = Pick<
  Dialect,
  | 'array'
  | 'load'
  | 'store'
  | 'accumulate'
  | 'loadQuad'
  | 'storeQuad'
  | 'loadLane'
  | 'storeLane'
  | 'accumulateLane'
>;

function ledAccesses(dialect: Dialect, { places }: KernelPart, names: PartNames): Accesses {
  const placeOf = (name: string, address: string) => {
    const place = places[Number(name.slice(1))];
    if (!place) return { array: names.array(name), at: address, quads: false };
    const at = place.start === 0 && !names.allStarts ? address : `${place.start} + ${address}`;
    return { array: `b${place.buffer}`, at, quads: names.inQuads(place.buffer) };
  };
  const led =
    <Value extends readonly string[]>(
      print: (dtype: StorageType, array: string, address: string, ...value: Value) => string,
    ): typeof print =>
    (dtype, name, address, ...value) => {
      const { array, at } = placeOf(name, address);
      return print(dtype, array, at, ...value);
    };
  return {
    array: (type, name, values) =>
      dialect.array(type, isBuffer(name) ? names.array(name) : name, values),
    load: (dtype, name, address) => {
      const { array, at, quads } = placeOf(name, address);
      return (quads ? dialect.loadLane : dialect.load)(dtype, array, at);
    },
    store: (dtype, name, address, value) => {
      const { array, at, quads } = placeOf(name, address);
      return (quads ? dialect.storeLane : dialect.store)(dtype, array, at, value);
    },
    accumulate: (dtype, name, address, value) => {
      const { array, at, quads } = placeOf(name, address);
      return (quads ? dialect.accumulateLane : dialect.accumulate)(dtype, array, at, value);
    },
    loadQuad: led(dialect.loadQuad),
    storeQuad: led(dialect.storeQuad),
    loadLane: led(dialect.loadLane),
    storeLane: led(dialect.storeLane),
    accumulateLane: led(dialect.accumulateLane),
  };
}

/** Workgroups run one part, so the arrays of all parts can share their memory: those of one type, one by one. */
export function sharedArrays(parts: readonly (readonly WorkgroupArray[])[]) {
  const all = new Map<string, WorkgroupArray>();
  const names = parts.map((arrays) => {
    const seen = new Map<string, number>();
    return new Map(
      arrays.map(({ name, type, length }) => {
        const k = seen.get(type) ?? 0;
        seen.set(type, k + 1);
        const shared = `shared_${type}_${k}`;
        const most = Math.max(length, all.get(shared)?.length ?? 0);
        all.set(shared, { name: shared, type, length: most });
        return [name, shared] as const;
      }),
    );
  });
  return { all: [...all.values()], names };
}

/** Statements of a part with the names that its functions and arrays have in the module. */
function renamed(
  lines: readonly string[],
  { functions }: ModuleParts,
  part: number,
  arrays: ReadonlyMap<string, string>,
): string[] {
  const names = new Map(arrays);
  for (const { name } of functions) names.set(name, `${name}_part${part}`);
  // Arrays of that kind are named where they are accessed.
  for (const name of arrays.keys()) if (isBuffer(name)) names.delete(name);
  if (names.size === 0) return [...lines];
  const pattern = new RegExp(`\\b(?:${[...names.keys()].join('|')})\\b`, 'g');
  return lines.map((line) => line.replace(pattern, (name) => names.get(name)!));
}

/** Which workgroups run which part: statements around those of the parts, and how many workgroups there are. */
function dispatchLines(
  dialect: Dialect,
  modules: readonly Captured[],
  bodies: readonly (readonly string[])[],
  workgroupSize: number,
  limits: TargetLimits,
): { readonly body: string[]; readonly groups: number } {
  const { constant, variable } = dialect;
  const parts = modules.map(({ parts: module }, p) =>
    inWorkgroups(dialect, module, bodies[p], workgroupSize),
  );
  const isPlain = ({ parts: { functions, workgroupArrays, exchanges, matrices } }: Captured) =>
    functions.length + workgroupArrays.length === 0 && !exchanges && !matrices;
  const families = familiesOf(
    parts.map(({ lines }, p) => (isPlain(modules[p]) ? lines : null)),
    dialect.keepsNumbers,
  );
  let groups = 0;
  const ends = new Map<number, number>();
  for (const family of families)
    for (const p of family.parts) {
      groups += parts[p].count;
      ends.set(p, groups);
    }
  const first = (p: number) => ends.get(p)! - parts[p].count;
  const [columns, rows] = foldGrid(groups, limits.maxWorkgroupsPerDimension);
  const overshoots = columns * rows > groups;
  const body = families.flatMap(({ parts: members, lines, numbers }, f) => {
    const last = f === families.length - 1 && !overshoots;
    const condition = last ? '{' : `if (group < ${ends.get(members.at(-1)!)}) {`;
    const start = String(first(members[0]));
    const choice =
      members.length === 1
        ? [constant('index', 'part_group', `group - ${start}`)]
        : [
            variable('index', 'part_start', start),
            ...numbers.map(({ name, values }) => variable('index', name, values[0])),
            ...members
              .slice(1)
              .flatMap((p, k) => [
                `if (group >= ${first(p)}) {`,
                `part_start = ${first(p)};`,
                ...numbers.flatMap(({ name, values }) =>
                  values[k + 1] === values[k] ? [] : [`${name} = ${values[k + 1]};`],
                ),
                '}',
              ]),
            constant('index', 'part_group', 'group - part_start'),
          ];
    const own = members.length === 1 ? parts[members[0]].lines : lines;
    return [f === 0 ? condition : `} else ${condition}`, ...choice, '{', ...own, '}'];
  });
  return { body: [...body, '}'], groups };
}

/** Statements of a part in workgroups of the common size, which are numbered by `part_group`, and how many there are. */
function inWorkgroups(
  { constant, quotient }: Dialect,
  { grid, workgroupSize: own }: ModuleParts,
  body: readonly string[],
  workgroupSize: number,
): { readonly lines: readonly string[]; readonly count: number } {
  const ownGroups = grid[0] * grid[1];
  // Parts without barriers have workgroups of any size, which invocations of the group stand for.
  const [together, each] = [Math.max(1, workgroupSize / own), Math.max(1, own / workgroupSize)];
  const count = Math.ceil((ownGroups * each) / together);
  const numbered = (group: string, local: string) => [
    constant('index', 'own_group', group),
    constant('index', 'own_local', local),
  ];
  const inside = [
    constant('index', 'group', 'own_group'),
    constant('index', 'local', 'own_local'),
    ...body,
    '}',
  ];
  if (together > 1) {
    const head = ownGroups % together === 0 ? '{' : `if (own_group < ${ownGroups}) {`;
    const group = `part_group * ${together} + ${quotient('local', own)}`;
    return { lines: [...numbered(group, `local % ${own}`), head, ...inside], count };
  }
  if (each > 1) {
    const local = `part_group % ${each} * ${workgroupSize} + local`;
    return { lines: [...numbered(quotient('part_group', each), local), '{', ...inside], count };
  }
  return { lines: [constant('index', 'group', 'part_group'), ...body], count };
}
