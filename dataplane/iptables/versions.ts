/** The releases of kube-proxy whose rules can be written, the default first. */
export const emulatedVersions = ['1.33', '1.13', '1.12', '1.11', '1.10'] as const;

export type EmulatedVersion = (typeof emulatedVersions)[number];
