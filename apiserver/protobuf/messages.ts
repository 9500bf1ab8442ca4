import table from './fields.json' with { type: 'json' };

/** One field of a message; made from `fields.json`, once for each message that somebody sends or asks for. */
export interface Field {
  number: number;
  /** As in JSON. */
  name: string;
  /** `inline`: a message on the wire whose fields stand beside the others in JSON. */
  shape: 'one' | 'list' | 'map' | 'inline';
  /** A scalar, a name of another message, or a type whose JSON is not like its message, as `quantity`. */
  type: string;
  /** Of `type`, where that is a message. */
  message: Message | undefined;
  /** A pointer in Go: absent and empty are not the same. Other single fields are written even when empty. */
  pointer: boolean;
  /** Go's JSON leaves it out when empty. */
  omitEmpty: boolean;
}

export interface Message {
  name: string;
  /** By number. */
  fields: ReadonlyMap<number, Field>;
}

const rows: Readonly<Record<string, Readonly<Record<string, string>>>> = table;
const made = new Map<string, Message>();

/**
 * `apps/v1`, `Deployment` → `apps.Deployment`; undefined for what has no protobuf here, as all custom kinds.
 * Versions whose fields are not those of v1 have messages of their own (`discovery-v1beta1.EndpointSlice`); those of
 * autoscaling/v2beta2 are v2's.
 */
export function messageOf(apiVersion: string, kind: string): Message | undefined {
  if (groupless.includes(kind)) return messageNamed(`meta.${kind}`);
  const slash = apiVersion.indexOf('/');
  const version = apiVersion.slice(slash + 1);
  if (slash < 0) return version === 'v1' ? messageNamed(`core.${kind}`) : undefined;
  const [group = '', ...domain] = apiVersion.slice(0, slash).split('.');
  // Groups with a domain of others are of custom kinds.
  if (domain.length > 0 && domain.slice(-2).join('.') !== 'k8s.io') return undefined;
  const own = messageNamed(`${group}-${version === 'v2beta2' ? 'v2' : version}.${kind}`);
  if (own || (version !== 'v1' && !likeV1.includes(`${group}/${version}`))) return own;
  return messageNamed(`${group}.${kind}`);
}

/** Versions that have the same fields as v1, under the same numbers. */
const likeV1: readonly string[] = [
  'admissionregistration',
  'batch',
  'coordination',
  'events',
  // But for the name of one field, which protobuf does not tell.
  'flowcontrol',
  'node',
  'policy',
  'rbac',
  'scheduling',
  'storage',
].map((group) => `${group}/v1beta1`);

/** Kinds that every group has. */
const groupless = ['DeleteOptions', 'Status', 'PartialObjectMetadata', 'ListMeta'];

export function messageNamed(name: string): Message | undefined {
  const known = made.get(name);
  if (known || !Object.hasOwn(rows, name)) return known;
  const fields = new Map<number, Field>();
  const message = { name, fields };
  // Before its fields: a schema has schemas in it.
  made.set(name, message);
  for (const [number, row] of Object.entries(rows[name] ?? {})) {
    const [field = '', notation = '', presence] = row.split(' ');
    const shape = notation.startsWith('[]') ? 'list' : notation.startsWith('{}') ? 'map' : 'one';
    const type = shape === 'one' ? notation : notation.slice(2);
    fields.set(Number(number), {
      number: Number(number),
      name: field,
      shape: field === '.' ? 'inline' : shape,
      type,
      message: messageNamed(type),
      pointer: presence === '*',
      omitEmpty: presence === '?',
    });
  }
  return message;
}
