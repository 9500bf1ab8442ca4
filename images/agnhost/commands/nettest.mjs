// agnhost nettest: pods of a Service post to each other, and each says whom it reached and who reached it. Upstream: nettest/nettest.go.
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { askApiserver } from './in-cluster.mjs';
import { flagsOf } from './reviews.mjs';

const flags = flagsOf(process.argv.slice(2), {
  port: '8080',
  peers: '8',
  service: 'nettest',
  namespace: 'default',
  'delay-shutdown': '0',
});
const peers = Number(flags.peers);
const state = {
  Hostname: hostname(),
  Sent: null,
  Received: null,
  Errors: null,
  Log: null,
  StillContactingPeers: true,
};
const seconds = (count) => new Promise((resolve) => setTimeout(resolve, count * 1000));
const count = (map, name) => ({ ...map, [name]: (map?.[name] ?? 0) + 1 });
const sizeOf = (map) => Object.keys(map ?? {}).length;
const note = (line) => {
  state.Log = [...(state.Log ?? []), line].slice(-500);
};

for (const signal of ['SIGTERM', 'SIGINT'])
  process.on(signal, async () => {
    const delay = Number(flags['delay-shutdown']);
    if (delay === 0) process.exit(2);
    console.error(`Sleeping ${delay} seconds before exit ...`);
    await seconds(delay);
    process.exit(0);
  });

const routes = {
  '/quit': () => process.exit(0),
  '/read': () => JSON.stringify(state, null, '\t'),
  '/status': () => {
    if (sizeOf(state.Sent) >= peers && sizeOf(state.Received) >= peers) return 'pass';
    return state.StillContactingPeers ? 'running' : 'fail';
  },
  '/write': (body) => {
    try {
      const { Source } = JSON.parse(body);
      if (!Source) throw new Error(`${state.Hostname}: Got request with no source`);
      state.Received = count(state.Received, Source);
    } catch (error) {
      state.Errors = [...(state.Errors ?? []), error.message];
    }
    return `${JSON.stringify({ Hostname: state.Hostname })}\n`;
  },
};
createServer(async (request, response) => {
  const route = routes[new URL(request.url, 'http://localhost').pathname];
  if (!route) return response.writeHead(404).end('404 page not found\n');
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  response.end(route(Buffer.concat(chunks).toString()));
}).listen(Number(flags.port));

const pause = Math.max(5, peers / 10);
const end = Date.now() + Math.max(300, peers) * 1000;
while (Date.now() < end && (await endpoints()).length < peers) await seconds(pause);
// Again and again: who started late is not in the first lists.
for (let i = 0; i < 15; i++) {
  for (const one of await endpoints()) await contact(one);
  await seconds(pause);
}
state.StillContactingPeers = false;

async function endpoints() {
  try {
    const { subsets = [] } = await askApiserver(
      `/api/v1/namespaces/${flags.namespace}/endpoints/${flags.service}`,
    );
    return subsets.flatMap(({ addresses = [], ports = [] }) =>
      addresses.flatMap(({ ip }) =>
        ports.map(({ port }) => `http://${ip.includes(':') ? `[${ip}]` : ip}:${port}`),
      ),
    );
  } catch (error) {
    note(`Unable to read the endpoints for ${flags.namespace}/${flags.service}: ${error.message}.`);
    return [];
  }
}

async function contact(endpoint) {
  note(`Attempting to contact ${endpoint}`);
  try {
    const body = JSON.stringify({ Dest: endpoint, Source: state.Hostname });
    const answer = await fetch(`${endpoint}/write`, { method: 'POST', body });
    state.Sent = count(state.Sent, (await answer.json()).Hostname);
  } catch (error) {
    note(`Warning: unable to contact the endpoint "${endpoint}": ${error.message}`);
  }
}
