import {
  type BootstrapGrant,
  type BootstrapUsage,
  bootstrapSecret,
  bootstrapSecretName,
  bootstrapSecretNamespace,
  bootstrapSecretType,
  defaultNodeTokenGroup,
  isBootstrapGroup,
  readBootstrapSecret,
} from '../../api/bootstrap-secret.ts';
import {
  type BootstrapToken,
  generateBootstrapToken,
  parseBootstrapToken,
  readBootstrapToken,
} from '../../api/bootstrap-token.ts';
import type { Client } from '../../api/client.ts';
import { parseDuration } from '../../api/duration.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import { OptionError } from '../option-error.ts';

/** What a new token may be given; texts as they are typed. */
export interface TokenOptions {
  /** `ID.SECRET`; default a random one. */
  token?: string;
  /** A Go duration; `0` is for ever. Default `24h`. */
  ttl?: string;
  /** Default both. */
  usages?: readonly string[];
  /** Default kubeadm's, whose members' requests for certificates are approved. */
  groups?: readonly string[];
  description?: string;
}

const allUsages: readonly BootstrapUsage[] = ['signing', 'authentication'];

/** What the options say of a token. Throws {@link OptionError} for the first wrong one. Upstream: `kubeadm token create`. */
export function grantOf(options: TokenOptions, now = Date.now()): BootstrapGrant {
  const { ttl = '24h', usages = allUsages, groups = [defaultNodeTokenGroup], description } = options;
  const milliseconds = parseDuration(ttl);
  if (milliseconds === undefined || milliseconds < 0)
    throw new OptionError('ttl', ttl, 'a duration such as 24h or 30m, or 0 for a token without an end');
  const isUsage = (usage: string): usage is BootstrapUsage => allUsages.includes(usage as BootstrapUsage);
  for (const usage of usages)
    if (!isUsage(usage)) throw new OptionError('usages', usage, `must be among ${allUsages.join(', ')}`);
  for (const group of groups)
    if (!isBootstrapGroup(group))
      throw new OptionError(
        'groups',
        group,
        `a group below system:bootstrappers, as ${defaultNodeTokenGroup}`,
      );
  return {
    token: options.token === undefined ? generateBootstrapToken() : parseBootstrapToken(options.token),
    usages: usages.filter(isUsage),
    groups,
    ...(milliseconds > 0 ? { expires: now + milliseconds } : {}),
    ...(description ? { description } : {}),
  };
}

/** Makes a token known to the cluster. Rejects where there is one of that id. */
export async function createToken(client: Client, grant: BootstrapGrant): Promise<BootstrapToken> {
  const { id } = grant.token;
  try {
    await client.create(resources.secrets, bootstrapSecret(grant));
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
    throw new Error(
      `a token with id ${JSON.stringify(id)} already exists; v9s token delete ${id} removes it`,
    );
  }
  return grant.token;
}

/** Every token there is, those that have expired but are not yet taken away among them. */
export async function listTokens(client: Client): Promise<BootstrapGrant[]> {
  const { items } = await client.list(resources.secrets, { namespace: bootstrapSecretNamespace });
  return items
    .filter(({ type }) => type === bootstrapSecretType)
    .flatMap((secret) => {
      const grant = readBootstrapSecret(secret);
      return 'refused' in grant ? [] : [grant];
    });
}

/** `text` is a token or its id; resolves to the id. Rejects where there is no such token. */
export async function deleteToken(client: Client, text: string): Promise<string> {
  const id = readBootstrapToken(text)?.id ?? text;
  if (!/^[a-z0-9]{6}$/.test(id))
    throw new Error(
      `given token ${JSON.stringify(text.slice(0, 6))}… is neither a token nor the id of one, six of a-z and 0-9`,
    );
  const ref = { name: bootstrapSecretName(id), namespace: bootstrapSecretNamespace };
  try {
    await client.delete(resources.secrets, ref);
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
    throw new Error(`there is no token with id ${JSON.stringify(id)}; v9s token list shows them`);
  }
  return id;
}

/** Lines of `kubeadm token list`, with its columns. */
export function tokenTable(grants: readonly BootstrapGrant[], now = Date.now()): string {
  const rows = [
    ['TOKEN', 'TTL', 'EXPIRES', 'USAGES', 'DESCRIPTION', 'EXTRA GROUPS'],
    ...grants.map(({ token, usages, groups = [], expires, description }) => [
      `${token.id}.${token.secret}`,
      expires === undefined ? '<forever>' : remaining(expires - now),
      expires === undefined ? '<never>' : `${new Date(expires).toISOString().slice(0, 19)}Z`,
      usages.join(',') || '<none>',
      description ?? '<none>',
      groups.join(',') || '<none>',
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** In its largest unit. Upstream: apimachinery `pkg/util/duration`, ShortHumanDuration. */
function remaining(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < 0) return '<invalid>';
  const [minutes, hours] = [Math.trunc(seconds / 60), Math.trunc(seconds / 3600)];
  if (minutes === 0) return `${seconds}s`;
  if (hours === 0) return `${minutes}m`;
  if (hours < 24) return `${hours}h`;
  return hours < 24 * 365 ? `${Math.trunc(hours / 24)}d` : `${Math.trunc(hours / 24 / 365)}y`;
}
