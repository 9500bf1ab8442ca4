/** Who a request comes from. Upstream: `apiserver/pkg/authentication/user`. */
export interface User {
  name: string;
  groups: readonly string[];
  uid?: string;
  extra?: Readonly<Record<string, readonly string[]>>;
}

export const authenticated = 'system:authenticated';
export const masters = 'system:masters';

/** Who gives no credentials. */
export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** Who comes through the Unix socket: components in the apiserver's own process. */
export const loopback: User = { name: 'system:apiserver', groups: [masters, authenticated] };

export function isAnonymous(user: User): boolean {
  return user.name === anonymous.name;
}
