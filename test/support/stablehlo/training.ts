import { exportStableHlo, type StableHloManifest } from '../../../compiler/index.ts';
import { decodeSafetensors } from '../../../ir/safetensors.ts';
import { elementCount } from '../../../ir/tensor.ts';
import { runMain, validModule } from './agreement.ts';

type Values = Record<string, ArrayLike<number>>;

/** An exported program with what outlives its runs, as a runner elsewhere would have it. */
export class StableHloSession {
  readonly text: string;
  readonly manifest: StableHloManifest;
  readonly kept: Values = {};
  readonly #parsed;

  /** @throws Error where the model has mistakes, or the text is not valid */
  static async of(...request: Parameters<typeof exportStableHlo>): Promise<StableHloSession> {
    const exported = await exportStableHlo(...request);
    if (exported.text === null)
      throw new Error(exported.diagnostics.map(({ message }) => message).join('\n'));
    return new StableHloSession(exported);
  }

  private constructor(exported: {
    text: string;
    manifest: StableHloManifest;
    parameters: Uint8Array;
  }) {
    this.text = exported.text;
    this.manifest = exported.manifest;
    this.#parsed = validModule(exported);
    const { tensors } = decodeSafetensors(exported.parameters);
    for (const { name, role, shape } of this.manifest.arguments)
      if (role !== 'input')
        this.kept[name] = tensors.get(name)?.data ?? new Float64Array(elementCount(shape));
  }

  /** Outputs of one run, which replaces what outlives it. */
  run(inputs: Readonly<Values>): Values {
    const given = Object.fromEntries(
      this.manifest.arguments.map(({ name, default: value }) => [
        name,
        inputs[name] ?? (value === null ? undefined : [value]),
      ]),
    );
    const { outputs, updates } = runMain(this, this.#parsed, given, this.kept);
    Object.assign(this.kept, updates);
    return outputs;
  }
}
