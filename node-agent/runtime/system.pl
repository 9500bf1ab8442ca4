# What shim.pl, exec.pl and forward.pl share: system calls by number, plans, terminals. Loaded before a namespace
# is entered. Only perl-base is asked for, and no module is loaded, which would cost more than all the rest.
use strict;

my %numbers = (
    x86_64 => {
        audit => 0xc000003e, setns => 308, unshare => 272, mount => 165, umount2 => 166, pivot_root => 155, sethostname => 170,
        prctl => 157, clock_gettime => 228, setgroups => 116, setresuid => 117, setresgid => 119,
        setsid => 112, mount_setattr => 442, openat2 => 437,
    },
    aarch64 => {
        audit => 0xc00000b7, setns => 268, unshare => 97, mount => 40, umount2 => 39, pivot_root => 41, sethostname => 161,
        prctl => 167, clock_gettime => 113, setgroups => 159, setresuid => 147, setresgid => 149,
        setsid => 157, mount_setattr => 442, openat2 => 437,
    },
);
my $nr;

# ioctl(2) requests on terminals and fcntl(2) commands; the same on both architectures.
my ($TIOCSPTLCK, $TIOCGPTN, $TIOCSCTTY, $TIOCSWINSZ) = (0x40045431, 0x80045430, 0x540E, 0x5414);
my ($O_RDWR, $O_NOCTTY, $O_NONBLOCK, $F_SETFL) = (2, 0x100, 0x800, 4);

# Where failures are told; a process that has nobody to tell dies with them.
our $report;

sub use_architecture {
    my ($name) = @_;
    $nr = $numbers{$name} // die "architecture $name: only x86_64 and aarch64 are known\n";
}

sub call {
    my ($name, @arguments) = @_;
    my $result = syscall($nr->{$name}, @arguments);
    return $result;
}

sub step {
    my ($what, $result) = @_;
    fail("$what: $!") if $result == -1;
}

sub fail {
    die "$_[0]\n" if !defined $report;
    syswrite($report, "$_[0]\n");
    exit 127;
}

# --- plans ------------------------------------------------------------------------------------------

sub read_plan {
    my ($file) = @_;
    open(my $handle, '<', $file) or die "open $file: $!\n";
    my @steps;
    while (my $line = <$handle>) {
        chomp $line;
        push @steps, [ map { s/%([0-9A-F]{2})/chr hex $1/ger } split /\t/, $line, -1 ];
    }
    return @steps;
}

# --- becoming the program ---------------------------------------------------------------------------

sub enter_namespace {
    my ($file) = @_;
    open(my $handle, '<', $file) or fail("open $file: $!");
    step("setns $file", call('setns', fileno $handle, 0));
}

# The kernel ends this process with its parent.
sub end_with_parent {
    step('prctl', call('prctl', 1, 9, 0, 0, 0));
}

sub drop_capabilities {
    call('prctl', 24, $_ + 0, 0, 0, 0) for @_;
}

sub become_user {
    my ($uid, $gid, @groups) = map { $_ + 0 } @_;
    my $list = pack 'L*', @groups;
    my $count = @groups;
    # Where only one id is mapped, setgroups is forbidden and there is nothing to give up.
    call('setgroups', $count, $list);
    # An id that this user namespace does not have (EINVAL) is the only one of another.
    if (call('setresgid', $gid, $gid, $gid) == -1 || call('setresuid', $uid, $uid, $uid) == -1) {
        fail("run as user $uid, group $gid: $!") if $! != 22;
        become_only_user($uid, $gid);
    }
    end_with_parent();
}

# Where only root is mapped: a user namespace in which the same one is called by this id.
sub become_only_user {
    my ($uid, $gid) = @_;
    my $what = "run as user $uid, group $gid: neither this user namespace has these ids nor one of its own";
    step($what, call('unshare', 0x10000000));
    write_kernel_file('/proc/self/setgroups', 'deny');
    write_kernel_file('/proc/self/uid_map', "$uid 0 1");
    write_kernel_file('/proc/self/gid_map', "$gid 0 1");
}

# PR_SET_NO_NEW_PRIVS
sub give_no_privileges { step('no_new_privs', call('prctl', 38, 1, 0, 0, 0)) }

# Everything that mounts fails with EPERM, by a seccomp filter; so do the calls of other architectures, which have other
# numbers.
sub forbid_mounts {
    my @numbers = map { $nr->{$_} } qw(mount umount2 pivot_root);
    push @numbers, 428 .. 433, 442, 467;    # open_tree to fspick, mount_setattr, open_tree_attr: the same on all
    my ($load, $equal, $greater, $return) = (0x20, 0x15, 0x35, 0x06);
    my @code = map { [ $equal, $_ ] } @numbers;
    unshift @code, [ $greater, 0x40000000 ];
    # What jumps, jumps to the end.
    @code = map { [ $code[$_][0], @code - $_, 0, $code[$_][1] ] } 0 .. $#code;
    my $filter = join '', map { pack 'S C C L', @$_ } (
        [ $load, 0, 0, 4 ], [ $equal, 0, @code + 2, $nr->{audit} ], [ $load, 0, 0, 0 ],
        @code, [ $return, 0, 0, 0x7fff0000 ], [ $return, 0, 0, 0x00050001 ],
    );
    my $program = pack 'S x6 P', length($filter) / 8, $filter;
    step('seccomp', call('prctl', 22, 2, $program, 0, 0));
}

