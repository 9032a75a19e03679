import { boxAt } from '../data/boxes.ts';
import { has, type MountedPanel } from './panel.ts';
import { modelOf, type Store } from './store.ts';

/** In milliseconds: behind the first pictures, and between its parts, so that no frame waits for several. */
const PAUSE = 150;

/** Computes ahead what the first hover and the first click need of a program. */
export function warmUp(store: Store): MountedPanel {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const next = (parts: readonly (() => unknown)[]) => {
    if (parts.length === 0) return;
    timer = setTimeout(() => {
      parts[0]();
      next(parts.slice(1));
    }, PAUSE);
  };
  return {
    update: (changes) => {
      if (!has(changes, 'program')) return;
      clearTimeout(timer);
      const model = modelOf(store);
      const { program } = store.state();
      next([
        () => boxAt(program.arena.boxes, 0, 0, { x: 1, y: 1 }),
        () => program.uses(0),
        () => model.plan.tensors.length > 0 && model.reason(0),
      ]);
    },
    destroy: () => clearTimeout(timer),
  };
}
