import { drawLosses, drawPlane, SIDE, squares } from './drawing.js';
import { type ModelSession, programs } from './out/model.js';
import { spirals } from './spirals.js';

const STEPS = 300;
/** Steps from one picture to the next. */
const SHOWN = 10;

const element = <Type extends HTMLElement>(id: string) => document.getElementById(id) as Type;
const plane = element<HTMLCanvasElement>('plane');
const losses = element<HTMLCanvasElement>('losses');
const status = element('status');

/** Trains a session of the model from the start and shows it. */
async function train(session: ModelSession): Promise<void> {
  const [count] = programs.train.inputs.label.shape;
  const batch = spirals(count);
  const all = squares();
  const logits = new Float32Array(3 * SIDE * SIDE);
  const seen: number[] = [];
  for (let step = 1; step <= STEPS; step++) {
    const { loss, accuracy } = await session.run('train', batch);
    seen.push(loss[0]);
    if (step % SHOWN !== 0) continue;
    await predictAll(session, all, logits, count);
    drawPlane(plane, logits, batch);
    drawLosses(losses, seen, STEPS);
    const state = step === STEPS ? 'done' : `step ${step}`;
    status.textContent = `${state}: loss ${loss[0].toFixed(4)}, ${(100 * accuracy[0]).toFixed(1)} % right`;
    await new Promise(requestAnimationFrame);
  }
}

/** The plan is for `count` points at once: the squares go in parts, the last one filled up. */
async function predictAll(
  session: ModelSession,
  all: Float32Array,
  logits: Float32Array,
  count: number,
): Promise<void> {
  for (let start = 0; start < SIDE * SIDE; start += count) {
    const point = new Float32Array(2 * count);
    point.set(all.subarray(2 * start, 2 * (start + count)));
    const part = await session.run('predict', { point });
    const rest = Math.min(count, SIDE * SIDE - start);
    logits.set(part.logits.subarray(0, 3 * rest), 3 * start);
  }
}

/** Opens a session, trains it, and trains anew at each click. */
export async function start(open: () => Promise<ModelSession>): Promise<void> {
  const again = element<HTMLButtonElement>('again');
  const run = async () => {
    again.disabled = true;
    const session = await open();
    element('memory').textContent =
      `${session.description}: ${(session.allocatedBytes / 1024).toFixed(0)} KiB of device memory`;
    try {
      await train(session);
    } finally {
      session.destroy();
      again.disabled = false;
    }
  };
  again.addEventListener('click', run);
  await run();
}
