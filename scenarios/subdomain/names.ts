/** Where Services of the cluster have their names. */
export const domain = 'svc.cluster.local';

const service = `default-subdomain.default.${domain}`;

/** The article's: `HOSTNAME.SUBDOMAIN.NAMESPACE.svc.cluster.local`. */
export const fqdn = `busybox-1.${service}`;

/** Of the Service. */
export const headless = service;

/** The name of another pod of the Service, by its hostname. */
export const nameIn = (hostname: string): string => `${hostname}.${service}`;

/** The label that the article's Service selects. */
export const selector = 'name=busybox';
