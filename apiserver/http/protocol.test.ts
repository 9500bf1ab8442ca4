import { generateKeyPairSync } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Status } from '../../api/types.ts';
import { createRequest } from '../../api/x509/request.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

const maps = '/api/v1/namespaces/default/configmaps';

async function send(method: string, path: string, body?: string, headers: Record<string, string> = {}) {
  return new Promise<{ code: number; type: string; warnings: string; text: string; json: Status }>(
    (resolve, reject) => {
      const outgoing = httpRequest({ socketPath: server.socket, method, path, headers }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({
            code: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            warnings: response.headers.warning ?? '',
            text,
            get json() {
              return JSON.parse(text) as Status;
            },
          }),
        );
      });
      outgoing.once('error', reject);
      outgoing.end(body);
    },
  );
}

const yaml = { 'content-type': 'application/yaml' };
const json = { 'content-type': 'application/json' };

describe('bodies', () => {
  it('may be YAML', async () => {
    const { code } = await send('POST', maps, 'metadata:\n  name: from-yaml\ndata: {a: b}\n', yaml);
    expect(code).toBe(201);
  });

  it('that are no JSON are refused', async () => {
    const { code, json: status } = await send('POST', maps, '{"metadata":', json);
    expect(code).toBe(400);
    expect(status).toMatchObject({ kind: 'Status', reason: 'BadRequest' });
  });

  it('of other media types are refused, and so are patches of unknown types', async () => {
    expect((await send('POST', maps, 'x', { 'content-type': 'text/plain' })).code).toBe(415);
    await send('POST', maps, '{"metadata":{"name":"patched"}}', json);
    const { code, json: status } = await send('PATCH', `${maps}/patched`, '{}', json);
    expect(code).toBe(415);
    expect(status.message).toContain('accepted media types include: application/json-patch+json');
  });

  it('have a limit of 3 MiB', async () => {
    const { code, json: status } = await send('POST', maps, `{"a":"${'x'.repeat(3 * 1024 * 1024)}"}`, json);
    expect(code).toBe(413);
    expect(status.reason).toBe('RequestEntityTooLarge');
  });

  it('of another kind than the path are refused', async () => {
    const other = await send('POST', maps, '{"apiVersion":"apps/v1","kind":"Deployment"}', json);
    expect(other.json.message).toBe(
      'the API version in the data (apps/v1) does not match the expected API version (v1)',
    );
    expect((await send('POST', maps, '{"apiVersion":"v1","kind":"Secret"}', json)).code).toBe(400);
  });

  it('with unknown fields are refused, warned of or taken, as the client wishes', async () => {
    const body = (name: string) => `{"metadata":{"name":"${name}"},"dada":{}}`;
    const strict = await send('POST', `${maps}?fieldValidation=Strict`, body('strict'), json);
    expect(strict.code).toBe(400);
    expect(strict.json.message).toContain('strict decoding error: unknown field "dada"');
    const warned = await send('POST', `${maps}?fieldValidation=Warn`, body('warned'), json);
    expect(warned.code).toBe(201);
    expect(warned.warnings).toBe('299 - "unknown field \\"dada\\""');
    const ignored = await send('POST', `${maps}?fieldValidation=Ignore`, body('ignored'), json);
    expect([ignored.code, ignored.warnings]).toEqual([201, '']);
    expect(ignored.text).not.toContain('dada');
    expect((await send('POST', `${maps}?fieldValidation=Loose`, body('x'), json)).code).toBe(422);
    expect((await send('POST', `${maps}?dryRun=Some`, body('x'), json)).code).toBe(422);
  });
});

describe('paths and methods', () => {
  it.each([
    ['GET', '/api/v1/namespaces/default/widgets', 404],
    ['GET', '/apis/none.example/v1', 404],
    ['GET', '/apis/apps/v1/namespaces/default/deployments/a/scale/b', 404],
    ['GET', '/nonsense', 404],
    ['GET', `${maps}/none`, 404],
    ['PUT', maps, 405],
    ['PATCH', maps, 405],
    ['POST', `${maps}/none`, 405],
    ['OPTIONS', maps, 405],
    ['GET', '/apis/%E0%A4%A', 400],
  ])('%s %s answers %i with a Status', async (method, path, expected) => {
    const { code, type, json: status } = await send(method, path, /^P/.test(method) ? '{}' : undefined, json);
    expect(code).toBe(expected);
    expect(type).toBe('application/json');
    expect(status).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: expected });
  });

  it('refuse media types that are not served', async () => {
    const { code } = await send('GET', maps, undefined, { accept: 'application/xml' });
    expect(code).toBe(406);
  });

  it('can answer YAML', async () => {
    const { type, text } = await send('GET', '/api/v1/namespaces/default', undefined, {
      accept: 'application/yaml',
    });
    expect(type).toBe('application/yaml');
    expect(text).toContain('kind: Namespace\n');
  });
});

