"""wrk, an HTTP load generator in C: told what to send by a script, and asked for its figures as one line of JSON."""

from __future__ import annotations

import json
import subprocess
import tempfile

from benchmarks.figures import Row

MARK = "FIGURES "
DONE = """
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('\\n%s{"requests":%%d,"us":%%d,"p50_us":%%d,"p95_us":%%d,"p99_us":%%d,"refused":%%d,"broken":%%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
""".replace("%s", MARK, 1).replace("%%", "%")


def send(
    port: int, method: str, path: str, headers: dict[str, str], body: str | None, seconds: float, connections: int
) -> tuple[Row, int]:
    """The figures of one call at full speed, and how many requests there were."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script(method, headers, body))
        file.flush()
        # wrk takes whole seconds alone.
        options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "60s", "-s", file.name]
        done = subprocess.run(
            ["wrk", *options, f"http://127.0.0.1:{port}{path}"], stdout=subprocess.PIPE, text=True, check=True
        )
    return parse(done.stdout)


def script(method: str, headers: dict[str, str], body: str | None) -> str:
    """What wrk is told: JSON's strings are Lua's as well, as long as they are plain ASCII."""
    lines = [f"wrk.method = {json.dumps(method)}"]
    lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"wrk.body = [==[{body}]==]")
    return "\n".join(lines) + DONE


def parse(output: str) -> tuple[Row, int]:
    """Figures, and how many requests. Ends the run where answers were errors: they cost less than what was asked."""
    line = next((line for line in output.splitlines() if line.startswith(MARK)), None)
    if line is None:
        raise SystemExit(f"wrk printed no figures: {output[-300:]}")
    found = json.loads(line.removeprefix(MARK))
    if found["refused"] or found["broken"]:
        raise SystemExit(f"wrk: {found['refused']} answers were errors, {found['broken']} requests broke.")
    row = {
        "per_second": round(found["requests"] * 1e6 / found["us"], 1),
        "p50_ms": round(found["p50_us"] / 1000, 2),
        "p95_ms": round(found["p95_us"] / 1000, 2),
        "p99_ms": round(found["p99_us"] / 1000, 2),
    }
    return row, found["requests"]
