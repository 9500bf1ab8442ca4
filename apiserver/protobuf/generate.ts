/**
 * Writes `fields.json`, the numbers that fields have on the wire in protobuf, from the struct tags of the Go modules
 * `k8s.io/api`, `k8s.io/apimachinery`, `k8s.io/apiextensions-apiserver` and `k8s.io/kube-aggregator`:
 *
 *     node apiserver/protobuf/generate.ts FOLDER
 *
 * with FOLDER/core/types.go … from api/GROUP/v1, FOLDER/GROUP-VERSION/types.go for versions whose fields differ from
 * v1's, FOLDER/meta/types.go, and FOLDER/apiextensions/types.go and FOLDER/apiextensions-v1beta1/types.go being both of their files.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Go packages by the names that the modules import them under; a package's own name needs no row. */
const packages: Record<string, string> = { metav1: 'meta', v1: 'core', corev1: 'core', apiv1: 'core' };

/** Go types with an encoding of their own, in the notation of `fields.json`. */
const special: Record<string, string> = {
  'resource.Quantity': 'quantity',
  'intstr.IntOrString': 'intOrString',
  'meta.Time': 'time',
  'meta.MicroTime': 'microTime',
  'runtime.RawExtension': 'raw',
  'types.UID': 'string',
  'types.NodeName': 'string',
  'meta.FieldsV1': 'raw',
  'apiextensions.JSON': 'raw',
  'apiextensions.JSONSchemaPropsOrArray': 'schemaOrArray',
  'apiextensions.JSONSchemaPropsOrBool': 'schemaOrBool',
  'apiextensions.JSONSchemaPropsOrStringArray': 'schemaOrStrings',
};

/** Schemas, which are alike in both versions of the group. */
const schemas = /^apiextensions-v1beta1\.(?=JSON|ExternalDoc)/;

/** Of that group nobody asks for anything else any more. */
const served = /^(?!extensions-)|^extensions-v1beta1\.(DaemonSet|Ingress)$/;

/** What is reached from no object: bodies of requests and answers. */
const roots = ['meta.DeleteOptions', 'meta.Status', 'meta.PartialObjectMetadata', 'meta.ListMeta'];

const [folder = ''] = process.argv.slice(2);
const structs = new Map<string, string[]>();
const aliases = new Map<string, string>();
for (const name of readdirSync(folder)) {
  const text = readFileSync(join(folder, name, 'types.go'), 'utf8');
  for (const [, type = '', body = ''] of text.matchAll(/^type (\w+) struct ?\{(?:\}|\n([\s\S]*?)^\})/gm)) {
    structs.set(`${name}.${type}`, body.split('\n'));
  }
  for (const [, type = '', of = ''] of text.matchAll(/^type (\w+) ([\w.[\]*]+)$/gm))
    aliases.set(`${name}.${type}`, of);
}
for (const [name, body] of structs) {
  if (!served.test(name)) continue;
  if (/^\s*metav1\.TypeMeta /m.test(body.join('\n')) && /^\s*metav1\.ObjectMeta /m.test(body.join('\n'))) {
    roots.push(name);
  }
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
    const field = /^\s*(?:\w+\s+)?([\w.[\]*]+)\s+`json:"([^"]*)"[^`]*protobuf:"\w+,(\d+)(,rep)?/.exec(line);
    if (!field) continue;
    const [, goType = '', json = '', number = '', repeated] = field;
    const [jsonName = '', ...options] = json.split(',');
    const inline = options.includes('inline') || jsonName === '';
    const presence = goType.startsWith('*') ? ' *' : options.includes('omitempty') ? ' ?' : '';
    fields[number] = `${inline ? '.' : jsonName} ${wire(goType, own, queue, Boolean(repeated))}${presence}`;
  }
}

/** `[]T`, `{}T`, a message's name or a scalar; a list that is a type of its own and not repeated is a message around a list. */
function wire(goType: string, own: string, queue: string[], repeated = false): string {
  const type = goType.replace(/^\*/, '');
  if (type === '[]byte') return 'bytes';
  if (type.startsWith('[]')) return `[]${wire(type.slice(2), own, queue)}`;
  if (type.startsWith('map[')) {
    const value = type.slice(type.indexOf(']') + 1);
    return `{}${wire(value, own, queue)}`;
  }
  if (type === 'string' || type === 'bool') return type;
  if (type === 'float64') return 'double';
  if (/^u?int\d*$/.test(type)) return 'int';
  const [prefix = '', bare] = type.includes('.') ? type.split('.') : [own, type];
  const name = `${packages[prefix] ?? prefix}.${bare}`.replace(schemas, 'apiextensions.');
  const known = special[name];
  if (known) return known;
  const alias = aliases.get(name);
  if (alias) {
    if (alias.startsWith('[]') && !repeated) return 'strings';
    return wire(alias, name.split('.')[0] ?? '', queue);
  }
  if (!structs.has(name)) throw new Error(`what is ${goType} in ${own}?`);
  queue.push(name);
  return name;
}

const lines = Object.keys(table)
  .sort()
  .map((name) => `${JSON.stringify(name)}: ${JSON.stringify(table[name])}`);
writeFileSync(new URL('fields.json', import.meta.url), `{\n${lines.join(',\n')}\n}\n`);
console.log(`${lines.length} messages`);
