"""A W&B server on loopback: answers the GraphQL and file_stream calls of wandb, and keeps what comes."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ENTITY = "someone"
NONE: dict[str, Any] = {"edges": []}
USER: dict[str, Any] = {
    "id": "x", "username": ENTITY, "entity": ENTITY, "name": ENTITY, "email": "", "teams": NONE,
    "flags": "{}", "admin": False, "apiKeys": NONE, "deletedAt": None,
}  # fmt: skip


class FakeWandB:
    """What has arrived: `lines` by run and file, placed by their offsets as W&B places them."""

    def __init__(self) -> None:
        self.address = ""
        self.buckets: dict[str, dict[str, Any]] = {}
        self.lines: dict[tuple[str, str], dict[int, str]] = {}
        self.files: dict[str, bytes] = {}
        self.finished: dict[str, int] = {}
        self.reports: list[dict[str, Any]] = []
        self.unknown: list[str] = []
        self.deleted: list[str] = []

    def history(self, run: str) -> list[dict[str, Any]]:
        """Return the history of a run, in the order of its lines."""
        lines = self.lines.get((run, "wandb-history.jsonl"), {})
        return [json.loads(lines[number]) for number in sorted(lines)]

    def summary(self, run: str) -> dict[str, Any]:
        """Return the newest summary of a run."""
        return json.loads(self.lines[run, "wandb-summary.json"][0])

    def runs(self) -> dict[str, str]:
        """Return the ids of all runs by their names."""
        return {str(bucket["displayName"]): name for name, bucket in self.buckets.items()}

    def answer(self, path: str, body: bytes) -> Any:
        """Answer one request."""
        if path == "/graphql":
            asked = json.loads(body)
            return {"data": self._answer_query(asked["query"], asked.get("variables") or {})}
        if path.endswith("/file_stream"):
            self._take_lines(path.split("/")[-2], json.loads(body))
        elif path.startswith("/upload/"):
            self.files[path.removeprefix("/upload/")] = body
        else:
            self.unknown.append(path)
        return {}

    def _take_lines(self, run: str, told: dict[str, Any]) -> None:
        for name, chunk in (told.get("files") or {}).items():
            kept = self.lines.setdefault((run, name), {})
            kept.update(enumerate(chunk["content"], start=chunk["offset"]))
        if told.get("complete"):
            self.finished[run] = told.get("exitcode", 0)

    def _answer_query(self, query: str, values: dict[str, Any]) -> dict[str, Any]:
        if "upsertBucket" in query:
            return {"upsertBucket": {"bucket": self._upsert(values), "inserted": True}}
        if "createRunFiles" in query:
            run = values["run"]
            files = [{"name": n, "uploadUrl": f"{self.address}/upload/{run}/{n}"} for n in values["files"]]
            return {"createRunFiles": {"runID": run, "uploadHeaders": [], "files": files}}
        if "createArtifact(" in query:
            artifact = {"id": "a", "state": "COMMITTED", "artifactSequence": {"latestArtifact": None}}
            return {"createArtifact": {"artifact": artifact}}
        if "upsertView" in query:
            self.reports.append(values)
            view = {"id": "Vmlldzox", "name": "report", "displayName": values.get("displayName")}
            return {"upsertView": {"view": view, "inserted": True}}
        if "internalId" in query:
            return {"project": {"internalId": "p", "id": "p"}}
        if "deleteRun" in query:
            self.deleted.append(values["id"])
            return {"deleteRun": {"clientMutationId": None}}
        if "run(name: $name)" in query:
            return {"project": {"run": self._show(values["name"])}}
        if "models(" in query:
            project = {"id": "p", "name": values.get("project", "laptime"), "entityName": ENTITY}
            project |= {"createdAt": "2026-01-01T00:00:00", "isBenchmark": False, "user": USER}
            page = {"endCursor": None, "hasNextPage": False}
            return {"models": {"edges": [{"node": project, "cursor": "c"}], "pageInfo": page}}
        info = {"cliVersionInfo": {"max_cli_version": "9"}, "latestLocalVersionInfo": None}
        return {"viewer": USER, "serverInfo": info, "project": None}

    def _show(self, name: str) -> dict[str, Any] | None:
        if name not in self.buckets:
            return None
        moment = "2026-01-01T00:00:00"
        return {
            "id": name, "projectId": "1", "tags": [], "name": name, "displayName": "", "sweepName": None,
            "state": "running", "config": "{}", "group": None, "jobType": None, "commit": None,
            "readOnly": False, "createdAt": moment, "heartbeatAt": moment, "description": "", "notes": None,
            "systemMetrics": "{}", "summaryMetrics": "{}", "historyLineCount": 0,
            "user": USER, "historyKeys": {},
        }  # fmt: skip

    def _upsert(self, values: dict[str, Any]) -> dict[str, Any]:
        known = self.buckets.setdefault(values["name"], {})
        known.update({name: value for name, value in values.items() if value is not None})
        project = {"id": "p", "name": values["project"], "entity": {"id": "e", "name": ENTITY}}
        bucket = {"id": values["name"], "name": values["name"], "displayName": known.get("displayName")}
        return bucket | {"description": "", "config": "{}", "sweepName": None, "project": project,
                         "historyLineCount": len(self.history(values["name"]))}  # fmt: skip


@contextmanager
def serve_wandb() -> Iterator[FakeWandB]:
    """Serve until the end of the block."""
    fake = FakeWandB()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            content = json.dumps(fake.answer(self.path, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Say nothing: wandb hangs up when it has said what it wanted."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
