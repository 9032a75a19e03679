type Groups = Readonly<Record<string, readonly string[]>>;

export declare class UsageError extends Error {}

export interface BenchOptions {
  readonly help: boolean;
  readonly list: boolean;
  readonly json: boolean;
  readonly markdown: string | null;
  readonly rounds: number;
  readonly seconds: number;
  readonly timeout: number;
  readonly groups: Groups;
  readonly targets: readonly string[];
  readonly systems: readonly string[];
}
export declare function parseArguments(
  given: readonly string[],
  known: {
    readonly groups: Groups;
    readonly targets: readonly string[];
    readonly systems: readonly string[];
  },
): BenchOptions;

export declare function runScript(
  name: string,
  given: readonly string[],
  options: { readonly environment: NodeJS.ProcessEnv; readonly timeout: number },
): Promise<{ readonly lines: readonly Record<string, unknown>[]; readonly reason: string | null }>;

export interface BenchRow {
  readonly model: string;
  readonly system: string;
  readonly target: string;
  readonly ms: number | null;
  readonly spread: readonly [number, number] | null;
  readonly ratio: number | null;
  readonly rounds: number;
  readonly dispatches: number | null;
  readonly submits: number | null;
  readonly deviceBytes: number | null;
  readonly firstStepMs: number | null;
  readonly gflops: number | null;
  readonly gbs: number | null;
  readonly share: number | null;
  readonly reason: string | null;
}
interface Measured {
  readonly ms: number;
  readonly firstStepMs: number;
  readonly dispatches: number | null;
  readonly submits: number | null;
  readonly deviceBytes: number | null;
}
type Rounds = ReadonlyMap<number, Measured>;
interface Ceilings {
  readonly gflops: number;
  readonly gbs: number;
}
export declare function disagreement(
  values: readonly number[],
  reference: readonly number[],
  other?: string,
  tolerance?: number,
): string | null;
export declare function summarise(measured: {
  readonly model: string;
  readonly system: string;
  readonly target: string;
  readonly check: { readonly deviceBytes?: number | null } | null;
  readonly rounds: Rounds;
  readonly baseline: Rounds;
  readonly work: { readonly flops: number | null; readonly bytes: number | null };
  readonly ceilings: Ceilings | null;
  readonly reason: string | null;
}): BenchRow;

export declare function quantile(values: readonly number[], share: number): number;
export declare function median(values: readonly number[]): number;
export declare function quartiles(values: readonly number[]): [number, number];
export declare function ratioByRound(
  times: ReadonlyMap<number, number>,
  baseline: ReadonlyMap<number, number>,
): number | null;

export declare function textTable(rows: readonly BenchRow[]): string[];
export declare function markdownPage(report: {
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly load: number;
  readonly versions: Readonly<Record<string, string | null>>;
  readonly options: { readonly rounds: number; readonly seconds: number };
  readonly targets: readonly {
    readonly target: string;
    readonly about: string;
    readonly adapter: string | null;
    readonly driver: string | null;
    readonly ceilings: Ceilings | null;
  }[];
  readonly rows: readonly BenchRow[];
}): string;

interface HostTensor<Values = Float32Array> {
  readonly values: Values;
  readonly shape: readonly number[];
}
type Layout = 'image' | 'kernel' | null | undefined;
export declare function permute(tensor: HostTensor, order: readonly number[]): HostTensor;
export declare function channelsFirst(tensor: HostTensor, layout: Layout): HostTensor;
export declare function channelsLast(tensor: HostTensor, layout: Layout): HostTensor;
export declare function fingerprint(values: ArrayLike<number> & Iterable<number>): number[];
export declare function inputValues(
  inputs: Readonly<Record<string, InputSpec>>,
  seed?: number,
): Record<string, HostTensor<Float32Array | Int32Array>>;

interface InputSpec {
  readonly dtype: 'f32' | 'i32';
  readonly shape: readonly number[];
  readonly classes?: number;
}
export declare function onnxKernel(
  row: string,
  parameters: Readonly<Record<string, HostTensor>>,
): { readonly model: Uint8Array; readonly result: string };
export declare const GROUPS: Groups;
export declare const KERNELS: Readonly<
  Record<
    string,
    {
      readonly group: string;
      readonly operands: Readonly<Record<string, readonly number[]>>;
      readonly result: readonly number[];
      readonly flops: number;
      readonly bytes: number;
    }
  >
>;
export declare const MODELS: Readonly<
  Record<string, { readonly inputs: Readonly<Record<string, InputSpec>> }>
>;
