# agnhost mounttest: what a path of a volume is, and whether it can be written. Upstream: mounttest/mt.go, mt_utils.go.
use strict;
use warnings;
use Fcntl qw(:mode O_WRONLY O_CREAT O_TRUNC);
require '/usr/local/lib/v9s/serve.pl';

my $content = "mount-tester new file\n";
my ($flag) = flags(\@ARGV, {
    (map { $_ => '' } qw(fs_type file_mode file_perm file_owner file_content file_content_in_loop)),
    (map { ("new_file_$_" => '') } qw(0644 0666 0660 0777)),
    retry_time => 180, break_on_expected_content => 'true',
});
umask 0;
$| = 1;
my $failed = 0;
# The order counts: a file may be made below the path that is looked at first, and be looked at afterwards.
look('fs_type', \&file_system);
for my $mode (qw(0644 0666 0660 0777)) { look("new_file_$mode", sub { made($_[0], oct $mode) }) }
look('file_mode', sub { my ($path) = @_; say_of('mode of file', $path, mode_text(status($path, 'Stat'))) });
look('file_perm', sub { my ($path) = @_; say_of('perms of file', $path, '-' . letters(status($path, 'Stat'))) });
look('file_owner', sub {
    my ($path) = @_;
    my @stat = status($path, 'stat', 1);
    say_of('owner UID of', $path, $stat[4]);
    say_of('owner GID of', $path, $stat[5]);
});
look('file_content', sub { say_of('content of file', $_[0], text($_[0], 'reading file content for')) });
look('file_content_in_loop', \&content_in_loop);
exit $failed;

sub look {
    my ($name, $action) = @_;
    my $path = $flag->{$name};
    return if $path eq '';
    return if eval { $action->($path); 1 };
    print $@;
    $failed = 1;
}

sub say_of { my ($what, $path, $value) = @_; print "$what \"$path\": $value\n" }

# statfs(2) has another number on each architecture; stat(1) knows.
sub file_system {
    my ($path) = @_;
    local $SIG{CHLD} = 'DEFAULT';
    open my $pipe, '-|', 'stat', '-f', '-c', '%t', '--', $path or die "stat: $!\n";
    chomp(my $type = readline $pipe // '');
    close $pipe or die "error from statfs(\"$path\")\n";
    say_of('mount type of', $path, $type eq '1021994' ? 'tmpfs' : hex $type);
}

sub made {
    my ($path, $mode) = @_;
    sysopen my $file, $path, O_WRONLY | O_CREAT | O_TRUNC, $mode
        or die qq{error writing new file "$path": open $path: } . lc("$!") . "\n";
    print {$file} $content;
    close $file or die qq{error writing new file "$path": write $path: } . lc("$!") . "\n";
    say_of('content of file', $path, text($path, 'reading file content for'));
}

sub status {
    my ($path, $call, $whole) = @_;
    my @stat = stat $path or die qq{error from $call("$path"): stat $path: } . lc("$!") . "\n";
    return $whole ? @stat : $stat[2];
}

sub text {
    my ($path, $what) = @_;
    open my $file, '<', $path or die qq{error $what "$path": open $path: } . lc("$!") . "\n";
    local $/;
    return readline($file) // '';
}

# As Go writes a mode: a letter for each of the special bits, or a dash, then the permissions.
sub mode_text {
    my ($mode) = @_;
    my @kind = ([S_ISDIR($mode), 'd'], [S_ISLNK($mode), 'L'], [S_ISBLK($mode) || S_ISCHR($mode), 'D'], [S_ISFIFO($mode), 'p'],
        [S_ISSOCK($mode), 'S'], [$mode & S_ISUID, 'u'], [$mode & S_ISGID, 'g'], [S_ISCHR($mode), 'c'], [$mode & S_ISVTX, 't']);
    return (join('', map { $_->[1] } grep { $_->[0] } @kind) || '-') . letters($mode);
}

sub letters {
    my ($mode) = @_;
    return join '', map { $mode & (1 << 8 - $_) ? (qw(r w x))[ $_ % 3 ] : '-' } 0 .. 8;
}

sub content_in_loop {
    my ($path) = @_;
    my $last;
    for (my $end = time + $flag->{retry_time}; time < $end; sleep 2) {
        my $found = eval { text($path, 'reading file') };
        $last = $@;
        if (!defined $found) { print "Error reading file $path: $last, retrying\n"; next }
        say_of('content of file', $path, $found);
        next if $flag->{break_on_expected_content} ne 'true';
        last if $found eq $content;
        print "Unexpected content. Expected: $content. Retrying";
    }
    die $last if $last;
}
