/**
 * Run in a guest kernel that has IPVS: `node guest.ts KUBE-PROXY FOLDER SEEDS ROUNDS GATES`. Two nodes in mode ipvs, a
 * genuine one and ours, are given the same rounds of objects; what their tools print goes to a line of `FOLDER/ipvs.jsonl` each.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestApiserver } from '../../apiserver/testing/apiserver.ts';
import { createRoundWriter } from './api.ts';
import { ownCommand, startProxiedNode } from './nodes.ts';
import { randomRounds } from './objects.ts';
import { settings } from './settings.ts';

const [setting] = settings;
const [kubeProxy = '', folder = '', seeds = '1', rounds = '3', ...gates] = process.argv.slice(2);
const api = await startTestApiserver({ serviceCidrs: ['10.96.0.0/16', 'fd00:96::/112'] });
const at = { folder, socket: api.socket };
const writer = await createRoundWriter(api.client);
const nodes = [
  await startProxiedNode({ name: 'ipvs-genuine', mode: 'ipvs', command: [kubeProxy, ...gates], setting }, at),
  await startProxiedNode({ name: 'ipvs', mode: 'ipvs', command: ownCommand(), setting }, at),
];
for (let seed = 1; seed <= Number(seeds); seed++)
  for (const round of randomRounds(seed, Number(rounds))) {
    const { objects, mark } = await writer.write(round);
    const [genuine, ours] = await Promise.all(nodes.map((node) => node.rulesWith(mark)));
    appendFileSync(join(folder, 'ipvs.jsonl'), `${JSON.stringify({ objects, genuine, ours })}\n`);
    console.log(`mode ipvs: history ${seed} of ${seeds}`);
  }
for (const node of nodes) await node[Symbol.asyncDispose]();
await api.stop();
process.exit(api.failures.length > 0 ? 1 : 0);
