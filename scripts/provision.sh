#!/bin/sh
# Makes a Debian machine ready for a workshop. As root: provision.sh USER PROJECT
#
# Only Node.js and npm are installed here; the project's own bootstrap does the rest, as it would for anybody.
set -eu

user=${1:?name of the user who will work here}
project=${2:?folder of the project}

export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends nodejs npm ca-certificates

chown -R "$user:" "$project"
cd "$project"
node scripts/bootstrap.mjs system
su "$user" -c 'node scripts/bootstrap.mjs'
ln -sf "$project/bin/v9s.js" /usr/local/bin/v9s

cat > /etc/motd <<EOF

Vethernetes: Kubernetes networking, made of nothing but Linux namespaces.

  cd $project && npm run scenario hostnames    the demo of the articles, step by step
  v9s up                                        a cluster of your own; v9s --help for the rest

EOF
