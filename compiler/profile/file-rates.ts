import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeviceProfile } from './profile.ts';

const CHUNK_BYTES = 2 ** 22;
const CHUNKS = 16;
const ROUNDS = 3;

/**
 * Rates of a file in `folder`: written down to the disk, and read again at once, so by way of the system's cache as spilled
 * tensors are. The best of some rounds. Leaves nothing behind.
 *
 * @throws the file system's errors
 */
export async function measureFile(
  folder: string,
): Promise<Pick<DeviceProfile, 'fileReadBytesPerSecond' | 'fileWriteBytesPerSecond'>> {
  const own = await mkdtemp(join(folder, 'btc-profile-'));
  try {
    const file = await open(join(own, 'spill'), 'w+');
    try {
      const chunk = new Uint8Array(CHUNK_BYTES).fill(7);
      let [reading, writing] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      for (let round = 0; round < ROUNDS; round++) {
        const started = performance.now();
        for (let i = 0; i < CHUNKS; i++) await file.write(chunk, 0, CHUNK_BYTES, i * CHUNK_BYTES);
        await file.datasync();
        const written = performance.now();
        for (let i = 0; i < CHUNKS; i++) await file.read(chunk, 0, CHUNK_BYTES, i * CHUNK_BYTES);
        reading = Math.min(reading, performance.now() - written);
        writing = Math.min(writing, written - started);
      }
      const bytes = 1000 * CHUNKS * CHUNK_BYTES;
      return { fileReadBytesPerSecond: bytes / reading, fileWriteBytesPerSecond: bytes / writing };
    } finally {
      await file.close();
    }
  } finally {
    await rm(own, { recursive: true });
  }
}
