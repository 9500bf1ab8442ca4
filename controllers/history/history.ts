import { controllerReference, type KubeObject } from '../../api/object.ts';
import type { Resource } from '../../api/scheme.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Container, ControllerRevision, LabelSelector, PodTemplateSpec } from '../../api/types.ts';
import type { ControllerContext } from '../context.ts';
import { sameTemplate, templateHash } from '../deployment/template-hash.ts';
import { createIndex, namespaceOf } from '../lookup.ts';
import { settleAll } from '../pod-control.ts';
import { claimAll } from '../replicaset/claim.ts';
import { untilGone, untilSeen } from '../seen.ts';

export const revisionLabel = 'controller-revision-hash';

/** StatefulSets and DaemonSets: what `kubectl rollout` can undo. */
export interface RevisionOwner extends KubeObject {
  spec?: { selector?: LabelSelector; template?: PodTemplateSpec; revisionHistoryLimit?: number };
  status?: { collisionCount?: number };
}

/** The templates an owner has had, oldest first, and the one it has. */
export interface Revisions {
  current: ControllerRevision;
  all: ControllerRevision[];
  /** How often a name was taken by another template; goes into the owner's status. */
  collisionCount: number | undefined;
}

export interface History<T extends RevisionOwner> {
  /** Records the present template: a new revision, or an old one that becomes the newest. */
  sync(owner: T): Promise<Revisions>;
  /** Deletes the oldest beyond `revisionHistoryLimit`, but none of which `isLive` holds. */
  prune(owner: T, revisions: Revisions, isLive: (revision: ControllerRevision) => boolean): Promise<void>;
}

/** Keeps templates as ControllerRevisions. Upstream: `pkg/controller/history`, `daemon/update.go`. */
export function createHistory<T extends RevisionOwner>(
  { client, informers }: ControllerContext,
  resource: Resource<T>,
): History<T> {
  const informer = informers.controllerrevisions;
  const byNamespace = createIndex(informer, namespaceOf);

  async function create(owner: T, revision: number): Promise<[ControllerRevision, number | undefined]> {
    let { collisionCount } = owner.status ?? {};
    for (;;) {
      const wanted = newRevision(owner, revision, collisionCount);
      try {
        const created = await client.create(resources.controllerrevisions, wanted);
        return [await untilSeen(informer, created), collisionCount];
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists')) throw error;
        const { name = '', namespace = '' } = wanted.metadata ?? {};
        const present = await client.get(resources.controllerrevisions, { name, namespace });
        if (sameTemplate(templateOf(present), owner.spec?.template)) return [present, collisionCount];
        collisionCount = (collisionCount ?? 0) + 1;
      }
    }
  }

  return {
    async sync(owner) {
      const { uid, namespace = '' } = owner.metadata ?? {};
      const candidates = [...byNamespace.get(namespace)].filter(
        ({ metadata }) => !metadata?.ownerReferences?.some((one) => one.controller && one.uid !== uid),
      );
      const claimed = await claimAll(
        client,
        resource,
        owner,
        owner.spec?.selector,
        resources.controllerrevisions,
        candidates,
      );
      const all = claimed.sort((a, b) => a.revision - b.revision);
      const equal = all.findLast((one) => sameTemplate(templateOf(one), owner.spec?.template));
      const others = all.filter((one) => one !== equal);
      const next = Math.max(0, ...others.map(({ revision }) => revision)) + 1;
      const { collisionCount } = owner.status ?? {};
      if (!equal) {
        const [current, count] = await create(owner, next);
        return { current, all: [...others, current], collisionCount: count };
      }
      if (equal.revision >= next) return { current: equal, all, collisionCount };
      const renewed = { ...equal, revision: next };
      const current = await untilSeen(informer, await client.update(resources.controllerrevisions, renewed));
      return { current, all: [...others, current], collisionCount };
    },

    async prune(owner, { current, all }, isLive) {
      const dead = all.filter((one) => one !== current && !isLive(one));
      const surplus = dead.slice(0, Math.max(0, dead.length - (owner.spec?.revisionHistoryLimit ?? 10)));
      await settleAll(surplus, async (revision) => {
        const { name = '', namespace = '' } = revision.metadata ?? {};
        try {
          await client.delete(resources.controllerrevisions, { name, namespace });
          await untilGone(informer, revision);
        } catch (error) {
          if (!hasReason(error, 'NotFound')) throw error;
        }
      });
    },
  };
}

/** The template that a revision remembers. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec | undefined {
  const { $patch: _directive, ...template } =
    (data as { spec?: { template?: PodTemplateSpec & { $patch?: string } } } | undefined)?.spec?.template ??
    {};
  return template;
}

/** Its data is a strategic merge patch that brings the template back: `kubectl rollout undo` sends it as it is. */
export function newRevision(
  owner: RevisionOwner,
  revision: number,
  collisionCount: number | undefined,
): ControllerRevision {
  const { name = '', namespace = '', annotations } = owner.metadata ?? {};
  const template = owner.spec?.template ?? {};
  const hash = templateHash(template, collisionCount);
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: { ...template.metadata?.labels, [revisionLabel]: hash },
      ...(annotations ? { annotations } : {}),
      ownerReferences: [controllerReference(owner)],
    },
    data: { spec: { template: sorted({ ...asGoWrites(template), $patch: 'replace' }) } },
    revision,
  };
}

/** Clients compare the text of a revision with what they write of the template themselves: kubectl, upstream's tests. */
function asGoWrites(template: PodTemplateSpec): object {
  const { containers, initContainers, ...spec } = template.spec ?? {};
  const complete = (list: readonly Container[] | undefined) =>
    list?.map((one) => ({ resources: {}, ...one }));
  return {
    ...template,
    metadata: { creationTimestamp: null, ...template.metadata },
    spec: {
      ...spec,
      containers: complete(containers) ?? null,
      ...(initContainers ? { initContainers: complete(initContainers) } : {}),
    },
  };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]));
}
