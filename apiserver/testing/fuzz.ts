import { type IncomingMessage, request } from 'node:http';
import { encodeAnswer } from '../protobuf/answers.ts';

/** Gives whole numbers from 0 to below its argument, the same from the same seed: mulberry32. */
type Random = (below: number) => number;

function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export interface FuzzOptions {
  socket: string;
  seed: number;
  count: number;
}

/**
 * Sends requests that nobody would mean: right and wrong paths, queries, media types and bodies mixed at random.
 * Resolves to how often each code was answered, and to what is no answer of a server that understands what it does:
 * none at all, a failure of its own, or a failure without a `Status`.
 */
export async function fuzz({ socket, seed, count }: FuzzOptions) {
  const random = randomFrom(seed);
  const codes: Record<number, number> = {};
  const wrong: string[] = [];
  for (let i = 0; i < count; i++) {
    const one = randomRequest(random);
    const { code, text } = await send(socket, one);
    codes[code] = (codes[code] ?? 0) + 1;
    const isStatus = code < 400 || /"kind": ?"Status"|^k8s\0|kind: Status/.test(text);
    // 501 to 504: of what a proxy leads to, and is not there.
    if (code !== 0 && code !== 500 && isStatus) continue;
    const body = one.body?.subarray(0, 300).toString();
    wrong.push(`${one.method} ${one.path} ${JSON.stringify(one.headers)} ${body}: ${code} ${text}`);
  }
  return { codes, wrong };
}

interface FuzzRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
}

const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)] as T;

const collections = [
  '/api/v1/configmaps',
  '/api/v1/namespaces',
  '/api/v1/nodes',
  '/api/v1/namespaces/default/configmaps',
  '/api/v1/namespaces/default/services',
  '/api/v1/namespaces/default/pods',
  '/api/v1/namespaces/default/events',
  '/api/v1/namespaces/%2e%2e/secrets',
  '/apis/apps/v1/namespaces/default/deployments',
  '/apis/apps/v1/namespaces/default/../../kube-system/deployments',
  '/apis/extensions/v1beta1/namespaces/default/ingresses',
  '/apis/events.k8s.io/v1/namespaces/default/events',
  '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers',
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  '/apis/__proto__/constructor/namespaces/default/toString',
  '/openapi/v3/apis/nonsense',
  '/api',
];
const names = [
  ...['a', 'b', 'default', '..', '.', '%2f', '%2e%2e%2f%2e%2e', '%00', 'a%00b', '%ff', '%', 'A_B', '-'],
  ...['__proto__', 'constructor', 'toString', '%C3%A9', '%F0%9F%98%80', 'x'.repeat(300), 'a;b', 'a:b', '*'],
];
const subresources = [
  '',
  '',
  '',
  'status',
  'scale',
  'log',
  'exec',
  'token',
  'eviction',
  'binding',
  'nonsense',
];
const words = [
  '',
  '0',
  '1',
  '-1',
  '1e9',
  '99999999999999999999',
  'true',
  'a=b',
  'a in (',
  '!',
  'metadata.name=a',
];
const parameters = [
  ...['limit', 'continue', 'labelSelector', 'fieldSelector', 'resourceVersion', 'resourceVersionMatch'],
  ...['dryRun', 'fieldManager', 'fieldValidation', 'force', 'pretty', 'includeObject', 'sendInitialEvents'],
  ...['gracePeriodSeconds', 'propagationPolicy', 'tailLines', 'container', '__proto__'],
];
const mediaTypes = [
  ...['application/json', 'application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'],
  ...['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'],
  ...['application/strategic-merge-patch+json', 'text/plain', 'application/cbor'],
];
const accepts = [
  ...['*/*', 'application/json', 'application/vnd.kubernetes.protobuf', 'application/yaml', 'text/html'],
  'application/json;as=Table;g=meta.k8s.io;v=v1',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
];

