#!/bin/sh
# The role that serves and the one that backs up, made with a new database; in one that is there already: see “Two roles”
# in runbook.md, and docs/restore.md.
set -e
psql --username "$POSTGRES_USER" --dbname postgres --set=ON_ERROR_STOP=1 --set=password="$APP_PASSWORD" \
    --set=backup="$BACKUP_PASSWORD" <<'SQL'
CREATE ROLE infloo_app LOGIN PASSWORD :'password';
CREATE ROLE infloo_backup LOGIN REPLICATION PASSWORD :'backup';
SQL
echo "host replication infloo_backup samenet scram-sha-256" >>"$PGDATA/pg_hba.conf"
