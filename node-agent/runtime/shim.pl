#!/usr/bin/perl
# Starts containers, each with a process that stays with it (supervise.pl). That one needs nothing of the node-agent
# once started, so pods outlive it.
#
#   perl shim.pl PLAN < /dev/null
#   perl shim.pl
#
# PLAN is a text file, one step a line: a verb and its arguments, separated by tabs, with %XX for tabs,
# line feeds and per cent signs. container-plan.ts writes it and says what each verb means. Exits 0
# once the container's program runs; otherwise says on standard error which step failed, and why.
#
# Without PLAN it reads names of plans from standard input, a line each, carries them out side by side, and answers
# each with a line: the name, and behind a tab what would have been said of it, escaped in the same way; nothing when
# the program runs. A process for each of them is a copy of this one: it need not be started and compiled again, which
# is half of a container's cost, and shares its memory. It runs commands too, since it is small and there (commands.pl):
# NAME, INPUT and the command's words on a line are answered with NAME, exit code, output and errors. A line that does not come
# whole is nothing. Ends with its input; what was begun goes on.
#
# Only perl-base is asked for: it is on every Debian and starts in 2 ms. System calls go by number.
use strict;
BEGIN { $^W = 1 }    # As `use warnings`, whose module would be a third of this process's memory.
my $folder = $0 =~ s{/[^/]*$}{}r;
require "$folder/system.pl";
require "$folder/mounts.pl";

our $report;
# Of the program, while it is being put together.
my (@plan, %end);
our ($root, %flag);
# What supervise.pl goes on with.
our (%setting, $program, $input, %stream, $listener, $log);
my %clone = (
    mnt => 0x00020000, cgroup => 0x02000000, uts => 0x04000000, ipc => 0x08000000, pid => 0x20000000,
);

defined $ARGV[0] ? start_one($ARGV[0]) : start_many();

# The first process waits until the program runs or a step has failed; the second one is the shim.
sub start_one {
    my ($file) = @_;
    @plan = read_plan($file);
    pipe(my $outcome, $report) or die "pipe: $!\n";
    my $shim = fork() // die "fork: $!\n";
    if ($shim) {
        close $report;
        my $failure = do { local $/; <$outcome> };
        print STDERR $failure if defined $failure;
        exit(defined $failure && $failure ne '' ? 1 : 0);
    }
    close $outcome;
    start();
    # What has started the program makes room for what stays with it. Only now: nobody waits for this.
    @plan = ();
    no strict 'refs';
    undef &$_ for qw(run_program mount_one mount_overlay bind_one hide beneath within make_read_only mount enter_root flags
        make_directory hold_namespace read_plan process_line listen_at terminal_of_program become_user
        take_terminal use_streams execute become_only_user give_no_privileges write_kernel_file
        start start_many take begin answer);
    require "$folder/supervise.pl";
    exit supervise();
}

# --- many -------------------------------------------------------------------------------------------

my %open;    # By file number: handle, where its text goes, and what comes when it has ended.

sub start_many {
    require "$folder/$_.pl" for qw(supervise commands);
    $SIG{PIPE} = 'IGNORE';
    my $rest = '';
    for (;;) {
        my ($readable) = ready([ \*STDIN, map { $_->[0] } values %open ], [], undef);
        note_ends();
        for my $handle (@$readable) {
            if ($handle == \*STDIN) {
                my $length = sysread(STDIN, $rest, 1 << 20, length $rest);
                exit 0 if !$length && (defined $length || !try_again());
                take($1) while $rest =~ s/^([^\n]*)\n//;
                next;
            }
            my (undef, $text, $then) = @{ $open{ fileno $handle } };
            my $length = sysread($handle, $$text, 65536, length $$text);
            next if $length || !defined $length && try_again();
            delete $open{ fileno $handle };
            $then->();
        }
    }
}

