import { setTimeout as delay } from 'node:timers/promises';
import type { Informer } from '../../api/informer.ts';
import type { Node } from '../../api/types.ts';

/** Nodes that join together are one pass. */
const settling = 20;

/** How often the kernel is looked at, in milliseconds: somebody may have changed what is there. */
const verifying = 60_000;

/**
 * Routes follow the nodes until `signal` fires: one pass at a time, one more when something changed meanwhile, and
 * again after one that failed. The function it returns asks for a pass that looks at the kernel.
 */
export function followNodes(
  nodes: Informer<Node>,
  sync: (nodes: readonly Node[], options: { verify: boolean }) => Promise<void>,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): () => void {
  let dirty = false;
  let busy = false;
  let verify = false;
  const pass = async () => {
    dirty = true;
    if (busy) return;
    busy = true;
    while (dirty && !signal.aborted) {
      await delay(settling);
      const options = { verify };
      dirty = false;
      verify = false;
      try {
        await sync([...nodes.store.values()], options);
      } catch (error) {
        onError(error);
        dirty = true;
        await delay(500);
      }
    }
    busy = false;
  };
  const look = () => {
    verify = true;
    void pass();
  };
  nodes.onChange(() => void pass());
  const timer = setInterval(look, verifying);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  void pass();
  return look;
}
