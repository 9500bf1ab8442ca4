package bignum;
# The digits of pi, bpi, without the module of that name, which perl-base lacks and which some releases of Perl
# end with an error for bpi(2000). Whatever else is wanted comes from the host's own; see README.md of the image.
use strict;
use warnings;

sub import {
    my ($package, @wanted) = @_;
    if (!@wanted || grep { !/^(?:bpi|PI)$/ } @wanted) {
        local @INC = grep { $_ ne '/usr/local/lib/v9s-perl' } @INC;
        die "bignum: this host has perl-base only, where big numbers are not known; only bpi is\n"
            if !grep { !ref && -e "$_/bignum.pm" } @INC;
        delete $INC{'bignum.pm'};
        delete @bignum::{qw(import add_arctangent divide bpi)};
        require bignum;
        goto &{ bignum->can('import') };
    }
    no strict 'refs';
    my $caller = caller;
    *{"${caller}::bpi"} = \&bpi if grep { $_ eq 'bpi' } @wanted;
    *{"${caller}::PI"} = sub () { bpi(40) } if grep { $_ eq 'PI' } @wanted;
}

# Pi to so many digits in all, the last one rounded: Machin's formula, 16 atan(1/5) - 4 atan(1/239), on numbers
# of which each element holds seven decimals.
my $base = 10_000_000;

sub bpi {
    my $digits = shift // 40;
    my $length = int(($digits + 20) / 7) + 2;
    my @sum = (0) x $length;
    add_arctangent(\@sum, 16, 5, 1);
    add_arctangent(\@sum, 4, 239, -1);
    my $text = $sum[0] . join '', map { sprintf '%07d', $_ } @sum[ 1 .. $#sum ];
    my $up = substr($text, $digits, 1) >= 5;
    my @kept = split //, substr $text, 0, $digits;
    for (my $at = $#kept; $up && $at >= 0; $at--) {
        $up = $kept[$at] == 9;
        $kept[$at] = $up ? 0 : $kept[$at] + 1;
    }
    return $digits == 1 ? $kept[0] : "$kept[0]." . join '', @kept[ 1 .. $#kept ];
}

# sum += sign * factor * atan(1/x); terms that have become zero in front are not looked at again.
sub add_arctangent {
    my ($sum, $factor, $x, $sign) = @_;
    my @power = ($factor, (0) x $#$sum);
    my $from = divide(\@power, $x, 0);
    for (my $odd = 1; $from < @power; $odd += 2, $sign = -$sign) {
        my $rest = 0;
        for my $at ($from .. $#power) {
            my $value = $rest * $base + $power[$at];
            my $quotient = int($value / $odd);
            $rest = $value - $quotient * $odd;
            $sum->[$at] += $sign * $quotient;
        }
        $from = divide(\@power, $x * $x, $from);
    }
    for (my $at = $#$sum; $at > 0; $at--) {
        my $carry = int($sum->[$at] / $base);
        $carry-- if $sum->[$at] < $carry * $base;
        $sum->[$at] -= $carry * $base;
        $sum->[ $at - 1 ] += $carry;
    }
}

# In place; the first element that is not zero.
sub divide {
    my ($number, $divisor, $from) = @_;
    my $rest = 0;
    for my $at ($from .. $#$number) {
        my $value = $rest * $base + $number->[$at];
        my $quotient = int($value / $divisor);
        $rest = $value - $quotient * $divisor;
        $number->[$at] = $quotient;
    }
    $from++ while $from < @$number && !$number->[$from];
    return $from;
}

1;
