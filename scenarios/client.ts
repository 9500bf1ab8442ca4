import type { CoreV1Api } from '@kubernetes/client-node';

/** The official JavaScript client, as any user's program would have it. */
export interface KubernetesClient {
  core: CoreV1Api;
}

/** Loaded only when a scenario begins: it costs more than the cluster's own programs. */
export async function loadClient(kubeconfig: string): Promise<KubernetesClient> {
  const { CoreV1Api, KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return { core: config.makeApiClient(CoreV1Api) };
}
