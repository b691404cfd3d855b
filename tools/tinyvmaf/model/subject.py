"""A model: one ONNX file, how it is fed, and what its sidecar and the registry say of it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from tinyvmaf.errors import CouldNotRunError, RegistryError, TinyvmafError
from tinyvmaf.files import read_bounded, sha256
from tinyvmaf.model import contract
from tinyvmaf.model.certificate import ExactnessCertificate, certify
from tinyvmaf.model.sidecar import Sidecar, Training, read_sidecar
from tinyvmaf.project import project

if TYPE_CHECKING:
    from tinyvmaf.model.third_party.wrap import AdoptedModel


@dataclass(frozen=True)
class Subject:
    """One model, from the command line to the report.

    What is read from the file or its sidecar is read once. Reading raises `CouldNotRunError` if the model has a fault
    or the file cannot be read, and `RegistryError` if the sidecar is missing or wrong.
    """

    id: str
    path: Path
    """As it was named, or where it is registered."""
    registered: bool
    sha256: str = ""
    """Of the ONNX file, as the registry says; of a file that is not registered, as its sidecar says."""
    sidecar_sha256: str = ""
    """As the registry says; of a file that is not registered, as it was when it was found."""
    copy: Path | None = None
    """Where the file lies that is judged in its place: an adopted one, or one under the id that its sidecar gives."""
    adopted: "AdoptedModel | None" = None
    """Of a third-party model: the file that was made from it."""
    fault: TinyvmafError | None = None
    """Why it cannot be judged: a `ModelError` is the model's own fault, any other kept the gates from running."""

    @classmethod
    def at(cls, path: Path) -> "Subject":
        """A file with a sidecar of this project beside it, registered or not.

        Raises:
            RegistryError: no sidecar, or a wrong one.
        """
        sidecar = path.with_suffix(".json")
        claims = read_sidecar(sidecar)
        digest = sha256(read_bounded(sidecar, contract.LARGEST_SIDECAR))
        found = cls(claims.id, path, registered=False, sha256=claims.sha256, sidecar_sha256=digest)
        found.__dict__["sidecar"] = claims
        return found

    @property
    def file(self) -> Path:
        """The ONNX file that is judged: of a third-party model the adopted one. Sidecar and card lie beside it."""
        if self.fault is not None:
            raise CouldNotRunError(self.fault.message, hint=self.fault.hint)
        return self.copy or self.path

    @property
    def sidecar_path(self) -> Path:
        """The file of its sidecar."""
        return self.file.with_suffix(".json")

    @cached_property
    def data(self) -> bytes:
        """The bytes of that file, as they were when they were first asked for: what is checked is what runs."""
        try:
            return read_bounded(self.file, contract.LARGEST)
        except OSError as error:
            raise CouldNotRunError(f"{self.file}: {error.strerror}") from error

    @cached_property
    def sidecar(self) -> Sidecar:
        """What is claimed of it."""
        return read_sidecar(self.sidecar_path)

    @property
    def kind(self) -> str:
        """The name of its kind."""
        return self.sidecar.kind

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that it takes, in its order."""
        return self.sidecar.feature_order

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The outputs of its graph, in order: `score`, and `stddev` if it states an interval."""
        import onnx  # slow

        return tuple(value.name for value in onnx.load_model_from_string(self.data).graph.output)

    def output_of(self, output: str, run: Callable[[Any], NDArray[Any]]) -> Callable[[Any], NDArray[Any]]:
        """Of a function that gives the outputs of rows, `[N]` or `[N, K]`, the one that gives this output, `[N]`."""
        place = self.outputs.index(output)
        return run if len(self.outputs) == 1 else lambda rows: run(rows)[:, place]

    @property
    def takes_pictures(self) -> bool:
        """Whether its sidecar says that its input is of rank 4."""
        return len(self.sidecar.inputs[0].shape) == 4

    @property
    def teacher_id(self) -> str:
        """The teacher whose scores it should give."""
        return self.sidecar.teacher.id

    @property
    def engines(self) -> tuple[str, ...] | None:
        """The engines that it is for; None: any."""
        return self.sidecar.engines

    @property
    def training(self) -> Training | None:
        """How it was fitted; None for a model that was not trained here."""
        return self.sidecar.training

    @property
    def recipe_of_the_file(self) -> str | None:
        """The recipe that the ONNX file itself names, as those of `tinyvmaf train` do."""
        import onnx  # slow

        return next(
            (one.value for one in onnx.load_model_from_string(self.data).metadata_props if one.key == "recipe"), None
        )

    @property
    def promised(self) -> Mapping[str, float]:
        """Bounds that it holds itself to, by measure."""
        return self.sidecar.promised

    @property
    def tier(self) -> str:
        """The size tier of the file, whatever the sidecar says."""
        return contract.tier(len(self.data))

    @cached_property
    def proof(self) -> ExactnessCertificate:
        """What can be proven of its arithmetic now.

        Raises:
            ModelError: it is not a model.
        """
        return certify(self.data)

    @property
    def exact(self) -> bool:
        """Whether it is proven exact: in float32, or in float64 on the engines that it is for."""
        in_its_own = self.proof.exact_in_float64 and self.proof.arithmetic == "float64"
        return self.proof.certified or (in_its_own and self.engines is not None)

    def fits(self, engine: str) -> bool:
        """Whether it is for that engine. One whose sidecar cannot be read fits any, so that the gate says why."""
        try:
            return self.fault is not None or self.engines is None or engine in self.engines
        except RegistryError:
            return True

    def as_dict(self) -> dict[str, Any]:
        """For the verdict."""
        try:
            claims: dict[str, Any] = self.sidecar.as_dict()
        except (CouldNotRunError, RegistryError):
            claims = {}
        original = self.adopted.original if self.adopted else None
        content = None
        with suppress(OSError):
            content = read_bounded(self.path, contract.LARGEST) if self.fault is None else None
        root = project().root
        inside = self.registered and self.path.is_relative_to(root)
        return {
            "id": self.id,
            "path": str(self.path.relative_to(root) if inside else self.path),
            "sha256": None if content is None else sha256(content),
            "bytes": original.size if original else None if content is None else len(content),
            "tier": claims.get("tier"),
            "teacher": claims.get("teacher", {}).get("id"),
            "recipe": (claims.get("training") or {}).get("recipe"),
            "kind": claims.get("kind"),
            "registered": self.registered,
            "adaptor": list(self.adopted.sentences) if self.adopted else [],
            "measured": claims.get("measured", {}),
            "promised": claims.get("promised", {}),
        }
