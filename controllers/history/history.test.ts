import { expect, test } from 'vitest';
import { newRevision } from './history.ts';

test('a revision is the text that clients in Go write of the template', () => {
  const template = {
    spec: { restartPolicy: 'Always', containers: [{ name: 'app', image: 'httpd' }] },
    metadata: { labels: { b: '2', a: '1' } },
  };
  const owner = { metadata: { name: 'set', namespace: 'default', uid: 'u' }, spec: { template } };
  const { data, revision } = newRevision(
    { apiVersion: 'apps/v1', kind: 'DaemonSet', ...owner },
    3,
    undefined,
  );
  expect(revision).toBe(3);
  expect(JSON.stringify(data)).toBe(
    '{"spec":{"template":{"$patch":"replace","metadata":{"creationTimestamp":null,"labels":{"a":"1","b":"2"}},' +
      '"spec":{"containers":[{"image":"httpd","name":"app","resources":{}}],"restartPolicy":"Always"}}}}',
  );
});
