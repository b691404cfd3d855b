"""What only engines tell, and what has a test of its own."""

from .making import ELSEWHERE, ENGINES, Made, add, before_clip, broken, noise, nothing


@broken(ENGINES, "backends.ulp", green="golden contract loso")
def sums_that_round(made: Made) -> None:
    """Noise of 1e-6 of each weight, so that sums round, each engine's in its own way."""
    noise(made, 1e-6)


@broken(ENGINES, "backends.ulp", green="golden contract")
def depends_on_its_batch(made: Made) -> None:
    """A hundredth of what a row has over the mean of its batch is added: normalisation left in training mode."""
    at = len(made.model.graph.node) - 1
    mean = add(made, "ReduceMean", ["raw_score"], "mean", at=at, axes=[0], keepdims=1)
    more = add(made, "Mul", [add(made, "Sub", ["raw_score", mean], "over", at=at + 1), 0.01], "more", at=at + 2)
    before_clip(made, ("Add", more))


# What has a test of its own: (gate, what, test).

for _name, _gate, _what, _test in (
    (
        "idle_nodes",
        "latency.floor",
        "Forty nodes that change nothing make it slow at one row.",
        "test_latency_gate.py::test_a_graph_with_idle_nodes_is_slow_at_one_row_and_has_grown",
    ),
    (
        "wide_layer",
        "latency.baseline",
        "A wide layer that changes nothing makes it slow in bulk.",
        "test_latency_gate.py::test_a_wide_layer_that_changes_nothing_is_slow_in_bulk",
    ),
    (
        "wrong_on_one_row",
        "latency.output",
        "Wrong on one row of 6,912.",
        "test_latency_gate.py::test_a_fast_model_with_a_wrong_output_fails_inside_the_benchmark",
    ),
    (
        "leaked_source",
        "loso.leaked_rows",
        "A source that is held out was trained on under another name.",
        "test_loso_gate.py::test_a_source_that_leaks_in_under_another_name_fails",
    ),
    (
        "straight_line",
        "loso.frame_max_error",
        "A straight line, whose correlation is 0.996.",
        "test_loso_gate.py::test_a_straight_line_fails_though_it_correlates",
    ),
    (
        "wrong_on_external_rows",
        "external.frame_max_error",
        "Right on every row of the corpus, and 12 points off where more moves than in any of it.",
        "test_external_gate.py::test_a_candidate_that_is_right_on_the_corpus_alone_is_caught",
    ),
    (
        "scores_of_another_model",
        "external.published",
        "The published scores of a set are not those of the teacher that it names.",
        "test_external_gate.py::test_published_scores_that_are_off_are_caught",
    ),
    (
        "no_better_than_a_cubic",
        "loso.opinions",
        "A model that is fitted to opinions is no better than a cubic of its teacher.",
        "test_loso_gate.py::test_an_opinion_model_has_to_beat_the_cubic_on_sources_that_it_has_not_seen",
    ),
    (
        "variant_of_another_scale",
        "loso.parent_rmse",
        "A quantised variant gives nine tenths of its parent's scores.",
        "test_variant_gate.py::test_a_variant_that_is_another_model_fails",
    ),
    (
        "variant_that_is_bent",
        "loso.parent_plcc_drop",
        "A quantised variant gives no score below 45.",
        "test_variant_gate.py::test_a_variant_that_is_another_model_fails",
    ),
    (
        "trained_on_golden_rows",
        "corpus.no_row_is_golden",
        "A golden row is in the corpus that models are trained on.",
        "test_corpus_gate.py::golden_row",
    ),
    (
        "clip_missing",
        "corpus.every_clip_is_there",
        "A clip is missing from the corpus.",
        "test_corpus_gate.py::drop_clip",
    ),
    (
        "outside_the_domain",
        "corpus.outside",
        "A row of the corpus lies outside its teacher's domain.",
        "test_corpus_gate.py::outside",
    ),
):
    broken(ELSEWHERE, _gate, name=_name, what=_what, says=_test)(nothing)
