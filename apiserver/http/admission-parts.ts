import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import type { Kind } from '../admission/attributes.ts';
import type { Admission } from '../registry/registry.ts';
import type { Call } from './objects.ts';

/** What is sent to a subresource. */
const parts: Readonly<Record<string, Kind>> = {
  'pods/binding': { group: '', version: 'v1', kind: 'Binding' },
  'pods/eviction': { group: 'policy', version: 'v1', kind: 'Eviction' },
  'pods/exec': { group: '', version: 'v1', kind: 'PodExecOptions' },
  'pods/attach': { group: '', version: 'v1', kind: 'PodAttachOptions' },
  'pods/portforward': { group: '', version: 'v1', kind: 'PodPortForwardOptions' },
  'pods/proxy': { group: '', version: 'v1', kind: 'PodProxyOptions' },
  'services/proxy': { group: '', version: 'v1', kind: 'ServiceProxyOptions' },
  'nodes/proxy': { group: '', version: 'v1', kind: 'NodeProxyOptions' },
  'serviceaccounts/token': { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
};

const scale: Kind = { group: 'autoscaling', version: 'v1', kind: 'Scale' };

/** Of what a request sends, whether to an object or to a part of one. */
export function kindOf({ group, version, kind, name, stored }: Resource, subresource: string): Kind {
  if (subresource === 'scale') return scale;
  const part = stored || group ? undefined : parts[`${name}/${subresource}`];
  return part ?? { group, version, kind };
}

/**
 * Has something be seen that is no object to be stored: what is posted to a subresource, or the options with which
 * somebody connects to one. Returns it as webhooks leave it.
 *
 * @throws StatusError of who refuses it
 */
export async function admitPart<T extends KubeObject>(
  { admission }: Call,
  operation: 'CREATE' | 'CONNECT',
  sent: T,
): Promise<T> {
  if (!admission) return sent;
  const object = ((await admission.mutate({ operation, object: sent })) as T | undefined) ?? sent;
  await admission.validate({ operation, object });
  return object;
}

const connected: readonly string[] = [
  ...['pods/exec', 'pods/attach', 'pods/portforward'],
  ...['pods/proxy', 'services/proxy', 'nodes/proxy'],
];

/** Whether a request connects to something, whatever its method. */
export function isConnect({ resource, subresource }: Call['target']): boolean {
  return !resource.stored && connected.includes(`${resource.name}/${subresource}`);
}

/** The options of a connection, which stand in its query. */
export function connectOptions({ target, query }: Call): KubeObject {
  const { kind, ...version } = kindOf(target.resource, target.subresource ?? '');
  const flags = ['stdin', 'stdout', 'stderr', 'tty'].filter((name) => query.get(name) !== null);
  const isTrue = (name: string) => !['false', '0'].includes(query.get(name) ?? '');
  const command = query.getAll('command');
  const ports = query.getAll('ports').flatMap((one) => one.split(',').map(Number));
  const container = query.get('container');
  return {
    kind,
    apiVersion: apiVersionOf(version),
    ...Object.fromEntries(flags.map((name) => [name, isTrue(name)])),
    ...(container ? { container } : {}),
    ...(command.length > 0 ? { command } : {}),
    ...(ports.length > 0 ? { ports } : {}),
  } as KubeObject;
}

/** An admission that sees the scale of objects in their place. */
export function admitScale(
  admission: Admission,
  read: (object: KubeObject) => KubeObject,
  write: (object: KubeObject, scale: KubeObject) => void,
): Admission {
  const shown = (object: KubeObject | undefined) => (object ? read(object) : undefined);
  const writeOf = ({ operation, object, old }: Parameters<Admission['mutate']>[0]) => {
    const [now, before] = [shown(object), shown(old)];
    return { operation, ...(now ? { object: now } : {}), ...(before ? { old: before } : {}) };
  };
  return {
    async mutate(sent) {
      const changed = await admission.mutate(writeOf(sent));
      if (!changed || !sent.object) return undefined;
      const object = structuredClone(sent.object);
      write(object, changed);
      return object;
    },
    validate: (sent) => admission.validate(writeOf(sent)),
  };
}
