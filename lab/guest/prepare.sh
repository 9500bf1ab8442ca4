# Read by the guests' init scripts: makes what a container would find, and loads the modules of MODULES that are
# always wanted, and $more_modules. $modules is the folder of this kernel's modules, $here that of these scripts.
#
# /tmp stays the machine's: the project, or the cache, may be there.
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /dev/pts /dev/shm /dev/net /run/netns /run/guest
mount -t devpts -o ptmxmode=0666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -s /proc/self/fd /dev/fd 2>/dev/null

# What else is asked for is loaded when the kernel asks for it.
printf '#!/bin/sh\nexec perl %s/modules.pl %s "$@"\n' "$here" "$modules" > /run/guest/modprobe
chmod 755 /run/guest/modprobe
echo /run/guest/modprobe > /proc/sys/kernel/modprobe

perl "$here/modules.pl" "$modules" $more_modules \
  ipv6 veth bridge vxlan dummy overlay tun br_netfilter sctp \
  ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_sh ip_vs_dh ip_vs_mh ip_vs_sed ip_vs_nq ip_vs_lblc ip_vs_lblcr \
  ip_set ip_set_hash_ip ip_set_hash_ipport ip_set_hash_ipportip ip_set_hash_ipportnet ip_set_bitmap_port \
  nf_conntrack_netlink xt_conntrack xt_comment xt_addrtype xt_mark xt_MASQUERADE xt_set xt_statistic xt_recent \
  xt_physdev xt_multiport xt_ipvs xt_tcpudp xt_nat ipt_REJECT ip6t_REJECT

ip link set lo up
