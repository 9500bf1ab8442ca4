import type { KubeObject } from '../../api/object.ts';
import type { CustomResourceDefinition, CustomResourceSubresourceScale, Scale } from '../../api/types.ts';
import type { CustomRules } from '../registry/strategy.ts';
import { isMap, type JsonMap } from './schema/schema.ts';

/** The subresource `scale`, where a definition says that it is. Upstream: `pkg/registry/customresource/etcd.go`. */
export function scaleRules(
  of: CustomResourceSubresourceScale,
  { spec }: CustomResourceDefinition,
): NonNullable<CustomRules['scale']> {
  const number = (object: KubeObject, path: string) => {
    const value = at(object, path);
    return typeof value === 'number' ? value : 0;
  };
  const paths = new Map(
    spec.versions.map(({ name, subresources }) => {
      const path = subresources?.scale?.specReplicasPath;
      return [`${spec.group}/${name}`, path === undefined ? undefined : namesOf(path)];
    }),
  );
  return {
    pathIn: (apiVersion) => paths.get(apiVersion),
    read(object): Scale {
      const {
        name = '',
        namespace = '',
        uid = '',
        resourceVersion = '',
        creationTimestamp = '',
      } = object.metadata ?? {};
      const selector = of.labelSelectorPath ? at(object, of.labelSelectorPath) : undefined;
      return {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name, ...(namespace ? { namespace } : {}), uid, resourceVersion, creationTimestamp },
        spec: { replicas: number(object, of.specReplicasPath) },
        status: {
          replicas: number(object, of.statusReplicasPath),
          ...(typeof selector === 'string' && selector ? { selector } : {}),
        },
      };
    },
    write(object, replicas) {
      const names = namesOf(of.specReplicasPath);
      const last = names.pop() ?? '';
      let inner: JsonMap = object as JsonMap;
      for (const name of names) {
        const found = inner[name];
        const next: JsonMap = isMap(found) ? found : {};
        inner[name] = next;
        inner = next;
      }
      inner[last] = replicas;
    },
  };
}

const namesOf = (path: string) => path.split('.').filter(Boolean);

function at(object: KubeObject, path: string): unknown {
  let value: unknown = object;
  for (const name of namesOf(path))
    value = isMap(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}
