#!/usr/bin/perl
# Starts one container and stays with it: takes its output to the log, its signals to it, and its
# exit code to a file. It needs nothing of the node-agent once started, so pods outlive it.
#
#   perl shim.pl PLAN < /dev/null
#
# PLAN is a text file, one step a line: a verb and its arguments, separated by tabs, with %XX for tabs,
# line feeds and per cent signs. container-plan.ts writes it and says what each verb means. Exits 0
# once the container's program runs; otherwise says on standard error which step failed, and why.
#
# Only perl-base is asked for: it is on every Debian and starts in 2 ms. System calls go by number.
use strict;
use warnings;

my %numbers = (
    x86_64 => {
        setns => 308, unshare => 272, mount => 165, umount2 => 166, pivot_root => 155, sethostname => 170,
        prctl => 157, clock_gettime => 228, setgroups => 116, setresuid => 117, setresgid => 119,
        setsid => 112, mount_setattr => 442,
    },
    aarch64 => {
        setns => 268, unshare => 97, mount => 40, umount2 => 39, pivot_root => 41, sethostname => 161,
        prctl => 167, clock_gettime => 113, setgroups => 159, setresuid => 147, setresgid => 149,
        setsid => 157, mount_setattr => 442,
    },
);
my %clone = (
    mnt => 0x00020000, cgroup => 0x02000000, uts => 0x04000000, ipc => 0x08000000, pid => 0x20000000,
);
my %flag = (
    ro => 0x1, remount => 0x20, nosuid => 0x2, nodev => 0x4, noexec => 0x8, bind => 0x1000, rec => 0x4000, private => 0x40000,
);

my @plan = read_plan($ARGV[0] // die "usage: shim.pl PLAN\n");
my %setting = map { $_->[0] => $_ } grep { $_->[0] =~ /^(?:arch|log|pid|exit|notify)$/ } @plan;
my $nr = $numbers{ $setting{arch}[1] } // die "architecture $setting{arch}[1]: only x86_64 and aarch64 are known\n";

# The first process waits until the program runs or a step has failed.
pipe(my $outcome, my $report) or die "pipe: $!\n";
my $shim = fork() // die "fork: $!\n";
if ($shim) {
    close $report;
    my $failure = do { local $/; <$outcome> };
    print STDERR $failure if defined $failure;
    exit(defined $failure && $failure ne '' ? 1 : 0);
}
close $outcome;
call('setsid');

# The second one is the shim. The program becomes PID 1 of the namespace that its next fork opens.
pipe(my $out, my $program_out) or fail("pipe: $!");
pipe(my $err, my $program_err) or fail("pipe: $!");
step('unshare pid', call('unshare', $clone{pid}));
my $program = fork() // fail("fork: $!");
run_program() if $program == 0;
close $program_out;
close $program_err;
open(my $log, '>>', $setting{log}[1]) or fail("open $setting{log}[1]: $!");
write_file($setting{pid}[1], process_line($program) . process_line($$));
close $report;
open(STDIN, '<', '/dev/null');
open(STDOUT, '>', '/dev/null');
open(STDERR, '>', '/dev/null');
chdir '/';
$0 = "v9s-shim $setting{pid}[1]";
$SIG{$_} = sub { kill $_[0], $program } for qw(TERM INT HUP QUIT USR1 USR2);
exit supervise();

# --- the shim ---------------------------------------------------------------------------------------

# Copies output until the program has ended and its pipes are empty, then writes how it ended.
sub supervise {
    my %stream = (fileno($out) => [ $out, 'stdout', '' ], fileno($err) => [ $err, 'stderr', '' ]);
    # The kernel ends every process of the namespace with its PID 1, so the pipes end too.
    while (%stream) {
        my $ready = '';
        vec($ready, $_, 1) = 1 for keys %stream;
        next if select($ready, undef, undef, undef) < 1;
        drain(\%stream, $_) for grep { vec($ready, $_, 1) } keys %stream;
    }
    while (waitpid($program, 0) != $program) { }
    my $signal = $? & 127;
    my $code = $signal ? 128 + $signal : $? >> 8;
    write_file($setting{exit}[1], "$code $signal " . now() . "\n");
    write_file($setting{notify}[1], '');
    return 0;
}

# One read of a stream, which is forgotten at its end.
sub drain {
    my ($stream, $number) = @_;
    my ($handle, $name, $rest) = @{ $stream->{$number} };
    my $length = sysread($handle, my $text, 65536);
    return if !defined $length;
    my $time = now();
    my $lines = '';
    if ($length == 0) {
        $lines = "$time $name P $rest\n" if $rest ne '';
        delete $stream->{$number};
    } else {
        $rest .= $text;
        while ((my $end = index $rest, "\n") >= 0) {
            $lines .= "$time $name F " . substr($rest, 0, $end) . "\n";
            substr($rest, 0, $end + 1) = '';
        }
        while (length $rest >= 16384) { $lines .= "$time $name P " . substr($rest, 0, 16384, '') . "\n" }
        $stream->{$number}[2] = $rest;
    }
    syswrite($log, $lines) if $lines ne '';
}

# RFC 3339 with nanoseconds, as the CRI log format wants it.
sub now {
    my $buffer = "\0" x 16;
    syscall($nr->{clock_gettime}, 0, $buffer);
    my ($seconds, $nanoseconds) = unpack 'q2', $buffer;
    my @t = gmtime $seconds;
    return sprintf '%04d-%02d-%02dT%02d:%02d:%02d.%09dZ', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ], $nanoseconds;
}

