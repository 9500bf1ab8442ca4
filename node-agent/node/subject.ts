import type { ObjectReference } from '../../api/types.ts';

/** The subject of Events about a node; kubelet has its name for its uid. */
export const nodeSubject = (name: string): ObjectReference => ({
  kind: 'Node',
  apiVersion: 'v1',
  name,
  namespace: 'default',
  uid: name,
});
