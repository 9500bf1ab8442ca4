# PID 1 of the guest. As `sh init.sh RUN MODULES`: prepares what a container would find, runs RUN/command,
# writes its exit code to RUN/status and turns the guest off. Nothing outside RUN and the working
# directory of the command is written to.
#
# /tmp stays the machine's: the project, or the cache, may be there.
run=$1
modules=$2/$(uname -r)
here=${0%/*}
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /dev/pts /dev/shm /dev/net /run/netns /run/guest
mount -t devpts -o ptmxmode=0666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -s /proc/self/fd /dev/fd 2>/dev/null

perl "$here/modules.pl" "$modules" \
  ipv6 veth bridge vxlan dummy overlay tun br_netfilter sctp \
  ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_sh ip_vs_dh ip_vs_mh ip_vs_sed ip_vs_nq ip_vs_lblc ip_vs_lblcr \
  ip_set ip_set_hash_ip ip_set_hash_ipport ip_set_hash_ipportip ip_set_hash_ipportnet ip_set_bitmap_port \
  ip_tables iptable_nat iptable_filter iptable_mangle ip6_tables ip6table_nat ip6table_filter ip6table_mangle \
  nf_conntrack_netlink xt_conntrack xt_comment xt_addrtype xt_mark xt_MASQUERADE xt_set xt_statistic xt_recent \
  xt_physdev xt_multiport xt_ipvs xt_tcpudp xt_nat ipt_REJECT ip6t_REJECT

# What else is asked for is loaded when the kernel asks for it.
printf '#!/bin/sh\nexec perl %s/modules.pl %s "$@"\n' "$here" "$modules" > /run/guest/modprobe
chmod 755 /run/guest/modprobe
echo /run/guest/modprobe > /proc/sys/kernel/modprobe

# This kernel has no nf_tables for IPv4: the legacy tools, whatever the machine's alternatives say. The names
# that ask for nf_tables fail then, as they should.
mount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi

ip link set lo up
if [ -e "$run/interactive" ]; then
  setsid -c -w sh "$run/command" < /dev/tty0 > /dev/tty0 2>&1
else
  stty -opost < /dev/tty0
  stty -opost < /dev/ttyS0
  setsid -w sh "$run/command" < /dev/null > /dev/tty0 2> /dev/ttyS0
fi
echo $? > "$run/status"
perl -MPOSIX -e 'POSIX::tcdrain(1); open my $e, ">", "/dev/ttyS0"; POSIX::tcdrain(fileno $e)' > /dev/tty0 2>&1
echo o > /proc/sysrq-trigger
exec sleep 60
