# PID 1 of the guest. As `sh init.sh RUN MODULES`: prepares what a container would find, runs RUN/command,
# writes its exit code to RUN/status and turns the guest off. Nothing outside RUN and the working
# directory of the command is written to.
run=$1
modules=$2/$(uname -r)
here=${0%/*}
more_modules='ip_tables iptable_nat iptable_filter iptable_mangle ip6_tables ip6table_nat ip6table_filter ip6table_mangle'
. "$here/prepare.sh"
mount -t cgroup2 cgroup2 /sys/fs/cgroup

# This kernel has no nf_tables for IPv4: the legacy tools, whatever the machine's alternatives say. The names
# that ask for nf_tables fail then, as they should.
mount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi

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
