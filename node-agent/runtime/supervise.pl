# The long part of a shim's life (see shim.pl): takes a container's output to the log and to who is attached, their
# input to it, and its exit code to a file.
#
# Who connects to the socket that the plan names is attached. Frames go both ways: a letter, the length of what
# follows (32 bits, big-endian), and that. From here `o` and `e`: standard output and error. To here `i`: standard
# input, its end when empty; `r`: the terminal's new size, as "COLUMNS ROWS".
use strict;

# Handles by their number: of the program's output, each with its name and the line that has begun; of who is
# attached, each with what has come and what has yet to go. The program's input may have none, and its end is
# known late.
our (%setting, $program, $input, %stream, $listener, $log);
my %client;
my ($log_file, $log_limit, $log_files, $log_size, $ended);
# Readable when the program may have ended, where that must be asked.
my $wake;

# Copies output until the program has ended and its pipes are empty, then writes how it ended.
sub supervise {
    (undef, $log_file, $log_limit, $log_files) = @{ $setting{log} };
    $log_size = -s $log;
    # The kernel ends every process of the namespace with its PID 1, so the pipes end too; where it is not the
    # program's own, what the program leaves may hold them.
    heed_end() if $setting{pidns};
    turn() while %stream && !($wake && defined $ended);
    give_up_streams() if %stream;
    while (!defined $ended) { look_for_end(0) }
    my ($code, $signal) = how_it_ended($ended);
    write_reserved_file($setting{exit}[1], "$code $signal " . now() . "\n");
    write_file($setting{notify}[1], '');
    # Who is attached gets the rest, unless it does not read for a while.
    close $listener;
    while (my @waiting = grep { $_->{out} ne '' } values %client) {
        my (undef, $writable) = ready([], [ map { $_->{handle} } @waiting ], 10);
        last if !@$writable;
        send_to($client{ fileno $_ }) for @$writable;
    }
    return 0;
}

sub heed_end {
    pipe($wake, my $told) or die "pipe: $!\n";
    $SIG{CHLD} = sub { syswrite($told, '.') };
    syswrite($told, '.');
}

# What belongs to the program ends with it, and is heard to the end.
sub give_up_streams {
    kill 'KILL', -$program;
    while (%stream) {
        my ($readable) = ready([ map { $_->[0] } values %stream ], [], 0.2);
        last if !@$readable;
        drain(fileno $_) for @$readable;
    }
}

# More than this, waiting for somebody who does not read, and no more is taken from who writes.
sub backlog { return 1 << 20 }