function randomRequest(random: Random): FuzzRequest {
  const name = random(3) === 0 ? '' : `/${pick(random, names)}`;
  const sub = name && random(2) ? `/${pick(random, subresources)}` : '';
  const query = Array.from({ length: random(3) }, () => `${pick(random, parameters)}=${pick(random, words)}`);
  const method = pick(random, [
    'GET',
    'GET',
    'POST',
    'POST',
    'PUT',
    'PATCH',
    'PATCH',
    'DELETE',
    'HEAD',
    'TRACE',
  ]);
  const type = pick(random, mediaTypes);
  const accept = pick(random, accepts);
  const body = method === 'GET' || method === 'HEAD' || method === 'TRACE' ? undefined : bodyOf(random, type);
  const path = `${pick(random, collections)}${name}${sub}?${query.join('&')}`;
  // Node.js' client would leave out the length of a DELETE.
  const length = body ? { 'content-length': String(body.length) } : {};
  return {
    method,
    path: path.replaceAll(' ', '%20'),
    headers: { 'content-type': type, accept, ...length },
    body,
  };
}

const objects = [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', labels: { a: 'b' } }, data: { a: 'b' } },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'a' },
    spec: { ports: [{ port: 80, targetPort: 'http' }], selector: { a: 'b' }, type: 'NodePort' },
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'a-' },
    spec: { containers: [{ name: 'a', image: 'a', ports: [{ containerPort: 80 }] }] },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'a' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'a', image: 'a' }] } },
    },
  },
  {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'as.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'as', kind: 'A' },
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
      ],
    },
  },
  { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: 'a' }, propagationPolicy: 'Orphan' },
  [{ op: 'replace', path: '/metadata/labels/a', value: 'c' }],
  [{ op: 'move', from: '/data', path: '/data/__proto__/a' }],
];

function bodyOf(random: Random, type: string): Buffer {
  const object = structuredClone(pick(random, objects)) as object;
  for (let i = random(4); i > 0; i--) mutate(random, object);
  const protobuf = type.endsWith('protobuf') ? encoded(object) : undefined;
  const bytes = protobuf ?? Buffer.from(JSON.stringify(object) ?? '');
  if (bytes.length > 0) for (let i = random(3); i > 0; i--) bytes[random(bytes.length)] = random(256);
  return random(8) ? bytes : bytes.subarray(0, random(bytes.length + 1));
}

/** Undefined for what protobuf has no form of. */
function encoded(object: object): Buffer | undefined {
  try {
    return encodeAnswer(object);
  } catch {
    // Values of other types than the fields': JSON has to do.
    return undefined;
  }
}

const hostile = (random: Random): unknown =>
  pick<() => unknown>(random, [
    () => null,
    () => [],
    () => ({}),
    () => -1,
    () => 1e300,
    () => true,
    () => '',
    () => 'x'.repeat(5_000),
    () => '\u0000\ud800',
    () => JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
    () => JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`),
  ])();

/** Puts something in the place of a value somewhere inside, or a name in the place of a field's. */
function mutate(random: Random, object: object): void {
  let at = object as Record<string, unknown>;
  for (;;) {
    const keys = Object.keys(at);
    const key = keys.length > 0 ? pick(random, keys) : 'a';
    const inner = at[key];
    if (typeof inner === 'object' && inner !== null && random(4)) {
      at = inner as Record<string, unknown>;
      continue;
    }
    const name = random(4) ? key : pick(random, ['__proto__', 'constructor', 'a', 'resourceVersion', 'name']);
    Object.defineProperty(at, name, {
      value: hostile(random),
      enumerable: true,
      configurable: true,
      writable: true,
    });
    return;
  }
}

/** Code 0 where there is no answer. */
function send(socketPath: string, { method, path, headers, body }: FuzzRequest) {
  return new Promise<{ code: number; text: string }>((resolve) => {
    const gone = (error: Error) => resolve({ code: 0, text: error.message });
    const outgoing = request(
      { socketPath, method, path, headers, agent: false },
      (response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () => {
          // A HEAD is answered without a body.
          const text = method === 'HEAD' ? '"kind":"Status"' : Buffer.concat(chunks).toString();
          resolve({ code: response.statusCode ?? 0, text });
        });
        response.once('error', gone);
      },
    );
    outgoing.once('error', gone);
    outgoing.end(body);
  });
}
