import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import type { Register } from './options.ts';

interface RenderOptions {
  filename: string;
  node: string;
  nodeIp?: string;
  family: 'IPv4' | 'IPv6';
  config?: string;
  mode: 'iptables';
}

/** `v9s render`: the rules a node would have, without privileges and without a cluster. */
export const register: Register = (program) => {
  program
    .command('render')
    .description('print the rules that a node would have for the Services and EndpointSlices of a file')
    .requiredOption(
      '-f, --filename <file>',
      'Services, EndpointSlices, Nodes and ServiceCIDRs; YAML or JSON; - for standard input',
    )
    .requiredOption('--node <name>', 'the node whose rules are wanted')
    .option('--node-ip <ip,…>', "the node's addresses (default: those of its Node object)")
    .addOption(new Option('--family <family>', 'address family').choices(['IPv4', 'IPv6']).default('IPv4'))
    .option('--config <file>', 'a KubeProxyConfiguration file')
    .addOption(new Option('--mode <mode>', 'proxy mode').choices(['iptables']).default('iptables'))
    .action(async (options: RenderOptions) => {
      const { renderRules } = await import('../../dataplane/render.ts');
      const text = await renderRules({
        objects: read(options.filename),
        nodeName: options.node,
        nodeIps: options.nodeIp?.split(','),
        family: options.family,
        configuration: options.config ? read(options.config) : undefined,
        mode: options.mode,
      });
      process.stdout.write(text);
    });
};

/** A file, or standard input for `-`. */
function read(file: string): string {
  return readFileSync(file === '-' ? 0 : file, 'utf8');
}
