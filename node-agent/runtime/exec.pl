#!/usr/bin/perl
# Runs a command beside a container's program: in its namespaces, with its environment, folder, user and
# capabilities.
#
#   perl exec.pl PLAN PID FLAGS COMMAND [ARGUMENT …] 3<>CONTROL
#
# PLAN is that of the container (see shim.pl), PID its program's. FLAGS has `i` for a command that reads our
# standard input, `t` for one on a terminal of its own, `-` for neither; `own` gives it our very streams, and its
# exit code is ours: then there is no CONTROL. On CONTROL, a socket, it says `started`, or `failed`
# and why, and at last `exit` and the code, a line each; and is told `resize COLUMNS ROWS`. When the other side
# closes CONTROL, the command is ended: a terminal hangs up, others are killed.
use strict;
BEGIN { $^W = 1 }    # As `use warnings`, whose module would be a third of this process's memory.
require($0 =~ s{[^/]*$}{system.pl}r);

our $report;
my ($plan, $pid, $flags, @command) = @ARGV;
die "usage: exec.pl PLAN PID FLAGS COMMAND [ARGUMENT …]\n" if !@command;
my $is_own = $flags eq 'own';
my ($has_input, $has_terminal) = (index($flags, 'i') >= 0, index($flags, 't') >= 0);
my $control;
if (!$is_own) {
    open($control, '+<&=', 3) or die "descriptor 3: $!\n";
    # Not the command's.
    fcntl($control, 2, 1);
    $SIG{PIPE} = 'IGNORE';
    $SIG{__DIE__} = sub { end_badly($_[0]) };
}

