# agnhost test-webserver: the files of the container over HTTP. Upstream: test-webserver/test-webserver.go.
use strict;
use warnings;
require '/usr/local/lib/v9s/serve.pl';

my ($flag) = flags(\@ARGV, { port => 80 });
my %type = (html => 'text/html; charset=utf-8', json => 'application/json', css => 'text/css; charset=utf-8',
    js => 'text/javascript; charset=utf-8', png => 'image/png', svg => 'image/svg+xml');
my %headers = ('Cache-Control' => 'private', 'Access-Control-Allow-Origin' => '*', 'Access-Control-Allow-Credentials' => 'true',
    'Access-Control-Allow-Methods' => 'GET, POST, OPTIONS',
    'Access-Control-Allow-Headers' => 'DNT,X-Mx-ReqToken,Keep-Alive,User-Agent,X-Requested-With,Cache-Control,Content-Type');
serve_http($flag->{port}, sub {
    my ($path) = $_[0]{path};
    return (400, "invalid URL path\n") if $path =~ m{(?:^|/)\.\.(?:/|$)|\0};
    # In a process of its own: files may be large.
    return sub {
        return (301, '', %headers, Location => ($path =~ m{([^/]+)$})[0] . '/') if -d $path && $path !~ m{/$};
        my $file = -d $path && -e "${path}index.html" ? "${path}index.html" : $path;
        return (200, listing($file), %headers, 'Content-Type' => 'text/html; charset=utf-8') if -d $file;
        open my $handle, '<:raw', $file or return $! == 2 ? (404, "404 page not found\n") : (403, "403 Forbidden\n");
        my $content = do { local $/; readline $handle } // '';
        my ($extension) = $file =~ /\.(\w+)$/;
        return (200, $content, %headers, 'Content-Type' => $type{ $extension // '' } // 'text/plain; charset=utf-8');
    };
});
run_loop();

sub listing {
    my ($folder) = @_;
    opendir my $handle, $folder or return "<pre>\n</pre>\n";
    my @names = map { -d "$folder/$_" ? "$_/" : $_ } sort grep { !/^\.\.?$/ } readdir $handle;
    return join '', "<pre>\n", (map { my $name = html($_); qq{<a href="$name">$name</a>\n} } @names), "</pre>\n";
}
