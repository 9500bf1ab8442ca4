# PID 1 of the guest in QEMU, started by the initramfs on this machine's root. As `sh qemu-init.sh RUN`: runs
# RUN/command, writes its exit code to RUN/status, and marks the end of its output with what RUN/end holds.
run=$1
here=${0%/*}
read -r modules < "$run/modules"
# The first is asked for by the others, but not named in modules.dep. The legacy tools ask for the last two by starting
# modprobe themselves, which a lab's /run hides; no tables come of these alone.
more_modules='crc32c_generic nf_tables nft_compat nft_chain_nat nft_ct nft_fib_inet nft_masq nft_nat nft_numgen nft_hash
  nft_reject_inet nft_log nft_limit ip_tables ip6_tables'
. "$here/prepare.sh"
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null

# The ports appear when the kernel has asked QEMU for them.
port() {
  for name in /sys/class/virtio-ports/*/name; do
    [ -e "$name" ] && [ "$(cat "$name")" = "$1" ] && basename "$(dirname "$name")" && return
  done
}
until [ -n "$(port err)" ] && [ -n "$(port out)" ]; do sleep 0.1; done

# Through pipes: a port can be opened only once, and takes what is written in parts. Open for reading and writing,
# so that opening waits for nobody.
mkfifo /run/guest/out /run/guest/err
exec 3<> /run/guest/out 4<> /run/guest/err
cat < /run/guest/out > "/dev/$(port out)" 3>&- 4>&- &
cat < /run/guest/err > "/dev/$(port err)" 3>&- 4>&- &

if [ -e "$run/interactive" ]; then
  stty $(cat "$run/interactive") < /dev/hvc0
  setsid -c -w sh "$run/command" < /dev/hvc0 > /dev/hvc0 2>&1 3>&- 4>&-
else
  setsid -w sh "$run/command" < /dev/null >&3 2>&4 3>&- 4>&-
fi
echo $? > "$run/status"
# What was written may still be in the guest's memory only.
sync
# Whoever reads the end of both turns the guest off.
cat "$run/end" >&3
cat "$run/end" >&4
sleep 60
echo o > /proc/sysrq-trigger
exec sleep 60
