import type { ServerResponse } from 'node:http';
import type { CustomRules } from '../registry/strategy.ts';
import type { Cache } from '../storage/cache.ts';
import type { Change } from '../storage/change.ts';

/** A cache whose changes are told once a webhook has converted them; a watch that it fails ends, and begins anew. */
export function preparing(
  cache: Cache,
  prepare: NonNullable<CustomRules['prepare']>,
  response: ServerResponse,
): Cache {
  const objectsOf = ({ now, before, entry }: Change) => [
    ...(now ? [now.object] : []),
    ...(before ? [entry('DELETED').object] : []),
  ];
  let turn: Promise<void> = Promise.resolve();
  return {
    ...cache,
    // Not copied: it changes.
    get revision() {
      return cache.revision;
    },
    watch: (resource, after, receive) =>
      cache.watch(resource, after, (changes) => {
        turn = turn
          .then(() => prepare(changes.flatMap(objectsOf)))
          .then(
            () => receive(changes),
            () => void response.end(),
          );
      }),
  };
}
