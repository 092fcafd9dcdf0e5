"""Runs Autobahn's cases against the server, the native client, and the client of the wasm module under Node, and
compares the verdicts with expectations.json.

kosoku does the testing; here are only the processes, the time limits and the bookkeeping.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import sys
import time
from pathlib import Path

from kosoku import FailureError, run_fuzzingclient, run_fuzzingserver

HERE = Path(__file__).parent
LONG_GROUPS = ["12.*", "13.*"]
# Seconds for one role, many times what it takes: a hang must end the run, not hold it.
TIME_LIMIT = 1500
# Seconds for a process to say that it listens, or to end when asked to.
PATIENCE = 30


async def main() -> int:
    options = parse_arguments()
    if options.role == "all":
        passed, failed = await all_roles()
    else:
        passed, failed = await one_role(options)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


async def all_roles() -> tuple[int, int]:
    """Each role in a process of its own, at once: nearly all of the time is Python's, which has one core for a process."""
    passed = failed = 0

    async def run(role: str) -> None:
        nonlocal passed, failed
        process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, *sys.argv[1:], "--role", role, stdout=asyncio.subprocess.PIPE
        )
        summary = None
        try:
            async for line in process.stdout:
                text = line.decode(errors="replace")
                if found := re.fullmatch(r"(\d+) passed, (\d+) failed\n", text):
                    summary = found
                else:
                    print(text, end="", flush=True)
            await process.wait()
        finally:
            await put_down(process)
        if summary is None:
            print(f"  {role}: ended with status {process.returncode} and no verdict", flush=True)
        passed += int(summary[1]) if summary else 0
        failed += int(summary[2]) if summary else 1

    await asyncio.gather(*map(run, ROLES))
    return passed, failed


async def one_role(options: argparse.Namespace) -> tuple[int, int]:
    role = options.role
    expectations = json.loads((HERE / "expectations.json").read_text())
    started = time.monotonic()
    try:
        results = await asyncio.wait_for(ROLES[role](options), TIME_LIMIT)
        problems = compare(results, expectations, options)
    except (TimeoutError, RoleError) as error:
        results, problems = [], [f"the run broke off: {error or f'over {TIME_LIMIT} s'}"]
    seconds = time.monotonic() - started
    verdicts = [result.behavior.value for result in results]
    summary = ", ".join(f"{verdicts.count(name)} {name}" for name in sorted(set(verdicts)))
    print(f"{role}: {len(results)} cases in {seconds:.0f} s: {summary or 'none'}", flush=True)
    for problem in problems:
        print(f"  {role}: {problem}", flush=True)
    if options.reports and results:
        from kosoku._report import write_reports

        write_reports(results, str(Path(options.reports) / role))
    return max(0, len(results) - len(problems)), len(problems)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="the framescope binary")
    parser.add_argument("--client", required=True, help="the autobahn_client example")
    parser.add_argument("--wasm-package", required=True, help="the folder of the npm package")
    parser.add_argument("--groups", choices=["all", "quick"], default="all")
    parser.add_argument("--role", choices=["all", *ROLES], default="all")
    parser.add_argument("--cases", action="append", help="a case or a glob, instead of --groups; repeatable")
    parser.add_argument("--reports", help="a folder for kosoku's HTML reports")
    return parser.parse_args()


class RoleError(Exception):
    """A process did not do its part."""


async def server_role(options: argparse.Namespace) -> list:
    """Our server, on a free port, with the fuzzing client against it."""
    server = await asyncio.create_subprocess_exec(
        options.server, "serve", "--listen", "127.0.0.1:0", "--in-memory",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    log: list[str] = []
    listening = asyncio.get_running_loop().create_future()
    reading = asyncio.create_task(read_log(server.stdout, log, listening))
    try:
        port = await asyncio.wait_for(listening, PATIENCE)
        results = await results_of(
            run_fuzzingclient(f"ws://127.0.0.1:{port}/echo", *selection(options), concurrency=2)
        )
        if server.returncode is not None:
            raise RoleError(f"the server ended by itself, status {server.returncode}:\n{''.join(log[-20:])}")
        server.send_signal(signal.SIGTERM)
        if status := await asyncio.wait_for(server.wait(), PATIENCE):
            raise RoleError(f"SIGTERM ended the server with status {status}:\n{''.join(log[-20:])}")
        return results
    finally:
        await put_down(server)
        reading.cancel()


async def client_role(options: argparse.Namespace) -> list:
    """The native client."""
    return await fuzz_client(options, options.client)


async def wasm_role(options: argparse.Namespace) -> list:
    """The client of the wasm module, on Node's sockets."""
    return await fuzz_client(options, "node", str(HERE / "wasm_client.mjs"), options.wasm_package)


async def fuzz_client(options: argparse.Namespace, *command: str) -> list:
    """The fuzzing server, on a free port, with one of our clients against it."""
    cases, without = selection(options)
    async with run_fuzzingserver(cases, without, host="127.0.0.1", port=0) as server:
        client = await asyncio.create_subprocess_exec(
            *command, f"ws://{server.address}:{server.port}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            output, _ = await client.communicate()
            if client.returncode:
                raise RoleError(f"the client ended with status {client.returncode}:\n{output.decode()[-2000:]}")
            return await asyncio.wait_for(results_of(server.get_result()), PATIENCE)
        finally:
            await put_down(client)


ROLES = {"server": server_role, "client": client_role, "wasm": wasm_role}


def selection(options: argparse.Namespace) -> tuple[list[str] | None, list[str] | None]:
    if options.cases:
        return options.cases, None
    return None, LONG_GROUPS if options.groups == "quick" else None


async def results_of(run) -> list:
    """The results, also where kosoku wraps them in an exception because a case did not pass."""
    try:
        return await run
    except FailureError as failure:
        return failure.results


def compare(results: list, expectations: dict, options: argparse.Namespace) -> list[str]:
    """One line for each case that is not as expected, and one if their number is not."""
    problems = []
    for result in results:
        wanted = expectations["exceptions"].get(result.case_id, expectations["default"])
        wanted = (wanted["behavior"], wanted["close"])
        got = (result.behavior.value, result.behavior_close.value)
        if got != wanted:
            problems.append(
                f"case {result.case_id}: expected {' / '.join(wanted)}, got {' / '.join(got)} after {result.duration} ms: "
                f"{result.result} {result.result_close} ({result.was_not_clean_reason or 'clean'})"
            )
    ids = {result.case_id for result in results}
    if len(ids) != len(results):
        problems.append(f"{len(results) - len(ids)} cases were run twice")
    if not options.cases and len(ids) != expectations["cases"][options.groups]:
        problems.append(f"{len(ids)} cases were run, not {expectations['cases'][options.groups]}")
    return problems


async def read_log(stream: asyncio.StreamReader, log: list[str], listening: asyncio.Future) -> None:
    """Keeps what the server says, and resolves `listening` with the port in its link."""
    async for line in stream:
        log.append(line.decode(errors="replace"))
        found = re.search(r"http://127\.0\.0\.1:(\d+)", log[-1])
        if found and not listening.done():
            listening.set_result(int(found[1]))
    if not listening.done():
        listening.set_exception(RoleError(f"the server ended before it listened:\n{''.join(log)}"))


async def put_down(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
