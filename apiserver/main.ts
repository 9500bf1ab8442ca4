import type { Server } from 'node:http';
import type { KubeObject } from '../api/object.ts';
import { type Resource, resources } from '../api/scheme.ts';
import type { Transport } from '../api/transport.ts';
import { followAdmission } from './admission/admit.ts';
import { followApiServices } from './aggregation/aggregator.ts';
import type { ProxyClientTls } from './aggregation/services.ts';
import { followDefinitions } from './apiextensions/kinds.ts';
import type { AuditPolicy } from './audit/policy.ts';
import { createAccess } from './auth/access.ts';
import { createAuthenticator } from './auth/authenticate.ts';
import { withBootstrapTokens } from './auth/bootstrap-tokens.ts';
import { reconcileDefaults } from './auth/rbac/reconcile.ts';
import { withStaticTokens } from './auth/static-tokens.ts';
import { createTokens, type ServiceAccountKeys } from './auth/tokens.ts';
import { bootstrap } from './bootstrap.ts';
import { annotateAudit, createApp } from './http/app.ts';
import type { ComponentHealth } from './http/component-statuses.ts';
import { createKubelets, type KubeletClientTls } from './http/kubelet.ts';
import { addressOf, type Listen, listen, type Tls } from './http/listen.ts';
import { createLoopback } from './http/loopback.ts';
import { createRequestMetrics } from './metrics/requests.ts';
import { expireEvents } from './registry/expiry.ts';
import { createStrategies } from './registry/kinds/index.ts';
import type { PodAdmission } from './registry/kinds/options.ts';
import { allResources } from './registry/kinds/rows.ts';
import { createRegistry } from './registry/registry.ts';
import type { SharedEtcd } from './shared.ts';
import { startCache } from './storage/cache.ts';
import type { Entry } from './storage/entry.ts';
import { openLevelStorage } from './storage/level/storage.ts';
import type { Storage } from './storage/storage.ts';

export interface ApiserverConfig {
  /** Where the database keeps its files; made when missing. */
  dataDir: string;
  /** An etcd takes the place of a database in `dataDir`; other apiservers may use it too. */
  etcd?: SharedEtcd;
  listen: Listen[];
  tls: Tls;
  /** PEM, EC P-256: service account tokens are ES256. */
  serviceAccount: ServiceAccountKeys;
  /** Text of a file of tokens that name their users themselves: lines of `token,user,uid,"group1,group2"`. */
  tokenFile?: string;
  /** What is not done to pods: without `ServiceAccount` they have no account and no token. Default: everything is. */
  disableAdmissionPlugins?: readonly PodAdmission[];
  /** Writes requests down, as the policy says, as lines of JSON; `-` is standard output. Default: nothing. */
  audit?: { policy: AuditPolicy; logPath: string };
  /** Becomes the endpoint of the `kubernetes` Service. */
  advertise: { host: string; port: number };
  /** One a family; the first address of the first is the `kubernetes` Service's. */
  serviceCidrs: string[];
  /** `30000-32767` */
  serviceNodePortRange: string;
  /** Without it, nothing can be asked of kubelets: no logs, no exec. */
  kubeletClient?: KubeletClientTls;
  /** How servers know this one to which APIServices lead. Without it they are asked, and believe nothing. */
  proxyClient?: ProxyClientTls;
  /** What a new cluster starts with, written at its first start only, all at once. */
  initialObjects?: readonly KubeObject[];
  /** Roles and bindings beside Kubernetes' own, written when they are not there. */
  roles?: readonly KubeObject[];
  /** Revisions of history that watches may resume from; default 10,000. */
  history?: number;
  /** Told of failures that are the server's own fault; default: standard error. */
  onError?: (error: unknown) => void;
}

export interface Apiserver {
  /** What is listened on, in the order of `listen`: `127.0.0.1:6443`, `/run/apiserver.sock`. */
  addresses: string[];
  /** For components in this process: every request as from the Unix socket, without a connection. */
  loopback: Transport;
  /** Resolves when, after `signal`, everything is written and closed. */
  stopped: Promise<void>;
}

/**
 * The Kubernetes API: opens the database, fills the cache, writes the system's own objects, listens. Ends when
 * `signal` fires.
 * @throws Error naming the folder or address that cannot be opened
 */
