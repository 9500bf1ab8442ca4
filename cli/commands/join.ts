import type { Command } from 'commander';
import { ignoredOptions, noteIgnored } from './kubeadm.ts';
import type { Register } from './options.ts';

interface JoinOptions {
  name?: string;
  token?: string;
  discoveryToken?: string;
  discoveryTokenCaCertHash: string[];
  discoveryTokenUnsafeSkipCaVerification?: boolean;
  nodeName?: string;
  host?: boolean;
  lab?: string;
}

type JoinSpec = import('../../cluster/kubeadm/index.ts').JoinOptions;

/** What of `kubeadm join` means nothing here. */
const ignored = {
  '--tls-bootstrap-token <token>': 'the token of --token is shown to the API',
  '--cri-socket <path>': 'the node-agent runs pods itself',
  '--ignore-preflight-errors <checks>': 'v9s doctor checks this machine',
};

/** `v9s join HOST:PORT`: one more node, as `kubeadm join`. */
export const register: Register = (program) => {
  const command = program
    .command('join')
    .description('add a node to a running cluster: as kubeadm join')
    .argument('<endpoint>', 'HOST:PORT of the API, as v9s init printed it')
    .option('--name <name>', 'name of the cluster, where several have that endpoint')
    .option('--token <token>', 'ID.SECRET, as v9s init or v9s token create printed it')
    .option('--discovery-token <token>', 'the same')
    .option(
      '--discovery-token-ca-cert-hash <hash>',
      'sha256:… of the public key of the certificate authority; may be given again',
      (hash: string, before: string[]) => [...before, hash],
      [],
    )
    .option('--discovery-token-unsafe-skip-ca-verification', 'trust whoever knows the token')
    .option('--node-name <name>', 'of the new node (default: the next of worker, worker2, …)')
    .option(
      '--lab <name>',
      'a new lab of that name has the node, joined by a cable to the one that HOST is in',
    )
    .option('--host', 'this machine itself becomes the node, with its interfaces; for root');
  ignoredOptions(command, ignored);
  command.action(async (endpoint: string, options: JoinOptions, self: Command) => {
    noteIgnored(self, ignored);
    const token = options.token ?? options.discoveryToken;
    if (token === undefined) self.error("error: required option '--token <token>' not specified");
    const { joinFromLab, joinLab, joinMachine } = await import('../../cluster/kubeadm/index.ts');
    const { lab, host } = options;
    const way =
      lab !== undefined ? (given: JoinSpec) => joinFromLab({ ...given, lab }) : host ? joinMachine : joinLab;
    const { cluster, node } = await way({
      endpoint,
      token,
      hashes: options.discoveryTokenCaCertHash,
      skipCaVerification: options.discoveryTokenUnsafeSkipCaVerification ?? false,
      ...(options.nodeName === undefined ? {} : { nodeName: options.nodeName }),
      ...(options.name === undefined ? {} : { cluster: options.name }),
      onStep: (text) => void process.stdout.write(`${text}\n`),
    });
    const flag = cluster === 'v9s' ? '' : ` --name ${cluster}`;
    process.stdout.write(`
This node has joined the cluster: ${node}
* It asked the API for a certificate, and was given one.
* Its node-agent uses that from now on.

kubectl get nodes shows it; v9s exec${flag} ${node} -- ip route shows it from inside.
`);
  });
};
