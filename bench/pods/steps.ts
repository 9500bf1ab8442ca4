import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { Node, Pod } from '../../api/types.ts';
import { startTestApiserver } from '../../apiserver/testing/apiserver.ts';
import { decide } from '../../controllers/scheduler/decide.ts';
import { median } from '../statistics.ts';

/** Milliseconds of one write each, sent over a Unix socket and awaited. */
export interface ApiFigures {
  create: number;
  bind: number;
  status: number;
  event: number;
}

const podsPath = '/api/v1/namespaces/default/pods';
const times = 200;

/** What an API alone takes for the writes that a pod is, one at a time. */
export async function measureApi(): Promise<ApiFigures> {
  const server = await startTestApiserver();
  const agent = new Agent({ keepAlive: true });
  const send = (method: string, path: string, body: object, type?: string) =>
    call({ socketPath: server.socket, agent, method, path }, body, type);
  const typical = async (operation: (index: number) => Promise<void>) => {
    const taken: number[] = [];
    for (let index = 0; index < times; index++) {
      const began = performance.now();
      await operation(index);
      taken.push(performance.now() - began);
    }
    return median(taken);
  };
  try {
    return {
      create: await typical((i) => send('POST', podsPath, podOf(i))),
      bind: await typical((i) =>
        send('POST', `${podsPath}/pod-${i}/binding`, {
          metadata: { name: `pod-${i}` },
          target: { name: 'node-1' },
        }),
      ),
      status: await typical((i) =>
        send(
          'PATCH',
          `${podsPath}/pod-${i}/status`,
          { status: { phase: 'Running', podIP: '10.244.1.2', podIPs: [{ ip: '10.244.1.2' }] } },
          'application/merge-patch+json',
        ),
      ),
      event: await typical((i) =>
        send('POST', '/api/v1/namespaces/default/events', {
          metadata: { name: `pod-${i}.1` },
          involvedObject: { kind: 'Pod', name: `pod-${i}`, namespace: 'default' },
          reason: 'Started',
          message: 'Started container c',
          type: 'Normal',
        }),
      ),
    };
  } finally {
    agent.destroy();
    await server.stop();
  }
}

async function call(
  options: { socketPath: string; agent: Agent; method: string; path: string },
  body: object,
  type = 'application/json',
): Promise<void> {
  const text = JSON.stringify(body);
  const headers = { 'content-type': type, 'content-length': Buffer.byteLength(text) };
  const outgoing = request({ ...options, headers });
  outgoing.end(text);
  const [response] = await once(outgoing, 'response');
  response.resume();
  await once(response, 'end');
  if (response.statusCode >= 300)
    throw new Error(`${options.method} ${options.path}: HTTP ${response.statusCode}`);
}

const podOf = (index: number) => ({
  metadata: { name: `pod-${index}`, labels: { app: 'bench' } },
  spec: { containers: [{ name: 'c', image: 'registry.k8s.io/pause:3.10' }] },
});

/** Milliseconds of one decision among so many nodes, with as many pods as there will be at the end. */
export function measureScheduler(nodes: number, pods: number): number {
  const infos = Array.from({ length: nodes }, (_, index) => ({
    node: nodeOf(index),
    pods: Array.from({ length: Math.floor(pods / nodes) }, (_, pod) => podOf(pod) as Pod),
  }));
  const snapshot = { nodes: infos, namespaceOf: () => undefined };
  const began = performance.now();
  for (let index = 0; index < times; index++) decide(podOf(index) as Pod, snapshot);
  return (performance.now() - began) / times;
}

const nodeOf = (index: number): Node => ({
  metadata: { name: `node-${index}` },
  status: {
    allocatable: { cpu: '64', memory: '256Gi', pods: '110' },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
});
