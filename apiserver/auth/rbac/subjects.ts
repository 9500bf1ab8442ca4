import type { KubeObject } from '../../../api/object.ts';
import type { ClusterRoleBinding, RbacSubject, RoleBinding } from '../../../api/types.ts';
import type { User } from '../user.ts';

/** A binding as one of its subjects finds it. */
export interface Bound {
  binding: RoleBinding | ClusterRoleBinding;
  subject: RbacSubject;
}

/**
 * Bindings by whom they are for, so that a decision looks only at those of the user and of the groups, however many
 * there are.
 */
export interface SubjectIndex {
  /** What is bound to a user, or a group of theirs, in a namespace; without one, everywhere. */
  bindingsOf(user: User, namespace: string | undefined): Iterable<Bound>;
  put(key: string, binding: KubeObject): void;
  remove(key: string, binding: KubeObject): void;
}

type BySubject = Map<string, Map<string, Bound>>;

export function createSubjectIndex(): SubjectIndex {
  const namespaces = new Map<string, BySubject>();

  function each(binding: RoleBinding, visit: (subjects: BySubject, name: string, of: RbacSubject) => void) {
    const namespace = binding.metadata?.namespace ?? '';
    const subjects: BySubject = namespaces.get(namespace) ?? new Map();
    namespaces.set(namespace, subjects);
    for (const subject of binding.subjects ?? []) {
      const name = nameOf(subject, namespace);
      if (name) visit(subjects, name, subject);
    }
    if (subjects.size === 0) namespaces.delete(namespace);
  }

  return {
    *bindingsOf({ name, groups }, namespace = '') {
      const subjects = namespaces.get(namespace);
      if (!subjects) return;
      yield* subjects.get(`User ${name}`)?.values() ?? [];
      for (const group of groups) yield* subjects.get(`Group ${group}`)?.values() ?? [];
    },
    put(key, object) {
      const binding = object as RoleBinding;
      each(binding, (subjects, name, subject) => {
        const bound = subjects.get(name);
        if (!bound) subjects.set(name, new Map([[key, { binding, subject }]]));
        else bound.set(key, { binding, subject });
      });
    },
    remove(key, object) {
      each(object as RoleBinding, (subjects, name) => {
        const bound = subjects.get(name);
        bound?.delete(key);
        if (bound?.size === 0) subjects.delete(name);
      });
    },
  };
}

/** A ServiceAccount is the user that its tokens name; without a namespace, one of the binding's own. */
function nameOf({ kind, name, namespace }: RbacSubject, home: string): string | undefined {
  if (kind === 'User' || kind === 'Group') return `${kind} ${name}`;
  const of = namespace || home;
  return kind === 'ServiceAccount' && of ? `User system:serviceaccount:${of}:${name}` : undefined;
}