sub take {
    my ($name, @fields) = map { s/%([0-9A-F]{2})/chr hex $1/ger } split /\t/, $_[0], -1;
    return begin($name) if !@fields;
    my $command = begin_command($name, @fields);
    return answer($name, 126, '', $command) if !ref $command;
    my $left = 2;
    my $then = sub { answer($name, answer_of($command)) if --$left == 0 };
    $open{ fileno $_->{handle} } = [ $_->{handle}, \$_->{text}, $then ] for @$command{qw(out err)};
}

sub begin {
    my ($file) = @_;
    pipe(my $outcome, my $own) or return answer($file, "pipe: $!");
    my $shim = fork() // return answer($file, "fork: $!");
    if ($shim) {
        my $failure = '';
        $open{ fileno $outcome } = [ $outcome, \$failure, sub { answer($file, $failure) } ];
        return;
    }
    $SIG{PIPE} = 'DEFAULT';
    close $_ for $outcome, map { $_->[0] } values %open;
    %open = ();
    $report = $own;
    eval { @plan = read_plan($file); start(); exit supervise() };
    fail($@ =~ s/\n$//r);
}

sub answer {
    my $line = join("\t", map { s/([%\t\n\r])/sprintf '%%%02X', ord $1/ger } @_) . "\n";
    for (my $sent = 0 ; $sent < length $line ;) {
        my $more = syswrite(STDOUT, $line, length($line) - $sent, $sent);
        # Nobody hears it any more.
        exit 1 if !defined $more && !try_again();
        $sent += $more // 0;
    }
}

# --- the shim ---------------------------------------------------------------------------------------

# Returns when the program runs.
sub start {
    my $for_shim = qr/^(?:arch|deadline|log|pid|exit|notify|attach|stdin|tty|pidns)$/;
    %setting = map { $_->[0] => $_ } grep { $_->[0] =~ $for_shim } @plan;
    use_architecture($setting{arch}[1]);
    call('setsid');
    # The program becomes PID 1 of the namespace that the next fork opens.
    %end = map { $_ => [] } $setting{tty} ? qw(root terminal) : qw(in out err);
    pipe($_->[0], $_->[1]) or fail("pipe: $!") for values %end;
    reserve_file($setting{exit}[1]);
    my $shared = $setting{pidns} && $setting{pidns}[1];
    if (!defined $shared) { step('unshare pid', call('unshare', $clone{pid})) }
    elsif ($shared ne '') { enter_namespace($shared) }
    $program = fork() // fail("fork: $!");
    run_program() if $program == 0;
    $input = { handle => undef, buffer => '', ending => 0 };
    if ($setting{tty}) {
        # Without one, its own report says why it did not come that far.
        if (my $master = terminal_of_program()) {
            set_nonblocking($master);
            $input->{handle} = $master if $setting{stdin};
            $stream{ fileno $master } = [ $master, 'stdout', '' ];
        }
    } else {
        if ($setting{stdin}) {
            $input->{handle} = $end{in}[1];
            set_nonblocking($input->{handle});
        }
        $stream{ fileno $end{out}[0] } = [ $end{out}[0], 'stdout', '' ];
        $stream{ fileno $end{err}[0] } = [ $end{err}[0], 'stderr', '' ];
        close $_ for $end{in}[0], $end{out}[1], $end{err}[1];
        delete $end{in};
    }
    open($log, '>>', $setting{log}[1]) or fail("open $setting{log}[1]: $!");
    $listener = listen_at($setting{attach}[1]);
    write_file($setting{pid}[1], process_line($program) . process_line($$));
    close $report;
    open(STDIN, '<', '/dev/null');
    open(STDOUT, '>', '/dev/null');
    open(STDERR, '>', '/dev/null');
    chdir '/';

    $0 = "v9s-shim $setting{pid}[1]";
    $SIG{$_} = sub { kill $_[0], $program } for qw(TERM INT HUP QUIT USR1 USR2);
    $SIG{PIPE} = 'IGNORE';
}

# PID and start time (field 22 of stat), which together never name another process.
sub process_line {
    my ($pid) = @_;
    open(my $stat, '<', "/proc/$pid/stat") or fail("open /proc/$pid/stat: $!");
    my ($after_name) = <$stat> =~ /\) (.*)/;
    return "$pid " . (split / /, $after_name)[19] . "\n";
}

