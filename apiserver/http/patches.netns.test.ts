import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { configMap, sendTo } from '../testing/fields.ts';

let server: TestApiserver;
const path = '/api/v1/namespaces/default/configmaps/patched';

beforeAll(async () => {
  server = await startTestApiserver();
  await sendTo(server.socket, 'POST', path.replace('/patched', ''), configMap('patched', { a: '1' }));
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

interface Answer {
  code: number;
  message: string;
  warnings: string[];
}

function patch(type: string, body: string, query = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': `application/${type}` };
    const to = `${path}?dryRun=All${query}`;
    const outgoing = httpRequest(
      { socketPath: server.socket, method: 'PATCH', path: to, headers },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += String(chunk);
        });
        response.on('end', () => {
          const { message = '' } = JSON.parse(text) as { message?: string };
          const warnings = ([] as string[])
            .concat(response.headers.warning ?? [])
            .flatMap((one) => one.split(', 299'));
          resolve({
            code: response.statusCode ?? 0,
            message,
            warnings: warnings.map((one) => one.replace(/^(299)? - /, '')),
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** What is said of a patch in each way of validation. Upstream: apiserver `pkg/endpoints/handlers/patch.go`. */
describe.each([
  [
    'json-patch+json',
    '[{"op":"add","path":"/data/b","value":"2","more":1}]',
    'json patch unknown field "[0].more"',
  ],
  [
    'json-patch+json',
    '[{"op":"add","path":"/data/b","value":"1","value":"2"}]',
    'json patch duplicate field "[0].value"',
  ],
  ['json-patch+json', '[{"op":"add","path":"/dta","value":{}}]', 'unknown field "dta"'],
  ['merge-patch+json', '{"data":{"b":"1"},"data":{"b":"2"}}', 'duplicate field "data"'],
  ['merge-patch+json', '{"dta":{}}', 'unknown field "dta"'],
  ['strategic-merge-patch+json', '{"data":{"b":"1","b":"2"}}', 'duplicate field "data.b"'],
  ['strategic-merge-patch+json', '{"dta":{}}', 'unknown field "dta"'],
])('%s %s', (type, body, finding) => {
  it('is warned of, refused, or taken', async () => {
    expect(await patch(type, body)).toMatchObject({ code: 200, warnings: [JSON.stringify(finding)] });
    expect(await patch(type, body, '&fieldValidation=Ignore')).toMatchObject({ code: 200, warnings: [] });
    const { code, message } = await patch(type, body, '&fieldValidation=Strict');
    expect([code, message.endsWith(`: strict decoding error: ${finding}`)], message).toEqual([422, true]);
  });
});

it('a configuration that says a field twice is warned of or refused, one that says too much refused', async () => {
  const twice = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched}\ndata: {c: "1", c: "2"}\n';
  const query = '&fieldManager=ann';
  expect(await patch('apply-patch+yaml', twice, query)).toMatchObject({
    code: 200,
    warnings: [expect.stringContaining('data')],
  });
  const strict = await patch('apply-patch+yaml', twice, `${query}&fieldValidation=Strict`);
  expect([strict.code, strict.message]).toEqual([
    400,
    expect.stringContaining('error strict decoding YAML:'),
  ]);
});

it('a configuration of what is not there has a name', async () => {
  const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'x-' } };
  const to = `${path.replace('patched', 'nameless')}?fieldManager=ann`;
  const answer = await sendTo<{ message: string }>(
    server.socket,
    'PATCH',
    to,
    config,
    'application/apply-patch+yaml',
  );
  expect([answer.code, answer.body.message]).toEqual([
    400,
    'the name of the object (nameless based on URL) was undeterminable: name must be provided',
  ]);
});
