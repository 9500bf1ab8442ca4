import type { Client } from '../api/client.ts';
import { customResources, hasCondition } from '../api/custom-resources.ts';
import { type Informer, startInformer } from '../api/informer.ts';
import type { KubeObject } from '../api/object.ts';
import { apiVersionOf, type Resource } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';
import type { CustomResourceDefinition } from '../api/types.ts';

/** The kinds that CustomResourceDefinitions describe, for controllers that treat all kinds alike. */
export interface CustomKinds {
  /** The row of a version that is served. */
  resourceOf(apiVersion: string, kind: string): Resource | undefined;
  /** One row of each kind. */
  rows(): Resource[];
  /**
   * Calls `listen` with an informer of every kind, those that come later included; `ended` fires when the kind is gone.
   * With the first call informers begin.
   */
  onKind(listen: (informer: Informer<KubeObject>, ended: AbortSignal) => void): void;
}

interface Followed {
  row: Resource;
  informer: Informer<KubeObject>;
  abort: AbortController;
}

/** What the informer of definitions holds of one: schemas may be large, and nobody here reads them. */
export function withoutSchemas(definition: CustomResourceDefinition): CustomResourceDefinition {
  const versions = definition.spec.versions.map(({ name, served, storage }) => ({ name, served, storage }));
  return { ...definition, spec: { ...definition.spec, versions } };
}

export function followCustomKinds(
  client: Client,
  definitions: Informer<CustomResourceDefinition>,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): CustomKinds {
  const followed = new Map<string, Followed>();
  const listeners: ((informer: Informer<KubeObject>, ended: AbortSignal) => void)[] = [];

  function look(key: string, definition: CustomResourceDefinition | undefined): void {
    const row = definition && rowOf(definition);
    const known = followed.get(key);
    if (known && row && apiVersionOf(known.row) === apiVersionOf(row)) return;
    if (known) {
      known.abort.abort();
      followed.delete(key);
    }
    if (!row) return;
    const abort = new AbortController();
    const either = AbortSignal.any([signal, abort.signal]);
    const informer = startInformer(client, row, {
      signal: either,
      onError(error) {
        // The kind has gone, of which the informer of definitions tells.
        if (!hasReason(error, 'NotFound')) onError(error);
      },
    });
    followed.set(key, { row, informer, abort });
    for (const listen of listeners) listen(informer, abort.signal);
  }

  function begin(): void {
    definitions.onChange(({ type, key, object }) => look(key, type === 'deleted' ? undefined : object));
    for (const [key, object] of definitions.store) look(key, object);
  }

  const established = () => [...definitions.store.values()].filter((one) => hasCondition(one, 'Established'));
  return {
    resourceOf: (apiVersion, kind) =>
      established()
        .flatMap(servedRows)
        .find((row) => row.kind === kind && apiVersionOf(row) === apiVersion),
    rows: () => established().flatMap((definition) => rowOf(definition) ?? []),
    onKind(listen) {
      listeners.push(listen);
      if (listeners.length === 1) begin();
      else for (const { informer, abort } of followed.values()) listen(informer, abort.signal);
    },
  };
}

/** One version of a kind that can be asked for its objects, the stored one where it is served. */
export function rowOf(definition: CustomResourceDefinition): Resource | undefined {
  if (!hasCondition(definition, 'Established')) return undefined;
  const rows = servedRows(definition);
  return rows.find((row) => row.stored === row) ?? rows[0];
}

function servedRows(definition: CustomResourceDefinition): Resource[] {
  const served = definition.spec.versions.filter((version) => version.served).map(({ name }) => name);
  return [...customResources(definition).values()].filter((row) => served.includes(row.version));
}