# PID and start time (field 22 of stat), which together never name another process.
sub process_line {
    my ($pid) = @_;
    open(my $stat, '<', "/proc/$pid/stat") or fail("open /proc/$pid/stat: $!");
    my ($after_name) = <$stat> =~ /\) (.*)/;
    return "$pid " . (split / /, $after_name)[19] . "\n";
}

# --- the program ------------------------------------------------------------------------------------

sub run_program {
    $SIG{$_} = 'DEFAULT' for keys %SIG;
    # Nobody would note its end or read its output without the shim.
    step('prctl', call('prctl', 1, 9, 0, 0, 0));
    open(STDIN, '<', '/dev/null') or fail("open /dev/null: $!");
    my (%environment, $root, $directory, $user, @command);
    my %verb = (
        ns => \&enter_namespace,
        hold => \&hold_namespace,
        unshare => sub { step("unshare $_[0]", call('unshare', $clone{ $_[0] })) },
        hostname => sub { my $name = $_[0]; step("sethostname $name", call('sethostname', $name, length $name)) },
        mount => \&mount_one,
        overlay => \&mount_overlay,
        bind => \&bind_one,
        dir => sub { make_directory($_[0]); chmod oct $_[1], $_[0] },
        link => sub { symlink $_[0], $_[1] or fail("symlink $_[1]: $!") },
        root => sub { enter_root($_[0]); $root = $_[0] },
        cwd => sub { $directory = $_[0] },
        env => sub { $environment{ $_[0] } = $_[1] // '' },
        sysctl => sub { if (open my $file, '>', $_[0]) { print {$file} $_[1]; close $file } },
        drop => sub { for my $number (@_) { call('prctl', 24, $number + 0, 0, 0, 0) } },
        user => sub { $user = [@_] },
        exec => sub { @command = @_ },
    );
    for (@plan) {
        my ($name, @arguments) = @$_;
        next if $setting{$name};
        ($verb{$name} // fail("unknown step $name"))->(@arguments);
    }
    if (defined $directory && !chdir $directory) {
        make_directory($directory);
        chdir $directory or fail("chdir $directory: $!");
    }
    become_user(@$user) if $user;
    %ENV = %environment;
    open(STDOUT, '>&', $program_out) or fail("dup: $!");
    open(STDERR, '>&', $program_err) or fail("dup: $!");
    no warnings 'exec';
    exec { $command[0] } @command;
    my $why = $! == 2 && $command[0] !~ m{/} ? 'executable file not found in $PATH' : lc "$!";
    fail("exec: \"$command[0]\": $why");
}

sub enter_namespace {
    my ($file) = @_;
    open(my $handle, '<', $file) or fail("open $file: $!");
    step("setns $file", call('setns', fileno $handle, 0));
}

# A namespace of the pod's own that its containers share: made by the first, held by a bind mount.
sub hold_namespace {
    my ($type, $file) = @_;
    step("unshare $type", call('unshare', $clone{$type}));
    write_file($file, '');
    mount("/proc/self/ns/$type", $file, '', $flag{bind}, '');
}

sub mount_one {
    my ($source, $target, $type, $flags, $data) = @_;
    make_directory($target);
    mount($source, $target, $type, flags($flags), $data // '');
}

# The host's tree below, changes in a tmpfs above. Kernels that refuse give a read-only tree instead.
sub mount_overlay {
    my ($lower, $target, $upper) = @_;
    make_directory($_) for $target, "$upper/upper", "$upper/work";
    my $data = "lowerdir=$lower,upperdir=$upper/upper,workdir=$upper/work,userxattr";
    bind_one($lower, $target, 'rec,ro') if call('mount', 'overlay', $target, 'overlay', 0, $data) == -1;
}

sub bind_one {
    my ($source, $target, $flags) = @_;
    my %wanted = map { $_ => 1 } split /,/, $flags // '';
    return if $wanted{optional} && !-e $source;
    if (-d $source) { make_directory($target) }
    elsif (!-e $target) {
        make_directory($target =~ s{/[^/]*$}{}r);
        write_file($target, '');
    }
    mount($source, $target, '', $flag{bind} | ($wanted{rec} ? $flag{rec} : 0), '');
    make_read_only($target) if $wanted{ro};
}

# mount_setattr(2) adds read-only and leaves the other flags, which may be locked, as they are.
sub make_read_only {
    my ($target) = @_;
    my $attributes = pack 'Q4', 1, 0, 0, 0;
    return if call('mount_setattr', -100, $target, 0x8000, $attributes, length $attributes) == 0;
    mount('', $target, '', $flag{bind} | $flag{remount} | $flag{ro} | $flag{nosuid} | $flag{nodev}, '');
}

sub mount {
    my ($source, $target, $type, $flags, $data) = @_;
    my $bits = $flags + 0;
    step("mount $source on $target" . ($type ? " (type $type)" : ''),
        call('mount', $source, $target, $type, $bits, $data));
}

sub enter_root {
    my ($root) = @_;
    chdir $root or fail("chdir $root: $!");
    my $here = '.';
    step("pivot_root $root", call('pivot_root', $here, $here));
    step('umount the old root', call('umount2', $here, 2));
    chdir '/' or fail("chdir /: $!");
}

sub become_user {
    my ($uid, $gid, @groups) = map { $_ + 0 } @_;
    my $list = pack 'L*', @groups;
    my $count = @groups;
    # Where only one id is mapped, setgroups is forbidden and there is nothing to give up.
    call('setgroups', $count, $list);
    step("setresgid $gid", call('setresgid', $gid, $gid, $gid));
    step("setresuid $uid", call('setresuid', $uid, $uid, $uid));
    call('prctl', 1, 9, 0, 0, 0);
}

# --- small things -----------------------------------------------------------------------------------

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
    syswrite($report, "$_[0]\n");
    exit 127;
}

sub flags {
    my $bits = 0;
    $bits |= $flag{$_} // fail("unknown mount flag $_") for grep { $_ ne '' } split /,/, $_[0];
    return $bits;
}

sub make_directory {
    my ($path) = @_;
    return if -d $path;
    make_directory($path =~ s{/[^/]*/?$}{}r) if $path =~ m{[^/]/};
    mkdir $path or $! == 17 or fail("mkdir $path: $!");
}

sub write_file {
    my ($path, $text) = @_;
    open(my $handle, '>', "$path.new") or fail("open $path.new: $!");
    print {$handle} $text;
    close $handle or fail("write $path: $!");
    rename "$path.new", $path or fail("rename $path: $!");
}

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