describe('discovery', () => {
  it('lists groups and kinds', async () => {
    const apps = JSON.parse((await send('GET', '/apis/apps/v1')).text) as { resources: { name: string }[] };
    expect(apps.resources.map(({ name }) => name)).toEqual([
      'controllerrevisions',
      'daemonsets',
      'daemonsets/status',
      'deployments',
      'deployments/scale',
      'deployments/status',
      'replicasets',
      'replicasets/scale',
      'replicasets/status',
      'statefulsets',
      'statefulsets/scale',
      'statefulsets/status',
    ]);
    expect((await send('GET', '/version')).text).toContain('"gitVersion":"v1.33.0"');
  });

  it.each(['v2', 'v2beta1'])('comes aggregated as %s, with an ETag', async (version) => {
    const accept = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList,application/json`;
    const { type, text } = await send('GET', '/apis', undefined, { accept });
    expect(type).toBe(`application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`);
    const { kind, items } = JSON.parse(text) as { kind: string; items: { metadata: { name: string } }[] };
    expect(kind).toBe('APIGroupDiscoveryList');
    expect(items.map(({ metadata }) => metadata.name)).toContain('apps');
  });
});

describe('metadata only', () => {
  it('is served when asked for', async () => {
    await send('POST', maps, '{"metadata":{"name":"partial"},"data":{"large":"value"}}', json);
    const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
    const { text } = await send('GET', `${maps}?fieldSelector=metadata.name%3Dpartial`, undefined, {
      accept,
    });
    expect(JSON.parse(text)).toMatchObject({
      kind: 'PartialObjectMetadataList',
      items: [{ kind: 'PartialObjectMetadata', metadata: { name: 'partial' } }],
    });
    expect(text).not.toContain('"large"');
  });
});

describe('JSON for people', () => {
  const path = '/api/v1/namespaces/default';

  it('stands on many lines for curl, and for who asks for it', async () => {
    const plain = await send('GET', path);
    expect(plain.text).not.toContain('\n  ');
    for (const answer of [
      await send('GET', path, undefined, { 'User-Agent': 'curl/8.0' }),
      await send('GET', `${path}?pretty=true`),
      await send('GET', `${path}?limit=1&pretty`),
    ]) {
      expect(answer.text).toContain('{\n  "kind": "Namespace"');
      expect(answer.json).toEqual(plain.json);
    }
    const refused = await send('GET', `${path}?pretty=false`, undefined, { 'User-Agent': 'curl/8.0' });
    expect(refused.text).toBe(plain.text);
  });
});

describe('reviews of v1beta1', () => {
  it('have the groups of who is asked about under another name', async () => {
    const path = '/apis/authorization.k8s.io/v1beta1/subjectaccessreviews';
    const spec = {
      user: 'bob',
      group: ['system:masters'],
      resourceAttributes: { verb: 'get', resource: 'pods' },
    };
    const body = JSON.stringify({
      apiVersion: 'authorization.k8s.io/v1beta1',
      kind: 'SubjectAccessReview',
      spec,
    });
    const answer = await send('POST', path, body, { 'Content-Type': 'application/json' });
    expect(answer).toMatchObject({ code: 201, json: { spec, status: { allowed: true } } });
  });
});

describe('evictions', () => {
  it('come as policy/v1, and from kubectl 1.20 as its beta', async () => {
    const pods = '/api/v1/namespaces/default/pods';
    const json = { 'Content-Type': 'application/json' };
    for (const apiVersion of ['policy/v1', 'policy/v1beta1', 'policy/v2']) {
      const spec = { containers: [{ name: 'a', image: 'a' }] };
      await send('POST', pods, JSON.stringify({ metadata: { name: 'evicted' }, spec }), json);
      const eviction = JSON.stringify({ apiVersion, kind: 'Eviction', metadata: { name: 'evicted' } });
      const { code } = await send('POST', `${pods}/evicted/eviction`, eviction, json);
      expect([apiVersion, code]).toEqual([apiVersion, apiVersion === 'policy/v2' ? 400 : 201]);
    }
  });
});

describe('certificate requests of v1beta1', () => {
  it('need no signer, which those of version 1 may not be without', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const request = createRequest(privateKey, { commonName: 'ann', organizations: [] });
    const body = (name: string, signer = {}) =>
      JSON.stringify({
        metadata: { name },
        spec: { request: Buffer.from(request).toString('base64'), usages: ['client auth'], ...signer },
      });
    const path = (version: string) => `/apis/certificates.k8s.io/${version}/certificatesigningrequests`;
    const json = { 'Content-Type': 'application/json' };
    expect((await send('POST', path('v1beta1'), body('old'), json)).code).toBe(201);
    const legacy = { signerName: 'kubernetes.io/legacy-unknown' };
    expect((await send('POST', path('v1'), body('new', legacy), json)).code).toBe(422);
    const approval = await send('GET', `${path('v1')}/old`);
    const approved = {
      ...JSON.parse(approval.text),
      status: { conditions: [{ type: 'Approved', status: 'True' }] },
    };
    const answer = await send('PUT', `${path('v1')}/old/approval`, JSON.stringify(approved), json);
    expect(answer.code).toBe(200);
  });
});
