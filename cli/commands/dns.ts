import type { DnsValues } from '../dns.ts';
import type { Register } from './options.ts';

/** `v9s dns`: cluster DNS as a program of its own, of a file of objects or of any cluster. */
export const register: Register = (program) => {
  program
    .command('dns')
    .description(
      'serve cluster DNS from a file of objects, without a cluster, or from the API of any cluster',
    )
    .option(
      '--objects <file>',
      'Namespaces, Services, EndpointSlices and Pods, YAML or JSON; - is standard input',
    )
    .option('--kubeconfig <file>', 'follow the API of its current context instead')
    .option('--corefile <file>', "CoreDNS' configuration; without one, --listen and --pods")
    .option('--listen <address>', 'address and port (default: "127.0.0.1:5353")')
    .option('--pods <mode>', 'names of pods: disabled, insecure or verified (default: "disabled")')
    .option('--workers <count>', 'threads that share the ports, where there are cores for them', '1')
    .addHelpText('after', help)
    .action(async (values: DnsValues) => {
      const { serveDns } = await import('../dns.ts');
      const ending = new AbortController();
      let isStarted = false;
      for (const signal of ['SIGTERM', 'SIGINT'] as const)
        process.once(signal, () => {
          if (!isStarted) process.exit(0); // it waits for the API, and answers nobody yet
          ending.abort();
        });
      const print = (line: string) => process.stderr.write(`v9s: ${line}\n`);
      const dns = await serveDns(values, ending.signal, print);
      isStarted = true;
      process.on('SIGUSR1', () => {
        dns.reload().catch((error: Error) => print(`the Corefile could not be reloaded: ${error.message}`));
      });
      for (const [address, port] of dns.ports)
        process.stdout.write(`listening on ${address.replace(/:\d+$/, '')}:${port}\n`);
      await dns.ended;
    });
};

const help = `
The zone is cluster.local unless the Corefile says otherwise. SIGUSR1 reads the Corefile again.

  v9s dns --objects services.yaml --listen 127.0.0.1:5353
  kubectl get namespaces,services,endpointslices,pods -A -o yaml | v9s dns --objects - --pods verified
  dig -p 5353 @127.0.0.1 web.default.svc.cluster.local`;
