"""The embedded corpus: the committed files, and a manifest that cannot be read."""

from pathlib import Path

import pytest

from tinyvmaf.data.embedded import EmbeddedCorpus, embedded_corpus
from tinyvmaf.data.ladder import clip_ids
from tinyvmaf.errors import CouldNotRunError, TinyvmafError


def test_spec_manifest_and_rows_are_of_the_same_clips() -> None:
    corpus = embedded_corpus()
    data = corpus.read()
    data.check_has(corpus.clip_ids, corpus.folder)
    assert corpus.clip_ids == sorted(set(data.table["clip"].to_pylist())) == sorted(clip_ids(corpus.spec))


def test_rows_that_lack_clips_say_which() -> None:
    with pytest.raises(CouldNotRunError, match=r"root: no features of A_1_1_1, B_1_1_1$"):
        embedded_corpus().read().check_has(["B_1_1_1", "A_1_1_1"], Path("root"))


@pytest.mark.parametrize("text", [None, "no JSON"])
def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(CouldNotRunError, match=r"manifest\.json: "):
        _ = EmbeddedCorpus(tmp_path).manifest
    with pytest.raises(TinyvmafError, match=r"features\.parquet"):
        EmbeddedCorpus(tmp_path).read()