my (%environment, $directory, $user, @dropped, $no_privileges, $no_mounts, @groups);
for (read_plan($plan)) {
    my ($name, @arguments) = @$_;
    if ($name eq 'arch') { use_architecture($arguments[0]) }
    elsif ($name eq 'env') { $environment{ $arguments[0] } = $arguments[1] // '' }
    elsif ($name eq 'cwd') { $directory = $arguments[0] }
    elsif ($name eq 'user') { $user = [@arguments] }
    elsif ($name eq 'cgroup') { push @groups, $arguments[0] }
    elsif ($name eq 'drop') { @dropped = @arguments }
    elsif ($name eq 'nonewprivs') { $no_privileges = 1 }
    elsif ($name eq 'nomounts') { $no_mounts = 1 }
}
# An ordinary user's lab has no other ids, and GNU tar, which kubectl cp runs as root, would insist on the sender's.
$environment{TAR_OPTIONS} //= '--no-same-owner' if has_one_id();
@groups = map { open(my $handle, '>', $_) or fail("open $_: $!"); $handle } @groups;
# All are opened before the first is entered: the last one hides this /proc.
my @namespaces = map {
    my $file = "/proc/$pid/ns/$_";
    open(my $handle, '<', $file) or fail("open $file: $!");
    [ $file, $handle ];
} (@groups ? 'cgroup' : ()), qw(uts ipc net pid mnt);
for (@namespaces) {
    my ($file, $handle) = @$_;
    step("setns $file", call('setns', fileno $handle, 0));
}

run_here() if $is_own;
my %end = map { $_ => [] } $has_terminal ? () : qw(in out err);
pipe($_->[0], $_->[1]) or fail("pipe: $!") for values %end;
pipe(my $outcome, my $child_report) or fail("pipe: $!");
my ($master, $number) = $has_terminal ? open_terminal('/dev/pts') : ();
my $child = fork() // fail("fork: $!");
run() if $child == 0;
close $child_report;
my $failure = do { local $/; <$outcome> };
end_badly($failure) if defined $failure && $failure ne '';
inform('started');

my $input = { handle => $has_terminal ? $master : $end{in}[1], buffer => '', ending => !$has_input };
set_nonblocking($input->{handle});
my %output;
if ($has_terminal) {
    $output{ fileno $master } = [ $master, \*STDOUT ];
} else {
    close $_ for $end{in}[0], $end{out}[1], $end{err}[1];
    delete $end{in};
    $output{ fileno $end{out}[0] } = [ $end{out}[0], \*STDOUT ];
    $output{ fileno $end{err}[0] } = [ $end{err}[0], \*STDERR ];
}
my $ended = 0;
pipe(my $wake, my $child_ended) or fail("pipe: $!");
$SIG{CHLD} = sub { syswrite($child_ended, '.') };
syswrite($child_ended, '.');
feed();
copy();
inform('exit ' . (how_it_ended($ended))[0]);
exit 0;

sub has_one_id {
    open(my $map, '<', '/proc/self/uid_map') or fail("open /proc/self/uid_map: $!");
    my @ranges = <$map>;
    return @ranges == 1 && $ranges[0] =~ /\s1\s*$/;
}

# --- here -------------------------------------------------------------------------------------------

# Until the command has ended and what it wrote is read. What it left behind may hold its pipes for long.
sub copy {
    my $heard = '';
    for (;;) {
        my @readers = ($wake, $control, map { $output{$_}[0] } sort { $a <=> $b } keys %output);
        push @readers, \*STDIN if $has_input && !$input->{ending} && length $input->{buffer} < 1 << 20;
        my @writers = $input->{buffer} ne '' && $input->{handle} ? $input->{handle} : ();
        my ($readable, $writable) = ready(\@readers, \@writers, undef);
        feed() if @$writable;
        for my $handle (@$readable) {
            my $number = fileno $handle;
            if ($output{$number}) { forward($number) }
            elsif ($handle == $wake) {
                sysread($wake, my $dot, 16);
                next if waitpid($child, 1) != $child;
                $ended = $?;
                return finish();
            } elsif ($handle == $control) {
                return hang_up() if !sysread($control, $heard, 4096, length $heard);
                while ($heard =~ s/^([^\n]*)\n//) {
                    resize_terminal($master, $1, $2) if $1 =~ /^resize (\d+) (\d+)$/ && $master;
                }
            } else {
                my $length = sysread(STDIN, $input->{buffer}, 65536, length $input->{buffer});
                $input->{ending} = 1 if !$length && (defined $length || !try_again());
                feed();
            }
        }
    }
}

# One read, all of it passed on. False at the end, which for a terminal is an error.
sub forward {
    my ($number) = @_;
    my ($from, $to) = @{ $output{$number} };
    my $length = sysread($from, my $text, 65536);
    return 0 if !defined $length && try_again();
    if (!$length) {
        delete $output{$number};
        return 0;
    }
    for (my $sent = 0 ; $sent < $length ;) {
        my $more = syswrite($to, $text, $length - $sent, $sent);
        # Nobody reads any more: CONTROL will say so.
        last if !defined $more && !try_again();
        $sent += $more // 0;
    }
    return 1;
}

# A terminal's last words come a moment after its program's end.
sub finish {
    for (;;) {
        my ($readable) = ready([ map { $_->[0] } values %output ], [], $has_terminal ? 0.1 : 0);
        return if !@$readable;
        forward(fileno $_) for @$readable;
    }
}

sub hang_up {
    if ($master) {
        # SIGHUP to the session, from the kernel; then it has a moment.
        %output = ();
        close $input->{handle};
        undef $input->{handle};
        undef $master;
        ready([$wake], [], 1);
    }
    kill 'KILL', -$child;
    waitpid($child, 0);
    exit 0;
}

sub feed {
    if ($input->{handle} && $input->{buffer} ne '') {
        my $taken = syswrite($input->{handle}, $input->{buffer}, 65536);
        if (defined $taken) { substr($input->{buffer}, 0, $taken) = '' }
        elsif (!try_again()) { $input->{buffer} = ''; $input->{ending} = 1 }
    }
    return if $has_terminal || !$input->{handle} || !$input->{ending} || $input->{buffer} ne '';
    close $input->{handle};
    undef $input->{handle};
}

sub inform { syswrite($control, "$_[0]\n") }

sub end_badly {
    inform('failed ' . ($_[0] =~ s/\s+/ /gr));
    exit 1;
}

# On our own streams and terminal, whose signals are the command's.
sub run_here {
    my $own = fork() // fail("fork: $!");
    if (!$own) {
        # As a shell tells a command that is not there from one that cannot be run.
        $SIG{__DIE__} = sub { print STDERR @_; exit($_[0] =~ /not found|no such file/ ? 127 : 126) };
        end_with_parent();
        $environment{TERM} //= $ENV{TERM} if defined $ENV{TERM};
        become_command();
    }
    $SIG{$_} = 'IGNORE' for qw(INT QUIT);
    waitpid($own, 0);
    exit((how_it_ended($?))[0]);
}

# --- the command ------------------------------------------------------------------------------------

sub run {
    $report = $child_report;
    end_with_parent();
    if ($has_terminal) {
        take_terminal($number, $user);
        $environment{TERM} //= 'xterm';
    } else {
        call('setsid');
        use_streams($end{in}[0], $end{out}[1], $end{err}[1]);
    }
    become_command();
}

sub become_command {
    defined syswrite($_, "0\n") or fail("cgroup: $!") for @groups;
    chdir($directory // '/') or fail("chdir $directory: $!");
    drop_capabilities(@dropped);
    give_no_privileges() if $no_privileges;
    forbid_mounts() if $no_mounts;
    become_user(@$user) if $user;
    execute(\%environment, @command);
}