# Waits until something can be done, and does it.
sub turn {
    my @slow = grep { length $_->{out} > backlog() } values %client;
    # Nobody shall keep a program from having ended: what is left in its pipes is little.
    look_for_end(1) if @slow && !defined $ended;
    @slow = () if defined $ended;
    my @readers = map { $_->{handle} } length $input->{buffer} > backlog() ? () : values %client;
    my @writers = map { $_->{handle} } grep { $_->{out} ne '' } values %client;
    push @writers, $input->{handle} if $input->{handle} && $input->{buffer} ne '';
    # Standard output comes first where both have something.
    my @streams = @slow ? () : map { $stream{$_}[0] } sort { $a <=> $b } keys %stream;
    my ($readable, $writable) = ready([ @streams, $listener, @readers, $wake // () ], \@writers, @slow ? 0.5 : undef);
    for my $number (map { fileno $_ } @$writable) {
        if ($client{$number}) { send_to($client{$number}) }
        else { feed_program() }
    }
    for my $handle (@$readable) {
        my $number = fileno $handle // next;
        if ($stream{$number}) { drain($number) }
        elsif ($wake && $handle == $wake) { sysread($wake, my $dots, 16); look_for_end(1) }
        elsif ($client{$number}) { hear($client{$number}) }
        else { admit() }
    }
}

# With 1 it does not wait (WNOHANG).
sub look_for_end {
    my ($options) = @_;
    $ended = $? if waitpid($program, $options) == $program;
}

# One read of a stream, which is forgotten at its end. A terminal ends with an error.
sub drain {
    my ($number) = @_;
    my ($handle, $name, $rest) = @{ $stream{$number} };
    my $length = sysread($handle, my $text, 65536);
    return if !defined $length && try_again();
    my $time = now();
    my $lines = '';
    if (!$length) {
        $lines = "$time $name P $rest\n" if $rest ne '';
        delete $stream{$number};
    } else {
        my $frame = pack 'a N/a*', substr($name, 3, 1), $text;
        $_->{out} .= $frame for values %client;
        $rest .= $text;
        while ((my $end = index $rest, "\n") >= 0) {
            $lines .= "$time $name F " . substr($rest, 0, $end) . "\n";
            substr($rest, 0, $end + 1) = '';
        }
        while (length $rest >= 16384) { $lines .= "$time $name P " . substr($rest, 0, 16384, '') . "\n" }
        $stream{$number}[2] = $rest;
    }
    write_log($lines) if $lines ne '';
}

# --- the log ----------------------------------------------------------------------------------------

# A file that has reached its limit is put aside, as kubelet does it, and the oldest are removed. On a full disk
# lines are lost, and the container goes on.
sub write_log {
    my ($lines) = @_;
    $log_size += syswrite($log, $lines) // 0;
    return if $log_size < $log_limit;
    $log_size = 0;
    rename $log_file, "$log_file." . (now() =~ tr/-:Z//dr =~ tr/T/-/r);
    if (open(my $next, '>>', $log_file)) { $log = $next }
    my ($folder, $name) = $log_file =~ m{^(.*)/(.*)$};
    opendir(my $entries, $folder) or return;
    my @old = sort grep { index($_, "$name.") == 0 } readdir $entries;
    unlink map { "$folder/$_" } splice @old, 0, @old - ($log_files - 1) if @old >= $log_files;
}

# --- who is attached --------------------------------------------------------------------------------

sub admit {
    accept(my $handle, $listener) or return;
    set_nonblocking($handle);
    $client{ fileno $handle } = { handle => $handle, in => '', out => '' };
}

sub dismiss {
    my ($who) = @_;
    delete $client{ fileno $who->{handle} };
    close $who->{handle};
}

sub send_to {
    my ($who) = @_;
    my $sent = syswrite($who->{handle}, $who->{out}, 65536);
    if (defined $sent) { substr($who->{out}, 0, $sent) = '' }
    elsif (!try_again()) { dismiss($who) }
}

sub hear {
    my ($who) = @_;
    my $length = sysread($who->{handle}, $who->{in}, 65536, length $who->{in});
    return if !defined $length && try_again();
    return dismiss($who) if !$length;
    while (length $who->{in} >= 5) {
        my ($kind, $size) = unpack 'a N', $who->{in};
        last if length $who->{in} < 5 + $size;
        my $content = substr($who->{in}, 5, $size);
        substr($who->{in}, 0, 5 + $size) = '';
        if ($kind eq 'r' && $setting{tty}) { resize_terminal((values %stream)[0][0], split / /, $content) if %stream }
        elsif ($kind eq 'i' && $content ne '') { $input->{buffer} .= $content }
        # `stdinOnce`: the first one's end is the program's.
        elsif ($kind eq 'i' && $setting{stdin}[1] && !$setting{tty}) { $input->{ending} = 1 }
    }
    feed_program();
}

sub feed_program {
    if ($input->{handle} && $input->{buffer} ne '') {
        my $taken = syswrite($input->{handle}, $input->{buffer}, 65536);
        if (defined $taken) { substr($input->{buffer}, 0, $taken) = '' }
        elsif (!try_again()) { $input->{ending} = 1; $input->{buffer} = '' }
    }
    $input->{buffer} = '' if !$input->{handle};
    return if !$input->{ending} || $input->{buffer} ne '' || !$input->{handle};
    close $input->{handle} if !$setting{tty};
    $input->{handle} = undef;
}

1;
