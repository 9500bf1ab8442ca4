/**
 * The one long-lived program of a lab: `node supervisor.cjs SPEC.json`, started by PID 1 while the set-up
 * script runs; the script's output, ending in `ok`, is this program's standard input.
 * When it ends, for whatever reason, PID 1 and so the whole lab end.
 */
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Component, supervise } from './components.ts';
import { controlPath, startControl } from './control.ts';
import { createNodes } from './nodes.ts';
import { startRelay } from './relay.ts';
import { type ComponentSpec, gateway, gateway6, hasIpv6, type LabSpec } from './spec.ts';

const startedAt = performance.timeOrigin;
const log = (message: string) => console.log(`${new Date().toISOString()} ${message}`);

const spec: LabSpec = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const channel = new Socket({ fd: spec.channelFd });
/** Whether the starter has taken note of the lab; until then nobody could find it again. */
let handedOver = false;
channel.on('data', () => {
  handedOver = true;
});
channel.on('error', () => channel.destroy());
channel.on('close', () => {
  if (handedOver && spec.lifetime === 'detached') return;
  log('the owner is gone; the lab ends');
  process.exit(0);
});

run().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  log(message);
  channel.write(`${JSON.stringify({ error: message })}\n`, () => process.exit(1));
});

async function run(): Promise<void> {
  const said = (await text(process.stdin)).trim();
  if (said !== 'ok') throw new Error(`setting up the network of lab "${spec.name}" failed: ${said}`);
  const network = performance.timeOrigin + performance.now();
  const components = new Map<string, Component>();
  const start = (component: ComponentSpec) => {
    const options = { logDir: join(spec.stateDir, 'log'), sockets: spec.sockets, env: process.env, log };
    components.set(component.name, supervise(component, options));
  };
  for (const component of spec.components) start(component);
  const nodes = createNodes(spec, { components, start, log });
  await Promise.all([
    // A machine has name servers of its own.
    spec.onMachine
      ? undefined
      : startRelay({
          listen: [gateway, ...(hasIpv6(spec.nodes) ? [gateway6] : [])].map((address) => ({
            address,
            port: 53,
          })),
          upstreams: spec.nameservers,
          log,
        }),
    startControl(controlPath(spec.stateDir), async (request) => {
      if (request.do === 'add-component') await nodes.addComponent(request.component);
      if (request.do === 'add-node') await nodes.add(request.node, request.components);
      if (request.do === 'remove-node') await nodes.remove(request.node, request.netns);
      if (request.do === 'restart') {
        const component = components.get(request.component);
        if (!component) throw new Error(`there is no component "${request.component}"`);
        component.restart();
      }
      if (request.do === 'stop') setImmediate(() => process.exit(0));
      return { components: [...components.values()].map((component) => component.status()) };
    }),
  ]);
  channel.write(`${JSON.stringify({ supervisor: startedAt, network })}\n`);
  log(`lab "${spec.name}" is up`);
}
