# Commands that shim.pl runs for the node-agent: to copy that large process for each of them costs more than most of them
# do. Begun by begin_command with the fields of a line; the answer's are in answer_of once its output has ended.
use strict;

my %ended;    # How commands ended whose end came before that of their output, by process id.

# Waits for children that have ended, shims too.
sub note_ends {
    while ((my $pid = waitpid(-1, 1)) > 0) { $ended{$pid} = $? if exists $ended{$pid} }
}

# The command with the handles of its output and errors, or why it could not be begun. INPUT is behind a `<`.
sub begin_command {
    my ($name, $input, @words) = @_;
    my %end;
    for (qw(in out err exec)) { pipe($end{$_}[0], $end{$_}[1]) or return "pipe: $!" }
    my $pid = fork() // return "fork: $!";
    if (!$pid) {
        open(STDIN, '<&', $end{in}[0]);
        open(STDOUT, '>&', $end{out}[1]);
        open(STDERR, '>&', $end{err}[1]);
        close $end{in}[1];
        $SIG{PIPE} = 'DEFAULT';
        local $^W = 0;
        { exec { $words[0] } @words }
        syswrite($end{exec}[1], 'missing') if $! == 2;
        print STDERR "$words[0]: $!\n";
        exit 126;
    }
    $ended{$pid} = undef;
    syswrite($end{in}[1], substr $input, 1) if $input ne '';
    close $_ for @{ $end{in} }, $end{out}[1], $end{err}[1], $end{exec}[1];
    return { name => $name, pid => $pid, exec => $end{exec}[0], map { $_ => { handle => $end{$_}[0], text => '' } } qw(out err) };
}

# Exit code, empty when a signal ended it, or `missing` when there is no such command; output; errors.
sub answer_of {
    my ($command) = @_;
    my $pid = $command->{pid};
    my $status = delete $ended{$pid};
    if (!defined $status) {
        waitpid($pid, 0);
        $status = $?;
    }
    sysread($command->{exec}, my $why, 16);
    return ($why || ($status & 127 ? '' : $status >> 8), map { $command->{$_}{text} } qw(out err));
}

1;
