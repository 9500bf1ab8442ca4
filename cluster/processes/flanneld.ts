import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { type Client, createClient } from '../../api/client.ts';
import { inClusterConfig } from '../../api/in-cluster.ts';
import { resources } from '../../api/scheme.ts';
import { createKernel } from '../../kernel/run.ts';
import { startFlanneld } from '../../node-agent/overlay/flanneld/flanneld.ts';
import { parseNetConf } from '../../node-agent/overlay/flanneld/net-conf.ts';
import { subnetFile } from '../../node-agent/overlay/flanneld/subnet-file.ts';

/**
 * The overlay as the program of flannel's own pods, with flanneld's flags as its manifests use them. Others are
 * taken, and say nothing here.
 */
const flags = {
  'kube-subnet-mgr': { type: 'boolean', default: false },
  'ip-masq': { type: 'boolean', default: false },
  'net-config-path': { type: 'string', default: '/etc/kube-flannel/net-conf.json' },
  'subnet-file': { type: 'string', default: subnetFile },
  'healthz-ip': { type: 'string', default: '0.0.0.0' },
  'healthz-port': { type: 'string', default: '0' },
} as const;

async function main(): Promise<void> {
  // Go's flag package takes one dash or two.
  const args = process.argv.slice(2).map((arg) => arg.replace(/^-(?=[a-z][a-z-]+)/, '--'));
  const { values, tokens } = parseArgs({ args, options: flags, strict: false, tokens: true });
  for (const token of tokens)
    if (token.kind === 'option' && !(token.name in flags)) log(`--${token.name} has no effect here`);
  if (values['kube-subnet-mgr'] !== true)
    throw new Error('without --kube-subnet-mgr leases are kept in etcd, and there is none: add the flag');
  const end = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
  const netConf = parseNetConf(readFileSync(String(values['net-config-path']), 'utf8'));
  const client = createClient({ ...inClusterConfig(), userAgent: 'flanneld' });
  let isReady = false;
  serveHealth(String(values['healthz-ip']), Number(values['healthz-port']), () => isReady);
  const nodeName = process.env.NODE_NAME || (await ownNodeName(client));
  await startFlanneld(
    {
      client,
      kernel: createKernel(),
      nodeName,
      netConf,
      ipMasq: values['ip-masq'] === true,
      subnetFile: String(values['subnet-file']),
      log,
    },
    { signal: end.signal },
  );
  isReady = true;
}

/** A pod knows its own name; its object has the node's. */
async function ownNodeName(client: Client): Promise<string> {
  const { POD_NAME: name = '', POD_NAMESPACE: namespace = '' } = process.env;
  if (!name || !namespace)
    throw new Error('POD_NAME and POD_NAMESPACE are not set; give them as the manifest does, or NODE_NAME');
  const { spec } = await client.get(resources.pods, { name, namespace });
  return spec?.nodeName ?? '';
}

/** `/healthz`, and `/readyz` once the overlay stands. Port 0: nothing. */
function serveHealth(host: string, port: number, isReady: () => boolean): void {
  if (port === 0) return;
  createServer((request, response) => {
    const ok = request.url === '/healthz' || (request.url === '/readyz' && isReady());
    response.writeHead(ok ? 200 : request.url === '/readyz' ? 503 : 404).end(ok ? 'flanneld is running' : '');
  }).listen(port, host);
}

function log(line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`);
}

main().catch((error: Error) => {
  log(error.message);
  process.exit(1);
});
