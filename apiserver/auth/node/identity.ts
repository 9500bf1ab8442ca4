import type { User } from '../user.ts';

const prefix = 'system:node:';

/** Whether a user is a node, and which. Upstream: `pkg/auth/nodeidentifier/default.go`. */
export function nodeOf({ name, groups }: Pick<User, 'name' | 'groups'>): string | undefined {
  return name.startsWith(prefix) && groups.includes('system:nodes') ? name.slice(prefix.length) : undefined;
}
