/** `node start.ts STATE_DIR LIFETIME`: starts a lab, tries it, prints what it saw as a line of JSON, and stays for an owner. */
import { startLab } from '../lab.ts';
import { nodes, web } from './host.ts';

const [stateDir = '', lifetime] = process.argv.slice(2);
const lab = await startLab({
  name: 'child',
  stateDir,
  nodes,
  components: [web],
  apiPort: 0,
  nameservers: [],
  lifetime: lifetime === 'owner' ? 'owner' : 'detached',
});
const answer = await (await fetch(`http://127.0.0.1:${lab.apiPort}`)).text();
const ping = await lab.enter(['ping', '-c', '1', '-W', '5', '172.18.0.3'], { node: 'control-plane' });
const id = await lab.enter(['id', '-u'], { node: 'worker' });
console.log(JSON.stringify({ pid: lab.pid, answer, ping: ping.exitCode, id: id.stdout.trim() }));
if (lifetime === 'owner') setInterval(() => {}, 60_000);
