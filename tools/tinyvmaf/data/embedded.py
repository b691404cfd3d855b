"""The embedded corpus: what is committed of it in `fixtures/corpus/`."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tinyvmaf.data import dataset
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import home


@dataclass(frozen=True)
class EmbeddedCorpus:
    """The spec that its clips are built from, the manifest of that build, and the features measured on them."""

    folder: Path

    @property
    def spec(self) -> Path:
        """The TOML file that `ladder.build` builds it from."""
        return self.folder / "ladder9.toml"

    @property
    def photographs(self) -> Path:
        """The TOML file of the optional ladder of photographs, which are files of Debian packages."""
        return self.folder / "photos38.toml"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What `ladder.build` returned when it was built: hashes of inputs and clips, and the tool.

        Raises:
            CouldNotRunError: it cannot be read.
        """
        path = self.folder / "manifest.json"
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError) as error:
            raise CouldNotRunError(f"{path}: {error}") from error

    @property
    def soft_photographs(self) -> Path:
        """The TOML file of the optional ladder of small parts of photographs, scaled up."""
        return self.folder / "photos_soft.toml"

    @property
    def clip_ids(self) -> list[str]:
        """The distorted clips of the manifest, sorted."""
        return sorted(Path(path).stem for path in self.manifest["clips"] if path.startswith("dis/"))

    @property
    def features(self) -> Path:
        """The parquet file of its features."""
        return self.folder / "features.parquet"

    @property
    def extremes(self) -> Path:
        """The TOML table of the extremes of its natural sources."""
        return self.folder / "extremes.toml"

    @property
    def extreme_features(self) -> Path:
        """The parquet file of the features of these extremes."""
        return self.folder / "extremes.parquet"

    def read(self) -> Dataset:
        """Its features and scores.

        Raises:
            TinyvmafError: as `dataset.read`.
        """
        return dataset.read(self.features)


def embedded_corpus() -> EmbeddedCorpus:
    """That of the checkout."""
    return EmbeddedCorpus(home() / "fixtures" / "corpus")