sub listen_at {
    my ($path) = @_;
    # Names of sockets are short: from within its folder.
    my ($place, $name) = $path =~ m{^(.*)/(.*)$};
    chdir $place or fail("chdir $place: $!");
    socket(my $socket, 1, 1, 0) or fail("socket: $!");
    unlink $name;
    bind($socket, pack 'S a108', 1, $name) or fail("bind $path: $!");
    listen($socket, 8) or fail("listen $path: $!");
    return $socket;
}

# The program says when its /dev is there, and is told the number of the terminal made in it.
sub terminal_of_program {
    close $end{root}[1];
    close $end{terminal}[0];
    sysread($end{root}[0], my $word, 1) or return undef;
    my ($master, $number) = open_terminal("/proc/$program/root/dev/pts");
    syswrite($end{terminal}[1], "$number\n");
    close $end{terminal}[1];
    return $master;
}

# --- the program ------------------------------------------------------------------------------------

sub run_program {
    # Nobody would note its end or read its output without the shim.
    end_with_parent();
    call('setsid') if $setting{pidns};
    $SIG{ALRM} = sub { fail('context deadline exceeded') };
    alarm $setting{deadline}[1] if $setting{deadline};
    my (%environment, $directory, $user, @command, @dropped, $no_mounts);
    my %verb = (
        cgroup => sub { write_kernel_file($_[0], "0\n") },
        ns => \&enter_namespace,
        hold => \&hold_namespace,
        unshare => sub { step("unshare $_[0]", call('unshare', $clone{ $_[0] })) },
        hostname => sub { my $name = $_[0]; step("sethostname $name", call('sethostname', $name, length $name)) },
        mount => \&mount_one,
        overlay => \&mount_overlay,
        bind => \&bind_one,
        dir => sub { make_directory($_[0]); chmod oct $_[1], $_[0] },
        hide => \&hide,
        link => sub { symlink $_[0], $_[1] or fail("symlink $_[1]: $!") },
        root => sub { enter_root($_[0]) },
        cwd => sub { $directory = $_[0] },
        env => sub { $environment{ $_[0] } = $_[1] // '' },
        sysctl => sub { if (open my $file, '>', $_[0]) { print {$file} $_[1]; close $file } },
        set => sub { write_kernel_file(@_) },
        drop => sub { @dropped = @_ },
        nonewprivs => \&give_no_privileges,
        nomounts => sub { $no_mounts = 1 },
        user => sub { $user = [@_] },
        exec => sub { @command = @_ },
    );
    ($root) = map { $_->[1] } grep { $_->[0] eq 'root' } @plan;
    for (@plan) {
        my ($name, @arguments) = @$_;
        next if $setting{$name};
        ($verb{$name} // fail("unknown step $name"))->(@arguments);
    }
    if (defined $directory && !chdir $directory) {
        make_directory($directory);
        chdir $directory or fail("chdir $directory: $!");
    }
    if ($setting{tty}) {
        syswrite($end{root}[1], "\n");
        sysread($end{terminal}[0], my $number, 16) or fail('no terminal');
        chomp $number;
        take_terminal($number, $user);
        $environment{TERM} //= 'xterm';
    } else {
        open(my $nothing, '<', '/dev/null') or fail("open /dev/null: $!");
        use_streams($setting{stdin} ? $end{in}[0] : $nothing, $end{out}[1], $end{err}[1]);
    }
    drop_capabilities(@dropped);
    forbid_mounts() if $no_mounts;
    become_user(@$user) if $user;
    alarm 0;
    execute(\%environment, @command);
}

# A namespace of the pod's own that its containers share: made by the first, held by a bind mount.
sub hold_namespace {
    my ($type, $file) = @_;
    step("unshare $type", call('unshare', $clone{$type}));
    write_file($file, '');
    mount("/proc/self/ns/$type", $file, '', $flag{bind}, '');
}
