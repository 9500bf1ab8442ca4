# Loads kernel modules, with what they need, in one process: the guest has no modprobe, and starting
# programs is what is slow there.
#
#     perl modules.pl FOLDER NAME...         FOLDER holds modules.dep and modules.alias of depmod(8)
#     perl modules.pl FOLDER -q -- NAME      as the kernel calls modprobe(8); NAME may be an alias
use strict;
use warnings;
use POSIX 'uname';

my ($folder, @wanted) = @ARGV;
my $quiet = grep { $_ eq '-q' } @wanted;
@wanted = grep { !/^-/ } @wanted;

my (%needs, %path, %done, @alias);
open my $dep, '<', "$folder/modules.dep" or die "modules.dep in $folder: $!\n";
while (<$dep>) {
    chomp;
    my ($file, $rest) = split /:\s*/, $_, 2;
    $needs{$file} = [ split ' ', $rest // '' ];
    my ($name) = $file =~ m{([^/]+)\.ko$} or next;
    $path{ $name =~ tr/-/_/r } = $file;
}

my $failed = 0;
my $finit_module = (uname())[4] eq 'x86_64' ? 313 : 273;
for my $name (@wanted) {
    my @files = map { $path{$_} // () } $name =~ tr/-/_/r;
    @files = by_alias($name) unless @files;
    load($_) for @files;
    next if @files or $quiet;
    print STDERR "no module $name\n";
    $failed = 1;
}
exit $failed;

# Dependencies stand in the order in which they can be unloaded, so they are loaded from the last one on.
sub load {
    my ($file) = @_;
    return if $done{$file}++;
    load($_) for reverse @{ $needs{$file} };
    open my $module, '<', "$folder/$file" or die "$file: $!\n";
    my $options = '';
    return if syscall($finit_module, fileno $module, $options, 0) == 0;
    return if $!{EEXIST};
    print STDERR "$file: $!\n" unless $quiet;
    $failed = 1;
}

sub by_alias {
    my ($name) = @_;
    unless (@alias) {
        open my $list, '<', "$folder/modules.alias" or return;
        @alias = map { /^alias (\S+) (\S+)/ ? [ $1, $2 ] : () } <$list>;
    }
    my @found;
    for (@alias) {
        my ($pattern, $module) = @$_;
        my $regex = join '', map { $_ eq '*' ? '.*' : $_ eq '?' ? '.' : quotemeta } split //, $pattern;
        push @found, $path{$module} if $name =~ /^$regex$/ and $path{$module};
    }
    return @found;
}
