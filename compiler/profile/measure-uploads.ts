import type { ProfileUploads } from './profile.ts';

const BYTES = 16 * 2 ** 20;
const BUFFERS = 2;
const RUNS = 6;
const MAP_WRITE = 0x2;
const COPY_SRC = 0x4;
const COPY_DST = 0x8;
const MODE_WRITE = 0x2;

/**
 * Bytes per second from an array into a buffer of the device, by both ways that there are: `queue.writeBuffer`, and a copy
 * from buffers that stay mapped and are used in turn. Several are under way, as in a training loop; the best of some runs.
 */
export async function measureUploads(
  device: GPUDevice,
  now: () => number = () => performance.now(),
): Promise<ProfileUploads> {
  const values = new Uint8Array(BYTES).fill(1);
  const target = device.createBuffer({ size: BYTES, usage: COPY_DST });
  const ring = Array.from({ length: BUFFERS }, () =>
    device.createBuffer({ size: BYTES, usage: MAP_WRITE | COPY_SRC, mappedAtCreation: true }),
  );
  const ready: Promise<unknown>[] = ring.map(() => Promise.resolve());
  const write = async () => device.queue.writeBuffer(target, 0, values);
  const copy = async (run: number) => {
    const buffer = ring[run % BUFFERS];
    await ready[run % BUFFERS];
    new Uint8Array(buffer.getMappedRange()).set(values);
    buffer.unmap();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, target, 0, BYTES);
    device.queue.submit([encoder.finish()]);
    ready[run % BUFFERS] = buffer.mapAsync(MODE_WRITE);
  };
  const rateOf = async (upload: (run: number) => Promise<void>) => {
    await upload(0);
    await device.queue.onSubmittedWorkDone();
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3; round++) {
      const start = now();
      for (let run = 1; run <= RUNS; run++) await upload(run);
      await device.queue.onSubmittedWorkDone();
      least = Math.min(least, now() - start);
    }
    return (RUNS * BYTES * 1000) / Math.max(least, 1e-3);
  };
  try {
    return {
      writeBytesPerSecond: await rateOf(write),
      mappedBytesPerSecond: await rateOf(copy),
    };
  } finally {
    await Promise.all(ready).catch(() => {});
    for (const buffer of [target, ...ring]) buffer.destroy();
  }
}
