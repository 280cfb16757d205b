"""Where in our own tree a request stands, wherever the tree is mounted."""

from __future__ import annotations

from starlette.types import Scope


def mounted(scope: Scope) -> tuple[Scope, str, str]:
    """The scope with a path that agrees with its root_path; the path below the mount; and the relative way back to the mount.

    Links are made with that way alone: it holds behind every proxy, those that strip a prefix and tell nobody included.
    """
    root = scope.get("root_path", "").rstrip("/")
    path = _whole_path(root, scope["path"])
    below = path[len(root) :]
    # Asked for without the slash (root_path "/jobs", path "/jobs"): a browser takes "jobs" for a file beside the others.
    up = "../" * (below.count("/") - 1) if below else root.rpartition("/")[2] + "/"
    return {**scope, "root_path": root, "path": path}, below, up


def _whole_path(root: str, path: str) -> str:
    """The path with the root_path before it, as ASGI has it.

    `FastAPI(root_path="/api")` sets root_path and leaves the path as the proxy stripped it; a Mount inside then hands on root_path
    "/api/jobs" and path "/jobs/stats" (Starlette 1.10, FastAPI 0.165), which fit together only by the mount point they share.
    """
    if _starts(path, root):
        return path
    parts = root.split("/")
    for first in range(1, len(parts)):
        if _starts(path, "/" + "/".join(parts[first:])):
            return "/".join(parts[:first]) + path
    return root + path


def _starts(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")