# The kernel judges what is written, at once.
sub write_kernel_file {
    my ($path, $text) = @_;
    open(my $file, '>', $path) or fail("open $path: $!");
    defined syswrite($file, $text) or fail("write $text to $path: $!");
}

# Never returns. The program finds its standard streams where they belong.
sub execute {
    my ($environment, @command) = @_;
    $SIG{$_} = 'DEFAULT' for grep { !/^__/ } keys %SIG;
    %ENV = %$environment;
    local $^W = 0;
    { exec { $command[0] } @command }
    my $why = $! == 2 && $command[0] !~ m{/} ? 'executable file not found in $PATH' : lc "$!";
    fail("exec: \"$command[0]\": $why");
}

# --- terminals --------------------------------------------------------------------------------------

# A new terminal of the devpts file system at this path: its master and its number.
sub open_terminal {
    my ($devpts) = @_;
    sysopen(my $master, "$devpts/ptmx", $O_RDWR | $O_NOCTTY) or fail("open $devpts/ptmx: $!");
    my $unlocked = pack 'i', 0;
    ioctl($master, $TIOCSPTLCK, $unlocked) or fail("unlock the terminal: $!");
    my $number = pack 'i', 0;
    ioctl($master, $TIOCGPTN, $number) or fail("number of the terminal: $!");
    return ($master, unpack 'i', $number);
}

# Makes a terminal this process's own, and all three of its standard streams.
sub take_terminal {
    my ($number, $user) = @_;
    call('setsid');
    sysopen(my $slave, "/dev/pts/$number", $O_RDWR) or fail("open /dev/pts/$number: $!");
    ioctl($slave, $TIOCSCTTY, 0) or fail("controlling terminal: $!");
    # The user's own; where the id is not mapped, the open descriptors do.
    chown $user->[0], -1, $slave if $user;
    use_streams($slave, $slave, $slave);
}

sub use_streams {
    my ($in, $out, $err) = @_;
    open(STDIN, '<&', $in) or fail("dup: $!");
    open(STDOUT, '>&', $out) or fail("dup: $!");
    open(STDERR, '>&', $err) or fail("dup: $!");
}

sub resize_terminal {
    my ($master, $columns, $rows) = @_;
    my $size = pack 'S4', $rows, $columns, 0, 0;
    ioctl($master, $TIOCSWINSZ, $size);
}

sub set_nonblocking {
    my ($handle) = @_;
    fcntl($handle, $F_SETFL, $O_NONBLOCK) or fail("fcntl: $!");
}

# --- small things -----------------------------------------------------------------------------------

# RFC 3339 with nanoseconds, as the CRI log format wants it.
sub now {
    my $buffer = "\0" x 16;
    syscall($nr->{clock_gettime}, 0, $buffer);
    my ($seconds, $nanoseconds) = unpack 'q2', $buffer;
    my @t = gmtime $seconds;
    return sprintf '%04d-%02d-%02dT%02d:%02d:%02d.%09dZ', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ], $nanoseconds;
}

sub write_file {
    my ($path, $text) = @_;
    open(my $handle, '>', "$path.new") or fail("open $path.new: $!");
    print {$handle} $text;
    close $handle or fail("write $path: $!");
    rename "$path.new", $path or fail("rename $path: $!");
}

# Room for a short file that must be written even when the disk is full.
sub reserve_file {
    my ($path) = @_;
    open(my $handle, '>', "$path.new") or fail("open $path.new: $!");
    print {$handle} ' ' x 64;
    close $handle or fail("write $path: $!");
}

sub write_reserved_file {
    my ($path, $text) = @_;
    open(my $handle, '+<', "$path.new") or fail("open $path.new: $!");
    print {$handle} $text;
    close $handle or fail("write $path: $!");
    rename "$path.new", $path or fail("rename $path: $!");
}

# Whether the last system call failed only because there is nothing now (EAGAIN), or a signal came (EINTR).
sub try_again { return $! == 11 || $! == 4 }

# Exit code as a shell tells it, and signal, of a process that was waited for.
sub how_it_ended {
    my ($status) = @_;
    my $signal = $status & 127;
    return ($signal ? 128 + $signal : $status >> 8, $signal);
}

# Handles of those that are ready now: to be read, to be written to.
sub ready {
    my ($read, $write, $seconds) = @_;
    my ($in, $out) = ('', '');
    vec($in, fileno $_, 1) = 1 for @$read;
    vec($out, fileno $_, 1) = 1 for @$write;
    return ([], []) if select($in, $out, undef, $seconds) < 1;
    return ([ grep { vec($in, fileno $_, 1) } @$read ], [ grep { vec($out, fileno $_, 1) } @$write ]);
}

1;
