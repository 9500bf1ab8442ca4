/**
 * Run in a guest kernel that has IPVS: `node guest.ts FOLDER SEED ROUNDS KUBE-PROXY [FLAG…]`. Two nodes in mode ipvs, a
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
const [folder = '', seed = '1', rounds = '3', ...command] = process.argv.slice(2);
const api = await startTestApiserver({ serviceCidrs: ['10.96.0.0/16', 'fd00:96::/112'] });
const at = { folder, socket: api.socket };
const writer = await createRoundWriter(api.client);
const nodes = [
  await startProxiedNode({ name: 'ipvs-genuine', mode: 'ipvs', command, setting }, at),
  await startProxiedNode({ name: 'ipvs', mode: 'ipvs', command: ownCommand(), setting }, at),
];
for (const [i, round] of randomRounds(Number(seed), Number(rounds)).entries()) {
  const { objects, mark } = await writer.write(round);
  const [genuine, ours] = await Promise.all(nodes.map((node) => node.rulesWith(mark)));
  appendFileSync(join(folder, 'ipvs.jsonl'), `${JSON.stringify({ objects, genuine, ours })}\n`);
  console.log(`mode ipvs: round ${i + 1} of ${rounds}`);
}
for (const node of nodes) await node[Symbol.asyncDispose]();
await api.stop();
process.exit(api.failures.length > 0 ? 1 : 0);
