import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createModel } from '../model/model.ts';
import { service, slice } from '../testing/objects.ts';
import { checkedServices, createServiceHealth } from './services.ts';

let healthy = true;
const errors: string[] = [];
const health = createServiceHealth({
  healthy: () => healthy,
  onError: (name, _, error) => errors.push(`${name}: ${error}`),
});
afterEach(async () => {
  await health.close();
  healthy = true;
  errors.length = 0;
});
const loopback = ['127.0.0.1'];
const probe = (port: number) => fetch(`http://127.0.0.1:${port}/`);

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

test('a Service with local endpoints is 200, one without 503, with upstream’s headers and body', async () => {
  const port = await freePort();
  await health.sync(new Map([['ns/web', { port, localEndpoints: 2 }]]), loopback);
  const up = await probe(port);
  expect(up.status).toBe(200);
  expect(up.headers.get('x-load-balancing-endpoint-weight')).toBe('2');
  expect(up.headers.get('content-type')).toBe('application/json');
  expect(up.headers.get('x-content-type-options')).toBe('nosniff');
  expect(await up.text()).toBe(
    '{\n\t"service": {\n\t\t"namespace": "ns",\n\t\t"name": "web"\n\t},\n\t"localEndpoints": 2,\n\t"serviceProxyHealthy": true\n}',
  );
  await health.sync(new Map([['ns/web', { port, localEndpoints: 0 }]]), loopback);
  const down = await probe(port);
  expect(down.status).toBe(503);
  expect(await down.json()).toMatchObject({ localEndpoints: 0 });
});

test('a proxy that is stuck answers 503 for every Service', async () => {
  const port = await freePort();
  await health.sync(new Map([['ns/web', { port, localEndpoints: 1 }]]), loopback);
  healthy = false;
  const answer = await probe(port);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ localEndpoints: 1, serviceProxyHealthy: false });
});

test('servers follow ports and Services', async () => {
  const [one, two] = [await freePort(), await freePort()];
  await health.sync(new Map([['ns/web', { port: one, localEndpoints: 1 }]]), loopback);
  await health.sync(new Map([['ns/web', { port: two, localEndpoints: 1 }]]), loopback);
  expect((await probe(two)).status).toBe(200);
  await expect(probe(one)).rejects.toThrow();
  await health.sync(new Map(), loopback);
  await expect(probe(two)).rejects.toThrow();
});

test('a port that is taken is told of, and opened when it is free', async () => {
  const squatter = createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  const address = squatter.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const services = new Map([['ns/web', { port, localEndpoints: 1 }]]);
  await health.sync(services, loopback);
  expect(errors).toEqual([expect.stringContaining('EADDRINUSE')]);
  squatter.close();
  await once(squatter, 'close');
  await health.sync(services, loopback);
  expect((await probe(port)).status).toBe(200);
});

test('each ready endpoint of this node counts once, whatever the number of ports', () => {
  const model = createModel('IPv4', 'worker');
  model.setService(
    'ns/web',
    service('ns/web', {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.10',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 32000,
      ports: [
        { name: 'p80', port: 80 },
        { name: 'p81', port: 81 },
      ],
    }),
  );
  const endpoints = [
    { ip: '10.244.1.5', node: 'worker' },
    { ip: '10.244.1.6', node: 'worker', ready: false, serving: true, terminating: true },
    { ip: '10.244.2.5', node: 'worker2' },
  ];
  model.setSlice('ns/web-a', slice('ns/web', endpoints));
  model.setSlice('ns/web-b', slice('ns/web', endpoints, { portName: 'p81', suffix: 'b' }));
  model.setService('ns/other', service('ns/other', { clusterIP: '10.96.0.11', ports: [{ port: 80 }] }));
  expect(checkedServices(model.rows().values())).toEqual(
    new Map([['ns/web', { port: 32000, localEndpoints: 1 }]]),
  );
});