export async function startApiserver(
  config: ApiserverConfig,
  { signal }: { signal: AbortSignal },
): Promise<Apiserver> {
  const onError = config.onError ?? ((error: unknown) => console.error(error));
  const now = () => new Date();
  const sharing = config.etcd && (await (await import('./shared.ts')).openSharing(config.etcd));
  const storage: Storage = sharing?.storage ?? (await openLevelStorage(config.dataDir));
  const servers: Server[] = [];
  try {
    const cache = await startCache(storage, {
      resources: allResources,
      onError,
      // Started anew, it begins with what is there now.
      onLost: (error) =>
        queueMicrotask(() => {
          throw error;
        }),
      ...(config.history ? { history: config.history } : {}),
    });
    const { authorizer, escalation, restriction, signers } = await createAccess(cache);
    const strategies = createStrategies({
      escalation,
      restriction,
      signers,
      disableAdmissionPlugins: config.disableAdmissionPlugins ?? [],
      serviceCidrs: config.serviceCidrs,
      serviceNodePortRange: config.serviceNodePortRange,
      followServices: sharing?.followServices(cache),
    });
    const byResource = new Map<Resource, (typeof strategies)[number]>(
      strategies.map((one) => [one.resource, one]),
    );
    const customKinds = followDefinitions({ cache, now, onError }, signal);
    const customStrategyOf = customKinds.strategyOf;
    const registry = sharing
      ? sharing.createRegistry({
          ...{ cache, strategies, customStrategyOf, now },
          nodePorts: config.serviceNodePortRange,
        })
      : createRegistry({ storage, cache, strategies, customStrategyOf, now });
    await customKinds.begin(registry);
    const aggregator = await followApiServices(
      { ...{ cache, registry, now, onError }, tls: config.proxyClient },
      signal,
    );
    const issued = withBootstrapTokens(createTokens(config.serviceAccount, cache.lookup), cache.lookup);
    const tokens = config.tokenFile === undefined ? issued : withStaticTokens(issued, config.tokenFile);
    const { issuer } = config.serviceAccount;
    const log = config.audit && (await import('./audit/log.ts')).openAuditLog(config.audit.logPath, onError);
    const audit =
      config.audit &&
      log &&
      (await import('./audit/audit.ts')).createAudit(config.audit.policy, log.write, now);
    const strategyOf = (resource: Resource) => byResource.get(resource) ?? customStrategyOf(resource);
    const { authorize } = authorizer;
    const admission = followAdmission({
      ...{ cache, customKinds, strategyOf, authorize },
      annotate: ({ request }, key, value) => annotateAudit(request, key, value),
    });
    let loopbackUsed = false;
    const health = {
      lookup: cache.lookup,
      storageHealthy: () => storage.healthy(),
      inProcess: () => loopbackUsed,
    };
    const options = {
      made: (resource: Resource, matches: (entry: Entry) => boolean) =>
        resource === resources.componentstatuses ? statusesOf(health, matches) : undefined,
      registry,
      aggregator,
      issuing: config.serviceAccount,
      cache,
      tokens,
      issuer,
      authorizer,
      restriction,
      now,
      strategyOf,
      customKinds,
      admission,
      ...(audit ? { audit } : {}),
      metrics: createRequestMetrics((...kind) => customKinds.find(...kind) !== undefined),
      authenticate: createAuthenticator(tokens, [issuer], now),
      kubelets: createKubelets(cache.lookup, config.kubeletClient),
      resourceMetrics: config.kubeletClient !== undefined,
      storageHealthy: health.storageHealthy,
      snapshot: { storage, restorable: sharing !== undefined },
      address: `${config.advertise.host}:${config.advertise.port}`,
      report: onError,
    };
    const handlers = { secure: createApp(options, false), trusted: createApp(options, true) };
    // Nobody is let in before the cluster's own objects are there.
    const present = await bootstrap(registry, cache.lookup, {
      ...config,
      severalServe: sharing !== undefined,
    });
    for (const at of config.listen) servers.push(await listen(at, config.tls, handlers));
    reconcileDefaults(registry, cache.lookup, present, signal).catch(onError);
    const leave = await sharing?.enter({ registry, cache, advertise: config.advertise, onError }, signal);
    // etcd lets them go by itself.
    if (!sharing) expireEvents(registry, cache, signal, onError);
    const stopped = untilAborted(signal).then(async () => {
      await leave?.().catch(onError);
      await closeAll(servers);
      log?.close();
      cache.close();
      await storage.close();
    });
    const loopback = createLoopback(handlers.trusted, signal);
    return {
      addresses: servers.map(addressOf),
      loopback: {
        ...loopback,
        open(...request) {
          loopbackUsed = true;
          return loopback.open(...request);
        },
      },
      stopped,
    };
  } catch (error) {
    await closeAll(servers);
    await storage.close();
    throw error;
  }
}

async function statusesOf(health: ComponentHealth, matches: (entry: Entry) => boolean) {
  const { componentStatuses } = await import('./http/component-statuses.ts');
  return { entries: (await componentStatuses(health)).filter(matches), metadata: {} };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(
    servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    ),
  );
}
