# How shim.pl puts a container's root together: mounts, links that lead nowhere else, and the way into it.
use strict;

# The container's root while it is put together; shim.pl says which it is.
our $root;
our %flag = (
    ro => 0x1, remount => 0x20, nosuid => 0x2, nodev => 0x4, noexec => 0x8, bind => 0x1000, rec => 0x4000, private => 0x40000,
);

sub mount_one {
    my ($source, $target, $type, $flags, $data) = @_;
    $target = within($target);
    make_directory($target);
    mount($source, $target, $type, flags($flags), $data // '');
}

# The host's tree below, changes in a tmpfs above. Kernels that refuse give a read-only tree instead.
sub mount_overlay {
    my ($lower, $target, $upper) = @_;
    make_directory($_) for $target, "$upper/upper", "$upper/work";
    my $path = $lower =~ s/([\\:,])/\\$1/gr;
    my $data = "lowerdir=$path,upperdir=$upper/upper,workdir=$upper/work,userxattr";
    bind_one($lower, $target, 'rec,ro') if call('mount', 'overlay', $target, 'overlay', 0, $data) == -1;
}

sub bind_one {
    my ($source, $target, $flags, $base) = @_;
    my $held;
    ($source, $held) = beneath($base, $source) if defined $base;
    my %wanted = map { $_ => 1 } split /,/, $flags // '';
    return if $wanted{optional} && !-e $source;
    $target = within($target);
    if (-d $source) { make_directory($target) }
    elsif (!-e $target) {
        make_directory($target =~ s{/[^/]*$}{}r);
        write_file($target, '');
    }
    mount($source, $target, '', $flag{bind} | ($wanted{rec} ? $flag{rec} : 0), '');
    make_read_only($target, $wanted{nodev}) if $wanted{ro};
}

# A folder without anything in it, or an empty file, in the place of another.
sub hide {
    my ($path) = @_;
    return if !-e $path;
    if (-d $path) { mount('tmpfs', $path, 'tmpfs', $flag{ro} | $flag{nosuid} | $flag{nodev} | $flag{noexec}, 'size=4k') }
    else { mount('/dev/null', $path, '', $flag{bind}, '') }
}

# Where a path below a folder is, found so that no link in it, nor one that is put there now, leads out of it
# (openat2's RESOLVE_IN_ROOT). The name is good as long as the handle that comes with it.
sub beneath {
    my ($base, $path) = @_;
    opendir(my $folder, $base) or fail("open $base: $!");
    # O_PATH and O_CLOEXEC.
    my $how = pack 'Q3', 0x280000, 0, 0x10;
    my $name = $path eq '' ? '.' : "$path";
    my $number = call('openat2', fileno $folder, $name, $how, length $how);
    fail("open $base/$path: $!") if $number == -1;
    open(my $handle, '<&=', $number) or fail("open $base/$path: $!");
    return ("/proc/self/fd/$number", $handle);
}

# Where a path below the root is for the program: links of an image or a volume lead nowhere else.
sub within {
    my ($path) = @_;
    return $path if !defined $root || index($path, "$root/") != 0;
    my @missing = split m{/}, substr $path, length $root;
    my ($links, @at) = (0);
    while (defined(my $part = shift @missing)) {
        next if $part eq '' || $part eq '.';
        if ($part eq '..') { pop @at; next }
        my $target = readlink join '/', $root, @at, $part;
        if (!defined $target) { push @at, $part; next }
        fail("$path: too many levels of symbolic links") if ++$links > 40;
        @at = () if $target =~ m{^/};
        unshift @missing, split m{/}, $target;
    }
    return join '/', $root, @at;
}

# mount_setattr(2) adds read-only and leaves the other flags, which may be locked, as they are.
sub make_read_only {
    my ($target, $no_devices) = @_;
    my $attributes = pack 'Q4', $no_devices ? 5 : 1, 0, 0, 0;
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

1;
