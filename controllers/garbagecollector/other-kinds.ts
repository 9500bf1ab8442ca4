import { type Informer, startInformer } from '../../api/informer.ts';
import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import { allInformers, type ControllerContext } from '../context.ts';
import { type DiscoveredKind, discoverKinds, kindsWith } from '../discovery.ts';

/** Kinds that no controller here has to do with and no definition describes, whose objects may yet have owners. */
export interface OtherKinds {
  /** The row of any kind that the server serves. */
  resourceOf(apiVersion: string, kind: string): Promise<Resource | undefined>;
}

/** What the server serves is asked for again after so long (ms), should somebody name a kind that it did not. */
const patience = 5_000;
/** Upstream's `DefaultIgnoredResources`: Events, under both names. Definitions have informers of their own. */
const ignored: readonly string[] = ['events'];
/** The same objects as of `apps`. */
const oldGroup = 'extensions';

/** Begins to watch them after a while: a new cluster has other things to do at first. Of each no more than `metadata` is kept. */
export function followOtherKinds(
  { client, informers, customKinds, settings, signal, report }: ControllerContext,
  listen: (informer: Informer<KubeObject>) => void,
): OtherKinds {
  let known: Promise<DiscoveredKind[]> | undefined;
  let asked = 0;
  const timer = setTimeout(() => {
    begin().catch((error: unknown) => report('garbagecollector', error));
  }, settings.rolesDelayMs + settings.otherKindsDelayMs);
  timer.unref();
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });

  function discover(): Promise<DiscoveredKind[]> {
    asked = Date.now();
    known = discoverKinds(client);
    known.catch(() => {
      known = undefined;
    });
    return known;
  }

  async function begin(): Promise<void> {
    await informers.customresourcedefinitions.synced;
    const idOf = ({ group, name }: Resource) => `${group}/${name}`;
    const followed = new Set(
      [...allInformers(informers).map(({ resource }) => resource), ...customKinds.rows()].map(idOf),
    );
    for (const kind of kindsWith(await discover(), ['list', 'watch', 'delete'])) {
      const { group, name } = kind;
      if (followed.has(idOf(kind)) || group === oldGroup || ignored.includes(name)) continue;
      const keep = ({ apiVersion = '', kind: of = '', metadata }: KubeObject): KubeObject => ({
        apiVersion,
        kind: of,
        ...(metadata ? { metadata } : {}),
      });
      const onError = (error: unknown) => {
        if (!hasReason(error, 'NotFound')) report('garbagecollector', error);
      };
      listen(startInformer(client, kind as Resource, { signal, keep, onError }));
    }
  }

  return {
    async resourceOf(apiVersion, kind) {
      const find = (kinds: readonly DiscoveredKind[]) =>
        kinds.find((one) => one.kind === kind && apiVersionOf(one) === apiVersion);
      const found = known && find(await known);
      if (found || Date.now() - asked < patience) return found;
      return find(await discover());
    },
  };
}
