"""Parts of model bundles on disk, and bundle.json, their manifest.

A part is written beside its place and appears whole: who opens the bundle
meanwhile sees the old one. models/manifest.go reads what this writes.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil

import onnx

FORMAT = "uredit-bundle/1"
MANIFEST = "bundle.json"


class Refused(Exception):
    """A sentence for the user about a checkpoint or folder that cannot be used."""


@contextlib.contextmanager
def part(bundle, name):
    """Yield an empty folder that replaces the part `name` of a bundle.

    Nothing changes in the bundle when the body raises.
    """
    bundle = pathlib.Path(bundle)
    made, place = bundle / f".{name}.new", bundle / name
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    try:
        yield made
        old = bundle / f".{name}.old"
        shutil.rmtree(old, ignore_errors=True)
        if place.exists():
            place.rename(old)
        made.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def describe(bundle, name, note, title=None, licence=None):
    """Write bundle.json after the part `name` was written.

    note is a JSON value about how the part was made. What the manifest says
    about other parts stays as it is, so that a damaged one is not approved.
    """
    bundle = pathlib.Path(bundle)
    m = _read(bundle)
    m["name"] = title or m.get("name") or bundle.resolve().name
    m["licence"] = licence or m.get("licence") or "That of the checkpoints that it was exported from."
    m.setdefault("about", "Networks exported from checkpoints by uredit's models/export; notes say from which, and how.")
    for key in ("files", "graphs", "notes"):
        m[key] = {k: v for k, v in m.get(key, {}).items() if k != name and not k.startswith(name + "/")}
    for path in _files(bundle):
        key = path.relative_to(bundle).as_posix()
        if key not in m["files"]:
            m["files"][key] = {"sha256": _sha256(path), "size": path.stat().st_size}
            if path.suffix == ".onnx":
                m["graphs"][key] = signature(path)
    m["notes"][name] = note
    for key in ("files", "graphs", "notes"):
        m[key] = dict(sorted(m[key].items()))
    order = ("format", "name", "licence", "about", "files", "graphs", "notes")
    text = json.dumps({k: m[k] for k in order}, indent=2, ensure_ascii=False) + "\n"
    temporary = bundle / f".{MANIFEST}.new"
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, bundle / MANIFEST)


def _read(bundle):
    try:
        m = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"format": FORMAT}
    if m.get("format") != FORMAT:
        raise Refused(f"{bundle / MANIFEST} has the format {m.get('format')!r}, not {FORMAT!r}")
    return m


def _files(bundle):
    """The bundle's files, hidden ones and the manifest left out."""
    for path in sorted(bundle.rglob("*")):
        names = path.relative_to(bundle).parts
        if path.is_file() and names != (MANIFEST,) and not any(n.startswith(".") for n in names):
            yield path


def _sha256(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def signature(path):
    """Inputs and outputs of a graph as bundle.json holds them."""
    graph = onnx.load(path, load_external_data=False).graph

    def edges(values):
        out = {}
        for v in values:
            t = v.type.tensor_type
            kind = onnx.helper.tensor_dtype_to_np_dtype(t.elem_type).name
            dims = ",".join(d.dim_param or str(d.dim_value) for d in t.shape.dim)
            out[v.name] = f"{kind} [{dims}]"
        return out

    return {"inputs": edges(graph.input), "outputs": edges(graph.output)}
