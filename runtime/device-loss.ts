import { RuntimeError, type RuntimeErrorCode } from './errors.ts';
import { BUFFER_USAGE, MAP_MODE_READ } from './webgpu-constants.ts';

/** What a device that was lost may be taken for. */
const BY_THE_DEVICE: ReadonlySet<RuntimeErrorCode> = new Set([
  'kernel-rejected',
  'invalid-buffer',
  'out-of-memory',
]);

/** A device that does not answer has so long to say that it is lost. */
const PATIENCE_MS = 2000;

/** Whether the device is lost. */
export class DeviceLoss {
  #reason: string | null = null;
  readonly #device: GPUDevice;
  readonly #advice: string;

  constructor(device: GPUDevice, hasSnapshots: boolean) {
    this.#device = device;
    this.#advice = hasSnapshots
      ? 'load the plan on a new device with what saveCheckpoint gives, the state after the last finished run'
      : "load the plan on a new device and restore a checkpoint (with the option 'snapshots' saveCheckpoint still gives one)";
    void device.lost.then(({ message, reason }) => {
      this.#reason ??= message || reason;
    });
  }

  /** Error: `device-lost`. */
  check(): void {
    if (this.#reason === null) return;
    throw new RuntimeError(
      'device-lost',
      `the GPU device was lost (${this.#reason}); ${this.#advice}`,
    );
  }

  /**
   * To be awaited before `error` is told: what a loss causes may come before `device.lost`, by any time. What stores and arguments do
   * wrong is not of the device; for all else it is asked whether it still works. Error: `device-lost`.
   */
  async settle(error: unknown): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.check();
    if (error instanceof RuntimeError && !BY_THE_DEVICE.has(error.code)) return;
    const patience = timeout(PATIENCE_MS);
    const lost = this.#device.lost.then(() => true);
    try {
      const works = await Promise.race([
        answers(this.#device),
        lost.then(() => false),
        patience.over,
      ]);
      if (!works) await Promise.race([lost, patience.over]);
    } finally {
      patience.end();
    }
    this.check();
  }

  /** Tells what `action` fails with, unless that is the loss of the device. Error: `device-lost`. */
  async orLost<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      await this.settle(error);
      throw error;
    }
  }
}

/** Whether a device that is asked for a few bytes gives them. */
async function answers(device: GPUDevice): Promise<boolean> {
  try {
    const usage = BUFFER_USAGE.MAP_READ | BUFFER_USAGE.COPY_DST;
    const buffer = device.createBuffer({ label: 'alive', size: 4, usage });
    await buffer.mapAsync(MAP_MODE_READ);
    buffer.destroy();
    return true;
  } catch {
    return false;
  }
}

/** `over` becomes true after so many milliseconds, unless it is ended before. */
function timeout(milliseconds: number): { readonly over: Promise<true>; end(): void } {
  let timer: ReturnType<typeof setTimeout>;
  const over = new Promise<true>((resolve) => {
    timer = setTimeout(resolve, milliseconds, true);
  });
  return { over, end: () => clearTimeout(timer) };
}
