/**
 * Writes `fields.json`, the numbers that fields have on the wire in protobuf, from the struct tags of the Go modules
 * `k8s.io/api` and `k8s.io/apimachinery`:
 *
 *     node apiserver/protobuf/generate.ts FOLDER   # with FOLDER/core/types.go … from api/GROUP/v1, FOLDER/meta/types.go
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What may come as a request body; everything else is reached from these. */
const roots = [
  ...[
    'Namespace',
    'Node',
    'Pod',
    'Service',
    'Endpoints',
    'Event',
    'ConfigMap',
    'Secret',
    'ServiceAccount',
    'Binding',
  ].map((kind) => `core.${kind}`),
  ...[
    'apps.Deployment',
    'apps.ReplicaSet',
    'apps.StatefulSet',
    'apps.DaemonSet',
    'batch.Job',
    'batch.CronJob',
  ],
  ...['discovery.EndpointSlice', 'coordination.Lease', 'networking.ServiceCIDR', 'networking.Ingress'],
  ...['networking.NetworkPolicy', 'policy.Eviction', 'policy.PodDisruptionBudget', 'autoscaling.Scale'],
  ...['TokenRequest', 'TokenReview', 'SelfSubjectReview'].map((kind) => `authentication.${kind}`),
  ...[
    'SubjectAccessReview',
    'LocalSubjectAccessReview',
    'SelfSubjectAccessReview',
    'SelfSubjectRulesReview',
  ].map((kind) => `authorization.${kind}`),
  ...['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'].map((kind) => `rbac.${kind}`),
  'certificates.CertificateSigningRequest',
  'meta.DeleteOptions',
];

const packages: Record<string, string> = { metav1: 'meta', v1: 'core', corev1: 'core' };

/** Go types with an encoding of their own, in the notation of `fields.json`. */
const special: Record<string, string> = {
  'resource.Quantity': 'quantity',
  'intstr.IntOrString': 'intOrString',
  'meta.Time': 'time',
  'meta.MicroTime': 'microTime',
  'meta.Duration': 'int',
  'runtime.RawExtension': 'raw',
  'types.UID': 'string',
  'types.NodeName': 'string',
  'meta.FieldsV1': 'raw',
};

const [folder = ''] = process.argv.slice(2);
const structs = new Map<string, string[]>();
const aliases = new Map<string, string>();
for (const name of readdirSync(folder)) {
  const text = readFileSync(join(folder, name, 'types.go'), 'utf8');
  for (const [, type = '', body = ''] of text.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)) {
    structs.set(`${name}.${type}`, body.split('\n'));
  }
  for (const [, type = '', of = ''] of text.matchAll(/^type (\w+) ([\w.[\]*]+)$/gm))
    aliases.set(`${name}.${type}`, of);
}

const table: Record<string, Record<string, string>> = {};
const queue = [...roots];
for (let name = queue.pop(); name; name = queue.pop()) {
  if (table[name]) continue;
  const body = structs.get(name);
  if (!body) throw new Error(`no struct ${name}`);
  const fields: Record<string, string> = {};
  table[name] = fields;
  const own = name.split('.')[0] ?? '';
  for (const line of body) {
    const field = /^\s*(?:\w+\s+)?([\w.[\]*]+)\s+`json:"([^"]*)"[^`]*protobuf:"\w+,(\d+),/.exec(line);
    if (!field) continue;
    const [, goType = '', json = '', number = ''] = field;
    const [jsonName = '', ...options] = json.split(',');
    const inline = options.includes('inline') || jsonName === '';
    const omitted = options.includes('omitempty') && !goType.startsWith('*');
    fields[number] = `${inline ? '.' : jsonName} ${wire(goType, own, queue)}${omitted ? ' ?' : ''}`;
  }
}

/** `[]T`, `{}T`, a message's name or a scalar; a list that is a type of its own is a message around a list. */
function wire(goType: string, own: string, queue: string[]): string {
  const type = goType.replace(/^\*/, '');
  if (type === '[]byte') return 'bytes';
  if (type.startsWith('[]')) return `[]${wire(type.slice(2), own, queue)}`;
  if (type.startsWith('map[')) {
    const value = type.slice(type.indexOf(']') + 1);
    return `{}${wire(value, own, queue)}`;
  }
  if (type === 'string' || type === 'bool') return type;
  if (/^u?int\d*$/.test(type)) return 'int';
  const [prefix, bare] = type.includes('.') ? type.split('.') : [own, type];
  const name = `${packages[prefix ?? ''] ?? prefix}.${bare}`;
  const known = special[name];
  if (known) return known;
  const alias = aliases.get(name);
  if (alias) return alias.startsWith('[]') ? 'strings' : wire(alias, name.split('.')[0] ?? '', queue);
  if (!structs.has(name)) throw new Error(`what is ${goType} in ${own}?`);
  queue.push(name);
  return name;
}

const lines = Object.keys(table)
  .sort()
  .map((name) => `${JSON.stringify(name)}: ${JSON.stringify(table[name])}`);
writeFileSync(new URL('fields.json', import.meta.url), `{\n${lines.join(',\n')}\n}\n`);
console.log(`${lines.length} messages`);
