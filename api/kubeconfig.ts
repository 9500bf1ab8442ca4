import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { ClientConfig } from './client.ts';
import { tokenFromFile } from './in-cluster.ts';

export { inClusterConfig } from './in-cluster.ts';

interface KubeconfigFile {
  'current-context'?: string;
  contexts?: { name: string; context: { cluster: string; user: string; namespace?: string } }[];
  clusters?: {
    name: string;
    cluster: {
      server?: string;
      'certificate-authority'?: string;
      'certificate-authority-data'?: string;
      'insecure-skip-tls-verify'?: boolean;
    };
  }[];
  users?: {
    name: string;
    user: {
      token?: string;
      tokenFile?: string;
      'client-certificate'?: string;
      'client-certificate-data'?: string;
      'client-key'?: string;
      'client-key-data'?: string;
    };
  }[];
}

/**
 * Reads a context of a kubeconfig file (YAML or JSON), the current one, into a {@link ClientConfig}. Relative
 * file names in it are taken from its own folder, as kubectl does. Throws when something it names is
 * missing.
 */
export function loadKubeconfig(file: string, contextName?: string): ClientConfig {
  const content = parseKubeconfig(readFileSync(file, 'utf8'));
  const wanted = contextName ?? content['current-context'] ?? content.contexts?.[0]?.name;
  const context = content.contexts?.find(({ name }) => name === wanted)?.context;
  if (!context)
    throw new Error(
      `${file}: no context ${JSON.stringify(wanted)}; set current-context to one of its contexts`,
    );
  const cluster = content.clusters?.find(({ name }) => name === context.cluster)?.cluster;
  if (!cluster?.server)
    throw new Error(`${file}: cluster ${JSON.stringify(context.cluster)} has no server address`);
  const user = content.users?.find(({ name }) => name === context.user)?.user ?? {};

  const pem = (data: string | undefined, path: string | undefined) =>
    data
      ? Buffer.from(data, 'base64').toString('utf8')
      : path && readFileSync(resolve(dirname(file), path), 'utf8');
  const ca = pem(cluster['certificate-authority-data'], cluster['certificate-authority']);
  const cert = pem(user['client-certificate-data'], user['client-certificate']);
  const key = pem(user['client-key-data'], user['client-key']);
  const token = user.token ?? (user.tokenFile && tokenFromFile(resolve(dirname(file), user.tokenFile)));
  return {
    server: cluster.server,
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    ...(token ? { token } : {}),
    ...(cluster['insecure-skip-tls-verify'] ? { insecureSkipTlsVerify: true } : {}),
  };
}

/** Ours are written as JSON, which costs a component no YAML parser at start-up. */
function parseKubeconfig(text: string): KubeconfigFile {
  return (text.trimStart().startsWith('{') ? JSON.parse(text) : parse(text)) as KubeconfigFile;
}
