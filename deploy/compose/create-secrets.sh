#!/bin/sh
# Creates the secrets of this deployment that are missing, in the folder `secrets`. It never replaces one.
#
# Only you and root can enter the folder. The files in it may be read by every user, because Docker gives them to containers whose
# users have other numbers than you.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
umask 022

# Writes the output of a command to a file, if there is none. Arguments: file, command.
create() {
  file=secrets/$1
  shift
  [ -e "$file" ] || "$@" >"$file"
}

create admin_token openssl rand -base64 32
create audit_key openssl rand -base64 32
create sealing_key openssl rand -base64 32
create postgres_password openssl rand -hex 24
create postgres_url printf 'postgresql://valetkey:%s@postgres:5432/valetkey\n' "$(cat secrets/postgres_password)"
create redis.conf printf 'requirepass %s\n' "$(openssl rand -hex 24)"
create redis_url printf 'redis://:%s@redis:6379/0\n' "$(sed -n 's/^requirepass //p' secrets/redis.conf)"

for name in nudge_api_key tls_certificate tls_key; do
  [ -e "secrets/$name" ] || echo "Now put your own $name into $PWD/secrets/$name"
done
