#!/bin/sh
# The role that serves, made with a new database; in one that is there already: see “Two roles” in runbook.md.
set -e
psql --username "$POSTGRES_USER" --dbname postgres --set=ON_ERROR_STOP=1 --set=password="$APP_PASSWORD" <<'SQL'
CREATE ROLE infloo_app LOGIN PASSWORD :'password';
SQL
