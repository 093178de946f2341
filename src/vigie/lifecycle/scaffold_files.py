"""Writes what stands around a project file: settings, tests, container, pipelines. The texts are in ``templates/``."""

from __future__ import annotations

import glob
import json
import os
import string
from importlib import resources
from pathlib import Path

from vigie._version import __version__
from vigie.lifecycle.scaffold_answers import Answers, FileShape
from vigie.lifecycle.scaffold_project import project_text, source_name

TEMPLATES = {
    ".gitignore": "gitignore",
    ".dockerignore": "dockerignore",
    "README.md": "readme.md",
    "requirements.txt": "requirements.txt",
    "tests/test_project.py": "test_project.py",
    "test.sh": "test.sh",
    "Dockerfile": "dockerfile",
    ".gitlab-ci.yml": "gitlab-ci.yml",
    ".github/workflows/vigie.yml": "github.yml",
}
"""File of the project → file of ``templates/``."""


class _Template(string.Template):
    """``%%name``: a mark that neither shells nor YAML, Python or GitHub's ``${{ }}`` use."""

    delimiter = "%%"


def project_files(directory: Path, answers: Answers) -> dict[str, str]:
    """Every file of a project and its text, by path relative to *directory*."""
    values = {
        "name": answers.name,
        "question": project_text(answers).split("\n", 1)[0].removeprefix('"""'),
        "version": __version__,
    }
    folder = resources.files("vigie.lifecycle").joinpath("templates")
    written = {
        target: _Template(folder.joinpath(f"{source}.txt").read_text("utf-8")).substitute(values)
        for target, source in TEMPLATES.items()
    }
    return {f"{answers.name}.py": project_text(answers), "vigie.toml": settings_text(directory, answers), **written}


def settings_text(directory: Path, answers: Answers) -> str:
    """``vigie.toml``."""
    file, source = answers.file, source_name(answers)
    lines = [
        "[project]",
        f'files = ["{answers.name}.py"]',
        'state = ".vigie"  # lake, registry, predictions, reports',
        "",
        f"[sources.{source}]",
        f"path = {_toml(_located(directory, file))}",
    ]
    if file.delimiter is not None:
        lines.append(f"delimiter = {_toml(file.delimiter)}")
    if file.encoding != "utf-8":
        lines.append(f"encoding = {_toml(file.encoding)}")
    if file.nulls:
        lines.append(f"nulls = [{', '.join(map(_toml, ('', *file.nulls)))}]  # texts that mean: no value")
    lines += [
        "",
        "# The same source elsewhere: vigie train --env prod",
        "[environments.prod]",
        f"# [environments.prod.sources.{source}]",
        '# url = "env:WAREHOUSE_URL"  # a secret is the name of a variable or file:PATH, never a value',
        f'# table = "{source}"',
        "",
        "[serve]",
        'host = "127.0.0.1"',
        "port = 8000",
    ]
    return "\n".join(lines) + "\n"


def _located(directory: Path, file: FileShape) -> str:
    """The path as ``vigie.toml`` says it: relative where the file is below or near the project."""
    path = Path(file.path)
    if not path.exists():
        return file.path  # a glob, or a file that is still to come; relative to the project
    root, found = directory.resolve(), path.resolve()
    relative = Path(os.path.relpath(found, root))
    near = relative.parts[:3].count("..") < 3
    return glob.escape((relative if near else found).as_posix())


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
