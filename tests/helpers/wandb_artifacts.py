"""The artifacts of the stand-in for W&B's server, which keeps their files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Artifact:
    """An artifact as the server has it."""

    id: str
    name: str
    kind: str
    aliases: list[str] = field(default_factory=list)
    state: str = "PENDING"


class Artifacts:
    """What the server knows of artifacts.

    Args:
        address: where files are put: a function of a name.
    """

    def __init__(self, address: Callable[[str], str]) -> None:
        self.all: dict[str, Artifact] = {}
        self._address = address

    def answers(self) -> dict[str, Answer]:
        """By the name of the operation."""
        return {
            "ArtifactType": lambda _: {"project": None},
            "CreateArtifact": self._create,
            "CreateArtifactManifest": self._manifest,
            "UpdateArtifactManifest": self._update_manifest,
            "CreateArtifactFiles": self._files,
            "CommitArtifact": self._commit,
        }

    def _create(self, variables: dict[str, Any]) -> dict[str, Any]:
        variables = variables.get("input", variables)
        artifact = Artifact(
            f"artifact{len(self.all)}",
            variables["artifactCollectionName"],
            variables["artifactTypeName"],
            [alias["alias"] for alias in variables.get("aliases") or []],
        )
        self.all[artifact.id] = artifact
        sequence = {"id": "s", "name": artifact.name, "latestArtifact": None}
        created = {"id": artifact.id, "state": "PENDING", "artifactSequence": sequence}
        return {"createArtifact": {"artifact": created}}

    def _manifest(self, variables: dict[str, Any]) -> dict[str, Any]:
        manifest = {
            "id": f"manifest-{variables['artifactID']}",
            "file": self._file(variables["name"]),
        }
        return {"createArtifactManifest": {"artifactManifest": manifest}}

    def _update_manifest(self, variables: dict[str, Any]) -> dict[str, Any]:
        name = variables["artifactManifestID"]
        manifest = {"id": name, "file": self._file(name)}
        return {"updateArtifactManifest": {"artifactManifest": manifest}}

    def _files(self, variables: dict[str, Any]) -> dict[str, Any]:
        specs = variables["input"]["artifactFiles"]
        edges = [
            {
                "node": {
                    **self._file(spec["name"]),
                    "artifact": {"id": spec["artifactID"]},
                    "storagePath": spec["name"],
                    "uploadMultipartUrls": None,
                }
            }
            for spec in specs
        ]
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _commit(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.all[variables["artifactID"]].state = "COMMITTED"
        created = {"id": variables["artifactID"], "digest": "d"}
        return {"commitArtifact": {"artifact": created}}

    def _file(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "name": name,
            "displayName": name,
            "uploadUrl": self._address(name),
            "uploadHeaders": [],
        }
